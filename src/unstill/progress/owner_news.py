"""What changes among all jobs of an owner, for who follows them; nothing while nobody does.

Of a change the board is told with its job, of progress with the job's id alone. Whose that is is
asked once, and remembered as long as anybody follows: so jobs cost nothing where nobody does, and
whoever comes hears of those too that were running before.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from itertools import islice
from typing import Self

from unstill.domain.errors import OwnError
from unstill.domain.job import Job, State
from unstill.domain.owner import NOBODY, Owner
from unstill.progress.waiters import Alarms, WaitCounts, Waiter

MOST_CHANGED = 2_000  # jobs, of which one who reads slowly has yet to hear
MOST_KNOWN = 20_000  # running jobs whose owner is remembered; of more, the oldest is asked anew
ASKED_AT_ONCE = 50  # each may be a read on the event loop
ASK_PAUSE_S = 0.05

OwnerOf = Callable[[str], Awaitable[Owner | None]]


class OwnerWaiter(Waiter):
    """One who waits for any job of its owner to change, and has yet to hear of those that have."""

    __slots__ = ("_news", "changed", "is_behind")

    def __init__(
        self,
        news: OwnerNews,
        alarms: Alarms,
        counts: WaitCounts,
        *,
        caller: str,
        owner: Owner,
        key_id: str,
        is_over: bool,
    ) -> None:
        super().__init__(
            "", {}, alarms, counts, caller=caller, owner=owner, key_id=key_id, is_over=is_over
        )
        self._news = news
        # The longest ago first, with the job as it was told of last; None: told by its id alone.
        self.changed: dict[str, Job | None] = {}
        self.is_behind = False  # more have changed than are remembered, and none is

    def __enter__(self) -> Self:
        self._news.add(self)
        self._counts.add(self, 1)
        return self

    def __exit__(self, *error: object) -> None:
        self._news.remove(self)
        self._counts.add(self, -1)

    def note(self, job_id: str, job: Job | None) -> None:
        """The job is different from what was told of it."""
        if not self.is_behind:
            self.changed[job_id] = job or self.changed.get(job_id)
            if len(self.changed) > MOST_CHANGED:
                self.changed.clear()
                self.is_behind = True
        self.wake()

    def take(self, most: int) -> dict[str, Job | None]:
        """So many of those that changed longest ago, which are told now."""
        taken = dict(islice(self.changed.items(), most))
        for job_id in taken:
            del self.changed[job_id]
        return taken


class OwnerNews:
    """Who follows all jobs of which owner."""

    def __init__(self) -> None:
        self.followers: dict[Owner, set[OwnerWaiter]] = {}
        self._owner_of: OwnerOf | None = None
        self._owners: dict[str, Owner] = {}  # by running job; nobody's where there is none to tell
        self._unknown: dict[str, None] = {}  # jobs that moved, in order
        self._asking: asyncio.Task[None] | None = None

    def ask(self, owner_of: OwnerOf) -> None:
        """Whose a job is, says this from now on; it may raise OwnError."""
        self._owner_of = owner_of

    def add(self, follower: OwnerWaiter) -> None:
        self.followers.setdefault(follower.owner, set()).add(follower)

    def remove(self, follower: OwnerWaiter) -> None:
        followers = self.followers[follower.owner]
        followers.discard(follower)
        if not followers:
            del self.followers[follower.owner]
        if not self.followers:
            self._owners.clear()
            self._unknown.clear()

    def changed(self, job: Job) -> None:
        """Let those who follow its owner's jobs have it."""
        followers = self.followers.get(job.owner, ())
        for follower in followers:
            follower.note(job.id, job)
        if job.is_hidden:
            self._know(job.id, NOBODY)  # it may run on, which is of no interest
        elif job.state.is_final:
            self._owners.pop(job.id, None)
        elif followers and job.state is State.RUNNING:
            self._know(job.id, job.owner)

    def moved(self, job_id: str) -> None:
        """A job has come further; whose it is may have to be asked first."""
        owner = self._owners.get(job_id)
        if owner is not None:
            for follower in self.followers.get(owner, ()):
                follower.note(job_id, None)
        elif self._owner_of is not None and len(self._unknown) < MOST_KNOWN:
            self._unknown[job_id] = None
            if self._asking is None:
                self._asking = asyncio.create_task(self._ask_whose(self._owner_of))

    async def _ask_whose(self, owner_of: OwnerOf) -> None:
        try:
            while self._unknown:
                for job_id in list(islice(self._unknown, ASKED_AT_ONCE)):
                    self._unknown.pop(job_id, None)
                    with suppress(OwnError):  # its next percent asks again
                        self._know(job_id, await owner_of(job_id) or NOBODY)
                        self.moved(job_id)
                await asyncio.sleep(ASK_PAUSE_S)
        finally:
            self._asking = None

    def _know(self, job_id: str, owner: Owner) -> None:
        self._owners[job_id] = owner
        if len(self._owners) > MOST_KNOWN:
            del self._owners[next(iter(self._owners))]
