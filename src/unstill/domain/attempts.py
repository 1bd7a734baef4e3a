"""The ledger: one attempt per call that may cost, written before the call and settled after it.

An attempt that is found open at a start was under way when the server died: it may have been
billed, and is never made again, unless its upstream can tell by the call's key what became of it.
What the attempts of an account say about it, whether to try it at all, is read from them each time:
nothing else remembers.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Outcome(StrEnum):
    OPEN = "open"  # the call is under way
    ACCEPTED = "accepted"  # there is a ticket
    BUSY = "busy"  # surely not taken, may be sent again
    UNREACHED = "unreached"  # no connection, or it was asked and has it not: likewise
    UNPREPARED = "unprepared"  # nothing was sent, a frame could not be uploaded: likewise
    REFUSED = "refused"  # surely not taken, and not by this engine later
    REJECTED = "rejected"  # the request itself
    UNKNOWN = "unknown"  # may have been taken: a lost reply, or the server died meanwhile


# Surely not taken, and the same engine may be asked again.
AGAIN = frozenset({Outcome.BUSY, Outcome.UNREACHED, Outcome.UNPREPARED})


class Attempt(msgspec.Struct, frozen=True, omit_defaults=True):
    """One call that may cost. Times are Unix milliseconds."""

    job_id: str
    n: int  # the job's attempt that made it
    engine: str
    account: str
    upstream_model: str
    intent_ms: int
    submit_by_ms: int  # nobody but its submitter judges it before, except a start
    outcome: Outcome = Outcome.OPEN
    ticket: str | None = None
    code: str = ""
    message: str = ""
    of_account: bool = False  # refused for reasons that the next job would meet too
    retry_after_ms: int = 0  # what a busy upstream advised
    settled_ms: int | None = None
    call_key: str = ""  # the upstream knows the call by it; "": by nothing of ours


class Settlement(msgspec.Struct, frozen=True):
    """What became of attempt `n` of a job; written whatever became of the job meanwhile."""

    n: int
    outcome: Outcome
    settled_ms: int
    ticket: str | None = None
    code: str = ""
    message: str = ""
    of_account: bool = False
    retry_after_ms: int = 0
