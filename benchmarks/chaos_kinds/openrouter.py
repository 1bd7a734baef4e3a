"""OpenRouter, as the fault campaigns ask it. Its answers say what it charged."""

from __future__ import annotations

from benchmarks.chaos_kinds import Asked, Charges, Cost, Row

ROW = Row(
    "openrouter",
    "router",
    base="/api/v1",
    names={"horse-market": Asked("happyhorse-1.0-i2v", 3)},
    charges=Charges(
        "USD",
        {
            "alibaba/wan-2.7": Cost("per_second", "0.1"),
            "alibaba/happyhorse-1.0": Cost("per_second", "0.14"),
        },
    ),
)
