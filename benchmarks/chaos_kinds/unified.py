"""A gateway with the unified API, as the fault campaigns ask it."""

from __future__ import annotations

from benchmarks.chaos_kinds import Charges, Cost, Row

ROW = Row("unified", "ope", charges=Charges("USD", {"wan2.7-i2v": Cost("per_video", "0.123457")}))
