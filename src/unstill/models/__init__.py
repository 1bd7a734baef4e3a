"""The models that are answered for: what a request may say; touches values alone."""
