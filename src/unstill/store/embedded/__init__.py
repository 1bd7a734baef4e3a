"""The embedded store: one SQLite file in the data folder, which one process holds."""
