"""MiniMax, as the fault campaigns ask it."""

from __future__ import annotations

from benchmarks.chaos_kinds import LISTED_JOB_S, Asked, Charges, Cost, Row

ROW = Row(
    "minimax",
    "hailuo",
    base="",
    job_s=LISTED_JOB_S,
    names={"h3": Asked("minimax-h3", 5)},
    charges=Charges("CNY", {"MiniMax-H3": Cost("per_second", "0.666667")}),
)
