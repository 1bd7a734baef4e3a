"""What was done in a while, of a job store in memory."""

from __future__ import annotations

from collections import Counter

from support.memory_ports import Noun
from unstill.domain.activity import Activity, ActivitySpan, ActivitySums, EndedJob
from unstill.domain.job_ids import made_ms


class MemoryActivities(Noun):
    async def within(self, span: ActivitySpan) -> Activity:
        jobs, sums = self._memory.jobs.values(), ActivitySums(span)
        for job in jobs:
            if job.ended_ms is not None and span.since_ms <= job.ended_ms <= span.until_ms:
                code = None if job.failure is None else job.failure.code
                video_s = None if job.video is None else job.video.duration_s
                sums.note(
                    EndedJob(
                        job.ended_ms,
                        job.engine,
                        job.state,
                        job.created_ms,
                        job.started_ms,
                        code,
                        video_s,
                    )
                )
        made = (made_ms(job.id) for job in jobs)
        counts = Counter(
            each // span.step_ms for each in made if span.since_ms <= each <= span.until_ms
        )
        return sums.told(span, counts)
