"""Comfy Router as an engine: its queue, and which of its models are asked in whose words."""
