"""OpenRouter as an engine: its videos API, and what its list of models tells of each."""
