"""Ark, as the fault campaigns ask it."""

from __future__ import annotations

from benchmarks.chaos_kinds import LISTED_JOB_S, Asked, Charges, Cost, Row

ROW = Row(
    "ark",
    "ark",
    base="/api/v3",
    job_s=LISTED_JOB_S,
    names={"seedance": Asked("doubao-seedance-2.0", 4)},
    charges=Charges("CNY", {"doubao-seedance-2-0-260128": Cost("per_video", "4.100001")}),
)
