"""LightX2V as an engine: its calls, its answers, and what each of its weights takes."""
