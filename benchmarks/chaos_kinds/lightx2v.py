"""LightX2V, free, as the fault campaigns ask it."""

from __future__ import annotations

from benchmarks.chaos_kinds import Asked, Row

ROW = Row(
    "lightx2v", "lx", base="", told_after_s=60, names={"own-told": Asked("Wan-AI/Wan2.2-I2V", 5)}
)
