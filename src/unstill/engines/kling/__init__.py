"""Kling as an engine: its calls, its answers, and what each of its models takes."""
