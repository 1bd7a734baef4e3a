"""The description of the API, printed from route tables and cards."""
