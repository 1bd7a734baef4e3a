"""OpenAI's videos, as the fault campaigns ask it."""

from __future__ import annotations

from benchmarks.chaos_kinds import Charges, Cost, Row

ROW = Row("openai", "sora", charges=Charges("USD", {"sora-2-pro": Cost("per_video", "1.300001")}))
