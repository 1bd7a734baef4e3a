"""The videos dialect."""
