"""The board: how far each unfinished job has come, and who waits for it; in memory only.

Of what an engine reports to one server, the others hear (between_servers.py).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from itertools import chain, islice

from unstill.domain.job import Job, State
from unstill.domain.owner import NOBODY, Owner
from unstill.progress.owner_news import OwnerNews, OwnerWaiter
from unstill.progress.waiters import Alarms, WaitCounts, Waiter

RENDERED = 0.97  # what is left after the render is the check and the rename
# So many jobs that ended without a video are remembered as far as they came: whoever followed one
# asks for its end soon.
REMEMBERED = 10_000


class Board:
    """Progress by job; told by engines, read by answers. It never goes back."""

    def __init__(self) -> None:
        # Jobs have one that have been running, and may again.
        self._fractions: dict[str, float] = {}
        self._waiting: set[str] = set()  # those of them that were put back
        # Jobs have one that ran, and ended without a video, or that are known by hearsay alone.
        self._reached: dict[str, float] = {}
        self._share: Callable[[str, float], None] | None = None  # with the other servers
        self._waiters: dict[str, set[Waiter]] = {}  # by job
        self.owner_news = OwnerNews()
        self._followers = self.owner_news.followers
        self._alarms = Alarms()
        self._counts = WaitCounts()
        self._is_closed = False

    def expect(self, job_id: str) -> None:
        """Take reports of a job that is running."""
        if job_id not in self._fractions:
            self._fractions[job_id] = self._reached.pop(job_id, 0.0)
        self._waiting.discard(job_id)

    def report(self, job_id: str, fraction: float) -> None:
        """Note how far an engine is, 0 to 1; an earlier, higher report stands."""
        earlier = self._fractions.get(job_id)
        # Else it was put back or cancelled, and its child speaks late.
        if earlier is not None and job_id not in self._waiting:
            now = self._fractions[job_id] = max(earlier, min(fraction, 1.0))
            is_followed = (
                self._share is not None or job_id in self._waiters or bool(self._followers)
            )
            if is_followed and _percent(now) > _percent(earlier):
                self._wake(job_id)
                if self._share is not None:
                    self._share(job_id, now)

    def share_by(self, share: Callable[[str, float], None]) -> None:
        """Let it have each whole percent that is reported from now on."""
        self._share = share

    def hear(self, job_id: str, fraction: float) -> None:
        """The same that was reported to another server, which this one may not know to run."""
        if job_id in self._waiting:
            return
        known = self._fractions if job_id in self._fractions else self._reached
        earlier = known.get(job_id, 0.0)
        now = known[job_id] = max(earlier, min(fraction, 1.0))
        if _percent(now) > _percent(earlier):
            self._wake(job_id)
        self._forget_the_oldest()

    def changed(self, job: Job) -> None:
        """Take reports of a job that is rendered; of one that is not now, keep what was shown."""
        match job.state:
            case State.RUNNING:
                self.expect(job.id)
            case State.SAVING:
                self._fractions[job.id] = 1.0
            case State.SUCCEEDED | State.FAILED | State.CANCELLED:
                self._end(job)
            case _ if job.id in self._fractions:
                self._waiting.add(job.id)
            case _:
                pass
        for waiter in self._waiters.get(job.id, ()):
            waiter.wake()
        if self._followers:
            self.owner_news.changed(job)

    def progress(self, job: Job) -> float:
        """How far the job is, 0 to 1."""
        match job.state:
            case State.SUCCEEDED:
                return 1.0
            case State.SAVING:
                return RENDERED
            case _:
                # A job whose end was not told of yet is still among those that may go on.
                reached = self._reached.get(job.id, 0.0)
                return self._fractions.get(job.id, reached) * RENDERED

    def waiting_at(self, caller: str) -> int:
        """How many wait at that address."""
        return self._counts.at[caller]

    def waiting_of(self, owner: Owner) -> int:
        """How many wait with a key of that owner."""
        return self._counts.of[owner]

    def waiter(
        self, job_id: str, caller: str = "", *, owner: Owner = NOBODY, key_id: str = ""
    ) -> Waiter:
        """Woken at each change of the job, and at each whole percent of its progress.

        caller: the address that it waits at.
        owner: whose key it has shown.
        key_id: of the key that it waits by; empty where it is none of the store's.

        Whoever enters it and reads the job then misses nothing: the board hears of a change after
        its commit.
        """
        return Waiter(
            job_id,
            self._waiters,
            self._alarms,
            self._counts,
            caller=caller,
            owner=owner,
            key_id=key_id,
            is_over=self._is_closed,
        )

    def owner_waiter(self, owner: Owner, caller: str = "", *, key_id: str = "") -> OwnerWaiter:
        """Woken when any job of the owner is different, as a waiter for that job is.

        caller, key_id: as of `waiter`.
        """
        return OwnerWaiter(
            self.owner_news,
            self._alarms,
            self._counts,
            caller=caller,
            owner=owner,
            key_id=key_id,
            is_over=self._is_closed,
        )

    def ease(self, caller: str, most: int) -> None:
        """End as many waits of that caller, those for the oldest jobs first."""
        theirs = (each for each in self._all() if each.caller == caller and not each.is_over)
        for waiter in islice(theirs, most):
            waiter.end()

    def end_by(self, key_ids: Collection[str]) -> None:
        """End the waits by these keys."""
        for waiter in self._all():
            if waiter.key_id in key_ids:
                waiter.end()

    def close(self) -> None:
        """End all waits, and those that are still to begin."""
        self._is_closed = True
        for waiter in self._all():
            waiter.end()

    def _all(self) -> Iterator[Waiter]:
        """Those for one job, and those for all of an owner's."""
        return chain.from_iterable(chain(self._waiters.values(), self._followers.values()))

    def _end(self, job: Job) -> None:
        self._waiting.discard(job.id)
        fraction = self._fractions.pop(job.id, 0.0)
        if fraction and job.state is not State.SUCCEEDED:
            self._reached[job.id] = fraction
            self._forget_the_oldest()

    def _forget_the_oldest(self) -> None:
        if len(self._reached) > REMEMBERED:
            del self._reached[next(iter(self._reached))]

    def _wake(self, job_id: str) -> None:
        for waiter in self._waiters.get(job_id, ()):
            waiter.wake()
        if self._followers:
            self.owner_news.moved(job_id)


def _percent(fraction: float) -> int:
    """As answers show it."""
    return int(fraction * RENDERED * 100)
