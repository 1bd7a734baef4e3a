"""The child program of a device: the only part that imports torch."""
