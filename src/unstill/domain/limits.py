"""What an owner may have at once, and how its turns weigh."""

from __future__ import annotations

import msgspec


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
