"""What an owner may have at once, and how its turns weigh."""

from __future__ import annotations

import msgspec

from unstill.domain.errors import BadField
from unstill.domain.owner_turns import MOST_WEIGHT

MOST = 2**53  # what JSON's readers keep exact


class Limits(msgspec.Struct, frozen=True):
    """Of one owner; None is no limit. Jobs that were taken before one was set go on."""

    in_flight: int | None = None  # jobs that have begun: submitting, running, saving
    submits_per_minute: int | None = None
    queue: int | None = None  # jobs that no engine has begun: queued, ready
    stored_bytes: int | None = None  # of its jobs' files and its uploads
    weight: int = 1  # turns in a round, see domain/owner_turns.py

    @property
    def counts_jobs(self) -> bool:
        return self.in_flight is not None or self.queue is not None

    @property
    def is_unlimited(self) -> bool:
        return not self.counts_jobs and self.submits_per_minute is None and not self.counts_bytes

    @property
    def counts_bytes(self) -> bool:
        return self.stored_bytes is not None


UNLIMITED = Limits()


def amount(param: str, given: object, *, nothing: str) -> int | None:
    """An amount as an operator sets it, None for no limit.

    nothing: the operator's word for None. Raises BadField by the operator's own name of the field.
    """
    if given is None:
        return None
    if isinstance(given, bool) or not isinstance(given, int) or not 0 <= given <= MOST:
        raise BadField(param, f"a whole number from 0 or {nothing}", given)
    return given


def weight(param: str, given: object) -> int:
    """A weight as an operator sets it, None for the usual one. Raises BadField."""
    if given is None:
        return UNLIMITED.weight
    if isinstance(given, bool) or not isinstance(given, int) or not 1 <= given <= MOST_WEIGHT:
        raise BadField(param, f"a whole number from 1 to {MOST_WEIGHT}", given)
    return given
