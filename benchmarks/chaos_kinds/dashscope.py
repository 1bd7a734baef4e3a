"""DashScope, as the fault campaigns ask it."""

from __future__ import annotations

from benchmarks.chaos_kinds import LISTED_JOB_S, Asked, Charges, Cost, Row

ROW = Row(
    "dashscope",
    "bailian",
    base="/api/v1",
    job_s=LISTED_JOB_S,
    names={"wan-alone": Asked("wan2.7-i2v", 2)},
    charges=Charges(
        "CNY",
        {
            "wan2.7-i2v": Cost("per_second", "0.333333"),
            "wan2.2-i2v-flash": Cost("per_second", "0.1"),
        },
    ),
)
