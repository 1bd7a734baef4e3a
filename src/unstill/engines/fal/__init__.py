"""fal as an engine: its queue, and what each of its endpoints takes."""
