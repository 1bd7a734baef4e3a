"""What operators ask: of owners, keys, jobs of all owners, engines, queues and what is kept.

What is changed here holds at once in this process, and within two seconds in any other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from typing import Any

import structlog

from unstill.dialects.port import Described
from unstill.domain.activity import span_of
from unstill.domain.api_key import digest_of, new_key
from unstill.domain.continuation import NextJob
from unstill.domain.delivery import DAY_MS
from unstill.domain.errors import MissingField, NoSuchJob, StorageFull
from unstill.domain.job import Job
from unstill.domain.job_ids import new_id
from unstill.domain.limits import OF_KEYS, SETTABLE, Limits, Settable, with_changes
from unstill.domain.log_fields import job_fields
from unstill.domain.money import day_of
from unstill.domain.moves import moves_of
from unstill.domain.owner import Owner, owner_named
from unstill.progress.estimate import Estimates
from unstill.server.admin import (
    activity,
    doubts,
    engines,
    jobs,
    keys,
    owners,
    queues,
    retention,
    webhooks,
)
from unstill.server.admin.bodies import body_with
from unstill.server.admin.engines import AdminEngine, AdminStall
from unstill.server.admin.limits import changes_in, name_of
from unstill.server.admin.money import money_told
from unstill.server.admin.operated import Operated
from unstill.server.exchange import Answer, Exchange, json_answer
from unstill.server.long_poll import unless_gone
from unstill.server.metrics.reading import disk_of
from unstill.service import key_rules
from unstill.service.charging import UNBOUNDED, UNUSED, OwnMoney
from unstill.service.jobs import Service
from unstill.service.new_jobs import DEADLINE_MS

log = structlog.get_logger()

_ONCE = ((b"cache-control", b"no-store"),)  # a key is in the answer


class AdminVerbs:
    """The verbs of operators."""

    def __init__(self, *, service: Service, estimates: Estimates, operated: Operated) -> None:
        self._service = service
        self._estimates = estimates
        self._operated = operated
        self._store = operated.store
        self._sources = operated.sources

    # --- owners and keys -----------------------------------------------------------------------

    async def owners(self, exchange: Exchange[Described]) -> Answer:  # noqa: ARG002  - a verb's shape
        limits = await self._store.owners.limits()
        unfinished = await self._store.backlog.counted()
        day = day_of(self._sources.clock_ms())
        has_budgets = any(each.budgets != UNBOUNDED for each in limits.values())
        used = (await self._store.charges.figures(day)).used if has_budgets else {}

        def money_of(owner: Owner, each: Limits) -> OwnMoney | None:
            return self._service.money_by(each.budgets, used.get(owner, UNUSED), day)

        known = self._operated.watch.keys.owners
        return json_answer(
            owners.AdminOwners(owners.owners_told(known, limits, unfinished, money_of))
        )

    async def set_owner(self, exchange: Exchange[Described]) -> Answer:
        owner = owner_named("owner", exchange.call.path["owner"])
        changes = _changes(exchange, SETTABLE)
        limits = await self._store.owners.change(
            owner, lambda before: with_changes(before, changes)
        )
        await self._operated.watch.look()
        self._note("owner_set", exchange, owner=owner)
        unfinished = await self._store.backlog.counted()
        own = [each for each in unfinished if each.owner == owner]
        money = await self._service.money_of(owner)
        return json_answer(owners.owner_told(owner, limits, own, money))

    async def keys(self, exchange: Exchange[Described]) -> Answer:  # noqa: ARG002  - a verb's shape
        now_ms = self._operated.watch.wall_ms()
        found = [keys.key_told(key, now_ms) for key in await self._store.keys.all()]
        return json_answer(keys.AdminKeys(found))

    async def make_key(self, exchange: Exchange[Described]) -> Answer:
        now_ms, text = self._operated.watch.wall_ms(), new_key()
        body = body_with(exchange.call, keys.FIELDS)
        wanted = keys.wanted_key(body, text, self._service.catalogue, now_ms)
        key = await self._store.keys.change(key_rules.created(wanted, param="name"))
        await self._operated.watch.look()
        self._note("key_made", exchange, owner=key.owner, of=key.id)
        return json_answer(keys.new_key_told(key, text, now_ms), _ONCE)

    async def limit_key(self, exchange: Exchange[Described]) -> Answer:
        now_ms, changes = self._operated.watch.wall_ms(), _changes(exchange, OF_KEYS)
        decide = key_rules.limited(exchange.call.path["key"], changes, now_ms)
        key = await self._store.keys.change(decide)
        await self._operated.watch.look()
        self._note("key_limited", exchange, owner=key.owner, of=key.id)
        return json_answer(keys.key_told(key, now_ms))

    async def rotate_key(self, exchange: Exchange[Described]) -> Answer:
        now_ms, text = self._operated.watch.wall_ms(), new_key()
        digest = digest_of(text.encode()).hex()
        decide = key_rules.rotated(exchange.call.path["key"], digest, now_ms)
        key = await self._store.keys.change(decide)
        await self._operated.watch.look()
        self._note("key_rotated", exchange, owner=key.owner, of=key.id)
        return json_answer(keys.new_key_told(key, text, now_ms), _ONCE)

    async def revoke_key(self, exchange: Exchange[Described]) -> Answer:
        now_ms = self._operated.watch.wall_ms()
        decide = key_rules.revoked(exchange.call.path["key"], now_ms)
        key = await self._store.keys.change(decide)
        await self._operated.watch.look()
        self._note("key_revoked", exchange, owner=key.owner, of=key.id)
        return json_answer(keys.key_told(key, now_ms))

    # --- jobs ----------------------------------------------------------------------------------

    async def jobs(self, exchange: Exchange[Described]) -> Answer:
        wanted = jobs.wanted_in(exchange.call)
        reading = self._store.job_lists.of_all(wanted.among, limit=wanted.limit, after=wanted.after)
        page = await unless_gone(exchange.receive, reading)
        held = self._store.held_jobs
        told = [jobs.job_told(job, self._estimates, is_held=job.id in held) for job in page.jobs]
        return json_answer(jobs.AdminJobs(told, page.after))

    async def job(self, exchange: Exchange[Described]) -> Answer:
        job = await self._found(exchange)
        return json_answer(
            jobs.details_told(
                job,
                self._estimates,
                is_held=job.id in self._store.held_jobs,
                made_by=self._service.made_by(job),
                moves=moves_of(job, await self._store.jobs.moves(job)),
                attempts=await self._store.attempts.of(job.id),
                resolution=await self._store.doubts.said_of(job.id),
                links=await self._store.doubts.links_of(job.id),
                delivery=await self._store.outbox.of(job.id),
                charges=await self._store.charges.of(job.id),
            )
        )

    async def cancel_job(self, exchange: Exchange[Described]) -> Answer:
        job = await self._found(exchange)
        await self._service.cancel(job.id, job.owner)
        self._note("job_cancelled", exchange, **job_fields(job))
        return await self._done(job)

    async def delete_job(self, exchange: Exchange[Described]) -> Answer:
        job = await self._found(exchange)
        deleted = await self._service.delete(job.id, job.owner)
        self._note("job_deleted", exchange, **job_fields(job))
        return json_answer(jobs.AdminJobDone(job.id, deleted.state, deleted.is_hidden))

    async def held_jobs(self, exchange: Exchange[Described]) -> Answer:  # noqa: ARG002  - a verb's shape
        return json_answer(jobs.AdminHeldJobs(list(await self._store.held_jobs.ids())))

    async def release_jobs(self, exchange: Exchange[Described]) -> Answer:
        asked = jobs.ids_in(body_with(exchange.call, jobs.RELEASE_FIELDS))
        found = await self._store.held_jobs.release(
            asked, now_ms=self._sources.clock_ms(), within_ms=DEADLINE_MS
        )
        self._note("jobs_released", exchange, count=len(found.job_ids))
        return json_answer(jobs.released_told(asked, found))

    async def doubts(self, exchange: Exchange[Described]) -> Answer:  # noqa: ARG002  - a verb's shape
        found = await self._store.doubts.open(doubts.MOST_TOLD)
        return json_answer(doubts.doubts_told(found, await self._store.doubts.counted()))

    async def resolve_job(self, exchange: Exchange[Described]) -> Answer:
        job_id = exchange.call.path["job_id"]
        word = doubts.word_in(body_with(exchange.call, doubts.FIELDS))
        now_ms = self._sources.clock_ms()
        next_job = NextJob(new_id(now_ms), DEADLINE_MS)
        resolved = await self._store.doubts.resolve(
            job_id, word, costs=self._operated.costs, next_job=next_job, now_ms=now_ms
        )
        resolved.check(is_charged=word.is_charged)
        following = doubts.following_in(resolved.continuation)
        if resolved.is_new or following == next_job.id:
            self._note(
                "job_resolved",
                exchange,
                job_id=job_id,
                is_charged=word.is_charged,
                continued_by=following,
            )
        said = doubts.resolution_told(resolved.resolution)
        money = money_told(await self._store.charges.of(job_id))
        return json_answer(doubts.AdminResolved(job_id, said, following, money))

    async def _found(self, exchange: Exchange[Described]) -> Job:
        """The job of the path, whoever owns it, deleted or not. Raises NoSuchJob."""
        job_id = exchange.call.path["job_id"]
        job = await self._store.jobs.find(job_id)
        if job is None:
            raise NoSuchJob(job_id)
        return job

    async def _done(self, job: Job) -> Answer:
        after = await self._store.jobs.find(job.id) or job
        return json_answer(jobs.AdminJobDone(after.id, after.state, after.is_hidden))

    # --- the server ----------------------------------------------------------------------------

    async def engines(self, exchange: Exchange[Described]) -> Answer:  # noqa: ARG002  - a verb's shape
        told = [await self._engine_told(name) for name in self._service.engines]
        return json_answer(engines.AdminEngines(told))

    async def _engine_told(self, name: str) -> AdminEngine:
        lane, local = f"engine:{name}", self._operated.local_engines.get(name)
        until_s = await self._service.refusing_until_s(name)
        waiting = {each: count for each, count, _ in self._sources.forecast.queues()}
        uses = (use for use in self._store.queue.in_use() if use.name == lane)
        return engines.engine_told(
            self._service.engines[name],
            models=list(self._models_of(name)),
            is_remote=local is None,
            tried_again_ms=None if until_s is None else until_s * 1000,
            stalls=list(self._stalls_of(name)),
            waiting=waiting.get(name, 0),
            use=next(uses, None),
            children=() if local is None else local.children,
        )

    def _models_of(self, engine: str) -> Iterator[str]:
        for model in self._service.catalogue.listed():
            if any(each.name == engine for each in self._service.engines_of(model)):
                yield model

    def _stalls_of(self, engine: str) -> Iterator[AdminStall]:
        for name, stage, stall in self._sources.stalls.engines():
            if name == engine:
                yield AdminStall(stage, stall.code, stall.message, stall.since_ms)

    async def queues(self, exchange: Exchange[Described]) -> Answer:
        unfinished = await unless_gone(exchange.receive, self._store.backlog.counted())
        queue = self._store.queue
        return json_answer(queues.queues_told(queue.in_use(), queue.steps(), unfinished))

    async def activity(self, exchange: Exchange[Described]) -> Answer:
        hours = activity.hours_in(exchange.call.query)
        reading = self._store.activities.within(span_of(hours, self._sources.clock_ms()))
        return json_answer(activity.activity_told(await unless_gone(exchange.receive, reading)))

    async def webhooks(self, exchange: Exchange[Described]) -> Answer:  # noqa: ARG002  - a verb's shape
        outbox, day_ago_ms = self._store.outbox, self._sources.clock_ms() - DAY_MS
        standing = await outbox.standing(given_up_since_ms=day_ago_ms)
        newest = await outbox.newest(webhooks.MOST_TOLD)
        return json_answer(webhooks.webhooks_told(standing, newest))

    async def retention(self, exchange: Exchange[Described]) -> Answer:  # noqa: ARG002  - a verb's shape
        room = self._sources.room
        disk = await asyncio.to_thread(disk_of, room.data_dir)
        return json_answer(
            retention.retention_told(
                self._operated.keep_ms,
                self._sources.removals,
                room=room,
                disk=disk,
                takes_jobs=self._has_room(),
            )
        )

    def _has_room(self) -> bool:
        try:
            self._service.check_room()
        except StorageFull:
            return False
        return True

    def _note(self, what: str, exchange: Exchange[Described], **about: Any) -> None:
        """Write down who did what; by a key's id, which says nothing of the key."""
        log.info("operator_did", what=what, by=exchange.caller.key_id or "nobody", **about)


def _changes(exchange: Exchange[Described], among: Sequence[Settable]) -> dict[str, int | None]:
    """The limits that a body sets, by their fields. Raises BadBody, UnsupportedBody, BadField."""
    names = tuple(map(name_of, among))
    changes = changes_in(body_with(exchange.call, names), among)
    if not changes:
        raise MissingField(names[0], f"or another of {', '.join(names)}")
    return changes
