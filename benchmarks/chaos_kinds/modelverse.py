"""Modelverse, as the fault campaigns ask it."""

from __future__ import annotations

from benchmarks.chaos_kinds import Charges, Cost, Row

ROW = Row(
    "modelverse",
    "modelverse",
    charges=Charges(
        "CNY",
        {
            "Wan-AI/Wan2.2-I2V": Cost("per_second", "0.070001"),
            "openai/sora-2/image-to-video-pro": Cost("per_second", "2.15"),
        },
    ),
)
