"""SGLang, free to repeat, as the fault campaigns ask it."""

from __future__ import annotations

from benchmarks.chaos_kinds import Asked, Row

ROW = Row("sglang", "gpu", names={"own": Asked("Wan-AI/Wan2.2-I2V", 5)})
