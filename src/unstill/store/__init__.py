"""The job store: the one room that touches the database; it reads no video and no network."""
