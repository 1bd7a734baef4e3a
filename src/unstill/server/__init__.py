"""HTTP: reads calls, asks the service, writes answers."""
