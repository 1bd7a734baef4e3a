"""The events of all jobs of an owner, as one stream tells them."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from unstill.domain.job import Job
from unstill.server.own_jobs import OwnJob

NAMES = ("open", "job", "gone", "reload")
WATCHED = 200  # unfinished jobs, those that were told last: of more, their places are not told
# A place in the queue promises the same end again and again, give or take as much.
SAME_END_MS = 2_000

_encode = msgspec.json.Encoder().encode


class GoneJob(msgspec.Struct, frozen=True):
    """A job that was deleted."""

    id: str


class Nothing(msgspec.Struct, frozen=True):
    """The stream begins, or the list of jobs has to be read again: nothing to say besides."""


def event(name: str, data: msgspec.Struct) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (name.encode(), _encode(data))


OPEN = event("open", Nothing())
RELOAD = event("reload", Nothing())


class _ToldJob(msgspec.Struct, frozen=True, gc=False):
    """What was told of a job last: by its hash, but for the end that is expected."""

    job: Job
    text: int
    expected_end_ms: int | None

    def is_as(self, other: _ToldJob) -> bool:
        mine, others = self.expected_end_ms, other.expected_end_ms
        if mine is None or others is None:
            return self.text == other.text and mine is others
        return self.text == other.text and abs(mine - others) <= SAME_END_MS


class OwnEvents:
    """What one stream has told."""

    def __init__(self, own_job: Callable[[Job], OwnJob]) -> None:
        self._own_job = own_job
        self._told: dict[str, _ToldJob] = {}  # unfinished jobs, those told the longest ago first

    def known(self, job_id: str) -> Job | None:
        """The job as it was told last, while it is watched."""
        told = self._told.get(job_id)
        return None if told is None else told.job

    @property
    def watched(self) -> list[Job]:
        return [told.job for told in self._told.values()]

    def watch(self, job: Job) -> None:
        """Take the job for told as it is now."""
        self._note(job, _told(job, self._own_job(job)))

    def forget(self) -> None:
        self._told.clear()

    def of(self, job: Job) -> bytes:
        """The event of a change."""
        if job.is_hidden:
            self._told.pop(job.id, None)
            return event("gone", GoneJob(job.id))
        shown = self._own_job(job)
        self._note(job, _told(job, shown))
        return event("job", shown)

    def of_watched(self, job: Job) -> bytes:
        """The same of what changes without one; empty where the job is as it was told."""
        shown = self._own_job(job)
        before, now = self._told.get(job.id), _told(job, shown)
        if before is None or before.is_as(now):
            return b""
        self._told[job.id] = now
        return event("job", shown)

    def _note(self, job: Job, told: _ToldJob) -> None:
        self._told.pop(job.id, None)
        if not job.state.is_final:
            self._told[job.id] = told
            if len(self._told) > WATCHED:
                del self._told[next(iter(self._told))]


def _told(job: Job, shown: OwnJob) -> _ToldJob:
    text = _encode(msgspec.structs.replace(shown, expected_end_ms=None))
    return _ToldJob(job, hash(text), shown.expected_end_ms)
