"""What owners ask of their own jobs in unstill's words, whatever dialect made them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from unstill.dialects.port import Described
from unstill.domain.job import Job
from unstill.progress.estimate import Estimates
from unstill.server.exchange import Answer, Exchange, json_answer
from unstill.server.long_poll import unless_gone
from unstill.server.own_job_routes import own_wanted_in
from unstill.server.own_jobs import OwnJob, OwnJobs, own_job_told
from unstill.service.downloads import Downloads
from unstill.service.jobs import Service
from unstill.store.ports.store import Store

_TOLD_AT_ONCE = 50  # jobs of a page, before others have the loop again


class OwnJobVerbs:
    """The verbs that are about the caller's own jobs, and belong to no dialect."""

    def __init__(
        self, *, service: Service, downloads: Downloads, estimates: Estimates, store: Store
    ) -> None:
        self._service = service
        self._downloads = downloads
        self._estimates = estimates
        self._store = store

    async def jobs(self, exchange: Exchange[Described]) -> Answer:
        wanted = own_wanted_in(exchange.call)
        reading = self._store.job_lists.of_owner(
            exchange.owner, wanted.among, limit=wanted.limit, after=wanted.after
        )
        page = await unless_gone(exchange.receive, reading)
        return json_answer(OwnJobs(await self._all_told(page.jobs), page.after))

    async def _all_told(self, jobs: Sequence[Job]) -> list[OwnJob]:
        told: list[OwnJob] = []
        for at in range(0, len(jobs), _TOLD_AT_ONCE):
            told += map(self._told, jobs[at : at + _TOLD_AT_ONCE])
            await asyncio.sleep(0)
        return told

    def _told(self, job: Job) -> OwnJob:
        return own_job_told(
            job,
            self._estimates,
            made_by=self._service.made_by(job),
            video_until_ms=self._downloads.until_ms(job),
        )
