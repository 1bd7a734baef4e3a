"""What owners ask of their own jobs in unstill's words, whatever dialect made them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from unstill.dialects.port import Described
from unstill.domain.job import Job
from unstill.domain.moves import moves_of
from unstill.progress.estimate import Estimates
from unstill.server.exchange import Answer, Exchange, json_answer
from unstill.server.long_poll import unless_gone
from unstill.server.own_job_routes import own_wanted_in
from unstill.server.own_jobs import OwnJob, OwnJobs, own_details_told, own_fields
from unstill.service.downloads import Downloads
from unstill.service.jobs import Service
from unstill.store.ports.store import Store

_TOLD_AT_ONCE = 50  # jobs of a page, before others have the loop again


class OwnJobVerbs:
    """The verbs that are about the caller's own jobs, and belong to no dialect."""

    def __init__(
        self,
        *,
        service: Service,
        downloads: Downloads,
        estimates: Estimates,
        store: Store,
        public_url: str,
    ) -> None:
        """`public_url`: begins the links in answers; empty: the caller's own scheme and host."""
        self._service = service
        self._downloads = downloads
        self._estimates = estimates
        self._store = store
        self._public_url = public_url

    async def jobs(self, exchange: Exchange[Described]) -> Answer:
        wanted = own_wanted_in(exchange.call)
        reading = self._store.job_lists.of_owner(
            exchange.owner, wanted.among, limit=wanted.limit, after=wanted.after
        )
        page = await unless_gone(exchange.receive, reading)
        return json_answer(OwnJobs(await self._all_told(page.jobs), page.after))

    async def job(self, exchange: Exchange[Described]) -> Answer:
        job = await self._service.find(exchange.call.path["job_id"], exchange.owner)
        return json_answer(
            own_details_told(
                self._fields(job),
                job,
                moves=moves_of(job, await self._store.jobs.moves(job)),
                charges=await self._store.charges.of(job.id),
                link=self._downloads.signed(job),
                base_url=self._public_url or exchange.own_url,
                pictures=await self._downloads.pictures(job),
                delivery=await self._store.outbox.of(job.id),
            )
        )

    async def _all_told(self, jobs: Sequence[Job]) -> list[OwnJob]:
        told: list[OwnJob] = []
        for at in range(0, len(jobs), _TOLD_AT_ONCE):
            told += map(self._told, jobs[at : at + _TOLD_AT_ONCE])
            await asyncio.sleep(0)
        return told

    def _told(self, job: Job) -> OwnJob:
        return OwnJob(**self._fields(job))

    def _fields(self, job: Job) -> dict[str, Any]:
        return own_fields(
            job,
            self._estimates,
            made_by=self._service.made_by(job),
            video_until_ms=self._downloads.until_ms(job),
        )
