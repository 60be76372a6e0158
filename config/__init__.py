"""What a person writes: pipeline files and settings, with errors that name file, key, value and what is allowed."""
