"""ComfyUI as an engine: its calls, its answers, and the operator's graph."""
