"""vLLM-Omni, as the fault campaigns ask it."""

from __future__ import annotations

from benchmarks.chaos_kinds import Asked, Charges, Cost, Row

ROW = Row(
    "vllm-omni",
    "omni",
    names={"horse": Asked("happyhorse-1.0-i2v", 3)},
    charges=Charges(
        "EUR",
        {
            "wan2.7-i2v": Cost("per_video", "0.010101"),
            "happyhorse-1.0-i2v": Cost("per_video", "0.010101"),
        },
    ),
)
