"""fal, as the fault campaigns ask it."""

from __future__ import annotations

from benchmarks.chaos_kinds import Charges, Cost, Row

ROW = Row(
    "fal",
    "fal",
    base="",
    charges=Charges("USD", {"fal-ai/wan/v2.7/image-to-video": Cost("per_video", "0.200003")}),
)
