"""Kling, as the fault campaigns ask it. Its answers say what it charged."""

from __future__ import annotations

from benchmarks.chaos_kinds import Asked, Charges, Cost, Row

ROW = Row(
    "kling",
    "kuaishou",
    base="",
    told_after_s=300,
    names={"kling": Asked("kling-v3", 5)},
    charges=Charges("USD", {"kling-3.0": Cost("per_second", "0.084")}),
)
