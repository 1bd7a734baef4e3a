"""The port of what a start takes up: all that is unfinished, and how long jobs took before."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from typing import Protocol

import msgspec

from unstill.domain.job import Job, State
from unstill.domain.owner import NOBODY, Owner


class TicketRow(msgspec.Struct, frozen=True, gc=False):
    """What a poller needs to know of a job that runs at an upstream."""

    job_id: str
    attempt: int
    engine: str
    ticket: str
    upstream_model: str
    started_ms: int
    deadline_ms: int
    wants_cancel: bool
    owner: Owner = NOBODY
    request_id: str = ""  # with the owner and the trace, for the log
    trace: str = ""


class InterruptedJob(msgspec.Struct, frozen=True, gc=False):
    """A job that a server which is gone had under way."""

    job: Job
    held_by: str | None  # that server; None: a release that named none has begun it


class UnfinishedJob(msgspec.Struct, frozen=True, gc=False):
    """Says where an unfinished job is."""

    job_id: str
    owner: Owner
    state: State
    engine: str
    due_ms: int
    key_id: str = ""  # the key that made it


class UnfinishedJobs(msgspec.Struct, frozen=True):
    """Says how many unfinished jobs of an owner are at one place, and which was made first."""

    state: State
    engine: str
    lane: str | None  # that works on them; None: none does
    owner: Owner
    count: int
    oldest: str  # its id


class RenderTime(msgspec.Struct, frozen=True):
    """How long a job that succeeded took, from its start to its end."""

    engine: str
    model: str  # canonical id
    work: int  # pixels times seconds of the video that was asked for
    took_ms: int


class Backlog(Protocol):
    async def interrupted(self, *, server: str, now_ms: int) -> Sequence[InterruptedJob]:
        """What servers had under way that are surely gone: jobs `submitting`, and own renders.

        Gone is who has begun it (`Change.lease`) and is not up by `now_ms`, as the store knows: by
        its lease, or because no other server can have the data beside this one. What `server`
        itself has under way is never given.
        """

    async def waited_for(self) -> Sequence[str]:
        """The engines that jobs wait for, will once their frames are there, or had; each once."""

    def unfinished(self) -> AsyncIterator[Sequence[UnfinishedJob]]:
        """All jobs that are not final, oldest first, by the thousand: small, however many."""

    async def counted(self) -> Sequence[UnfinishedJobs]:
        """All jobs that are not final, by where they are and whose."""

    def tickets(self, engines: Collection[str] | None = None) -> AsyncIterator[Sequence[TicketRow]]:
        """What is running at an upstream, by the thousand: small, however many there are.

        engines: of these alone; None: of all, also of those that no server has.
        """

    async def times(self, limit: int) -> Sequence[RenderTime]:
        """How long the newest jobs that succeeded took, newest first."""
