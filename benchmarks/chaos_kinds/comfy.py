"""Comfy Router, as the fault campaigns ask it. Its answers say what it charged."""

from __future__ import annotations

from benchmarks.chaos_kinds import Asked, Charges, Cost, Row

ROW = Row(
    "comfy",
    "comfy",
    base="",
    forgets=True,
    names={"wan-router": Asked("wan2.7-i2v", 2)},
    charges=Charges("USD", {"wan/wan2.7-i2v": Cost("per_second", "0.100007")}),
)
