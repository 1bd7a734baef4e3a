"""What engines on somebody else's server share: the port, the client, the reading of answers."""
