"""What an operator says of a call in doubt: whether its upstream has billed it."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from unstill.domain.attempts import Attempt, Outcome

# A ticket may have come since: the job is not revived by it.
_MAY_BE_BILLED = frozenset({Outcome.OPEN, Outcome.UNKNOWN, Outcome.ACCEPTED})


class Resolution(msgspec.Struct, frozen=True):
    """One word for each job, said once."""

    job_id: str
    n: int  # the attempt that it is about
    is_charged: bool
    at_ms: int


class Resolved(msgspec.Struct, frozen=True):
    """What came of a word: what stands, and whether it was said before."""

    resolution: Resolution
    is_new: bool
    released: int | None = None  # of the price, in millionths; None where nothing was reserved
    cost: int | None = None  # in millionths; None where none was settled
    currency: str = ""


def call_in_doubt(attempts: Sequence[Attempt]) -> Attempt | None:
    """The newest call of a job that may have been billed."""
    found = [each for each in attempts if each.outcome in _MAY_BE_BILLED]
    return found[-1] if found else None
