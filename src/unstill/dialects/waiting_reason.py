"""Why a job waits longer than it should, as the answers of every dialect say it. Ours."""

from __future__ import annotations

import msgspec

from unstill.domain.stall import Stall


class WaitingFor(msgspec.Struct, frozen=True):
    """In the answer of a job that is held up, and in no other."""

    code: str
    message: str
    since: int  # Unix seconds


def waiting_for(stall: Stall | None) -> WaitingFor | None:
    if stall is None:
        return None
    return WaitingFor(stall.code, stall.message, stall.since_ms // 1000)
