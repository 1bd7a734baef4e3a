"""MiniMax as an engine: its calls, and what each of its models takes."""
