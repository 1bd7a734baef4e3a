"""Why a job waits for more than its turn."""

from __future__ import annotations

import msgspec


class Stall(msgspec.Struct, frozen=True):
    """What a job waits for; the words are fit for its caller."""

    code: str
    message: str
    since_ms: int
