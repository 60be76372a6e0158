"""What is personal in a table, and what may become of it. The detectors are `tasks.adapters.personal`'s."""
