"""What is kept of the jobs of a store in memory, and what goes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from support.memory_ports import CHUNK, Noun
from unstill.domain.attempts import Outcome
from unstill.domain.book import open_reserve
from unstill.domain.delivery import DeliveryState
from unstill.domain.job import Job, State
from unstill.domain.job_ids import first_id
from unstill.domain.money import Charge
from unstill.domain.resolution import is_open_doubt
from unstill.store.ports.retention import KEY_KNOWN_MS, RETRY_KNOWN_MS, Kept

PIECE = 100


class MemoryRetention(Noun):
    async def ended(
        self, kept: Kept, before_ms: int, *, now_ms: int, after: Job | None = None
    ) -> Sequence[Job]:
        memory = self._memory
        place = (0, "") if after is None else (after.ended_ms or 0, after.id)
        found = [
            (job.ended_ms, job.id, job)
            for job in memory.jobs.values()
            if job.ended_ms is not None
            and job.ended_ms < before_ms
            and (job.ended_ms, job.id) > place
            and self._has(job, kept, now_ms)
            and self._may_go(job)
        ]
        return [job for _, _, job in sorted(found, key=lambda each: each[:2])[:PIECE]]

    async def note_removed(self, job_id: str, kept: Kept, now_ms: int) -> None:
        memory = self._memory
        job = memory.jobs.get(job_id)
        if job is None or job.is_hidden or self._owes(job):
            return
        match kept:
            case Kept.ROW:
                self._drop(job_id)
            case Kept.VIDEO if job.video is not None:
                video = msgspec.structs.replace(job.video, removed_ms=now_ms)
                memory.jobs[job_id] = msgspec.structs.replace(job, video=video)
            case _:
                memory.without_pictures.add(job_id)

    def _has(self, job: Job, kept: Kept, now_ms: int) -> bool:
        match kept:
            case Kept.ROW:
                made, mark = self._memory.marks.get(job.id, (None, None))
                if made is None or mark is None:
                    return True
                known_ms = RETRY_KNOWN_MS if mark.key is None else KEY_KNOWN_MS
                return made.created_ms <= now_ms - known_ms
            case Kept.VIDEO:
                return job.video is not None and job.video.removed_ms is None
            case Kept.PICTURES:
                return job.id not in self._memory.without_pictures
            case Kept.FAILED_PICTURES:
                is_over = job.state in {State.FAILED, State.CANCELLED}
                return is_over and job.id not in self._memory.without_pictures

    def _may_go(self, job: Job) -> bool:
        in_doubt = any(
            each.outcome in {Outcome.OPEN, Outcome.UNKNOWN}
            for key, each in self._memory.attempts.items()
            if key[0] == job.id
        ) or is_open_doubt(job, self._reserve(job.id))
        in_doubt = in_doubt and job.id not in self._memory.resolutions
        return not (job.is_hidden or in_doubt or self._owes(job))

    def _owes(self, job: Job) -> bool:
        owed = self._memory.deliveries.get(job.id)
        return owed is not None and owed.state is DeliveryState.OWED

    async def long_deleted(self, before_ms: int, *, after: str = "") -> Sequence[str]:
        jobs, before = self._memory.jobs.values(), first_id(before_ms)
        ids = (job.id for job in jobs if is_over(job) and after < job.id < before)
        return sorted(ids)[:CHUNK]

    async def standing(self, job_ids: Sequence[str]) -> Mapping[str, bool]:
        jobs = self._memory.jobs
        return {each: not is_over(jobs[each]) for each in job_ids if each in jobs}

    async def forget(self, job_id: str) -> None:
        memory = self._memory
        job = memory.jobs.get(job_id)
        if job is not None and not is_over(job):
            return
        if self._reserve(job_id) is None:
            self._drop(job_id)

    def _reserve(self, job_id: str) -> Charge | None:
        return open_reserve([each for each in self._memory.charges if each.job_id == job_id])

    def _drop(self, job_id: str) -> None:
        memory = self._memory
        memory.jobs.pop(job_id, None)
        memory.marks.pop(job_id, None)
        memory.deliveries.pop(job_id, None)
        for key in [key for key in memory.attempts if key[0] == job_id]:
            del memory.attempts[key]


def is_over(job: Job) -> bool:
    return job.is_hidden and job.state.is_final
