"""ComfyUI, free, as the fault campaigns ask it."""

from __future__ import annotations

from pathlib import Path

from benchmarks.chaos_kinds import Asked, Row

GRAPH = Path(__file__).parents[2] / "tests" / "support" / "comfyui_graph.json"
ROW = Row(
    "comfyui",
    "graph",
    base="",
    told_after_s=60,
    own=(f'graph = "{GRAPH}"',),
    names={"own-graph": Asked("Wan-AI/Wan2.2-I2V", 5)},
)
