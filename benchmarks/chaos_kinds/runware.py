"""Runware, as the fault campaigns ask it. Its answers say what it charged."""

from __future__ import annotations

from benchmarks.chaos_kinds import Asked, Charges, Cost, Row

ROW = Row(
    "runware",
    "rw",
    forgets=True,
    names={"wan-told": Asked("wan2.7-i2v", 2)},
    charges=Charges("USD", {"alibaba:wan@2.7": Cost("per_second", "0.15")}),
)
