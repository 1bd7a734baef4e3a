"""A file for each kind of pipeline."""
