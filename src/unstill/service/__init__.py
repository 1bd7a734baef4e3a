"""What callers may do with jobs; touches the store and the files, knows no HTTP and no dialect."""
