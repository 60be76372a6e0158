"""The commands of `keepfit`: each module has `register(app)` and imports what it needs inside its commands."""
