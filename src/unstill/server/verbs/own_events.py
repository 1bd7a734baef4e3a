"""What is asked of all jobs' events: each job of the caller's owner that changes, as it changes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress

from unstill.dialects.port import Described
from unstill.domain.errors import NoSuchJob, Overloaded, UnstillError
from unstill.domain.job import Job
from unstill.domain.owner import Owner
from unstill.progress.followers import Followers
from unstill.progress.owner_news import OwnerWaiter
from unstill.server.api_keys import Keys
from unstill.server.exchange import Exchange
from unstill.server.long_poll import WaitingCaller, WaitLimits
from unstill.server.own_events import OPEN, RELOAD, WATCHED, OwnEvents
from unstill.server.own_jobs import OwnJob, own_job_told
from unstill.server.server_limits import ServerLimits
from unstill.server.verbs.events import BEAT, BEAT_S
from unstill.service.downloads import Downloads
from unstill.service.jobs import Service

PASS_S = 0.1  # a job has an event in it at most
TOLD_AT_ONCE = 200  # jobs in one pass
TURN = 20  # jobs that are told without a turn for others


class OwnEventVerbs:
    """The verb that follows all jobs of an owner."""

    def __init__(
        self,
        *,
        service: Service,
        downloads: Downloads,
        followers: Followers,
        keys: Keys,
        limits: ServerLimits,
    ) -> None:
        self._wait_limits = WaitLimits(limits.waiting_per_address, limits.waiting_per_owner)
        self._service = service
        self._downloads = downloads
        self._estimates = followers.estimates
        self._board = followers.board
        self._keys = keys
        self._board.owner_news.ask(service.owner_of)

    async def follow(self, exchange: Exchange[Described]) -> None:
        caller = exchange.caller
        self._wait_limits.check(self._board, exchange.address, caller.owner)
        with self._board.owner_waiter(
            caller.owner, exchange.address, key_id=caller.key_id
        ) as waiter:
            await _begin(exchange)
            if exchange.scope["method"] != "HEAD":
                with WaitingCaller(exchange.receive, waiter):
                    await self._tell(exchange, waiter)
        await exchange.send({"type": "http.response.body", "body": b""})

    async def _tell(self, exchange: Exchange[Described], waiter: OwnerWaiter) -> None:
        """What changes, a pass at a time; now and then a sign of life, and the jobs' places."""
        events, loop = OwnEvents(self._own_job), asyncio.get_running_loop()
        await _send(exchange, OPEN)
        beat_s = loop.time() + BEAT_S
        try:
            await self._watch(events, exchange.owner)
            while not waiter.is_over:
                self._keys.check(exchange.caller)
                piece = await self._changed(events, waiter)
                if loop.time() >= beat_s:
                    beat_s = loop.time() + BEAT_S
                    piece += BEAT + await _joined(
                        events.of_watched(each) for each in events.watched
                    )
                if piece:
                    await _send(exchange, piece)
                await asyncio.sleep(PASS_S)
                if not waiter.changed:
                    await waiter.woken(within_s=max(beat_s - loop.time(), 0))
        except UnstillError:
            # The caller's key is good no more, or a row cannot be read: an answer that has begun
            # can only end.
            return

    async def _changed(self, events: OwnEvents, waiter: OwnerWaiter) -> bytes:
        piece = b""
        if waiter.is_behind:
            waiter.is_behind = False  # first: what changes from here on is heard of
            events.forget()
            await self._watch(events, waiter.owner)
            piece = RELOAD
        changed = waiter.take(TOLD_AT_ONCE)
        jobs = [
            job or events.known(job_id) or await self._found(job_id, waiter.owner)
            for job_id, job in changed.items()
        ]
        return piece + await _joined(events.of(job) for job in jobs if job is not None)

    async def _watch(self, events: OwnEvents, owner: Owner) -> None:
        """Have the places of jobs told that have waited before."""
        with suppress(Overloaded):  # lists may be; they are watched when they change
            newest_first = await self._service.unfinished(owner, limit=WATCHED)
            for count, job in enumerate(reversed(newest_first)):
                events.watch(job)
                if count % TURN == TURN - 1:
                    await asyncio.sleep(0)

    async def _found(self, job_id: str, owner: Owner) -> Job | None:
        with suppress(NoSuchJob):
            return await self._service.find(job_id, owner)
        return None

    def _own_job(self, job: Job) -> OwnJob:
        return own_job_told(
            job,
            self._estimates,
            made_by=self._service.made_by(job),
            video_until_ms=self._downloads.until_ms(job),
        )


async def _joined(pieces: Iterable[bytes]) -> bytes:
    """All of them, with a turn for others now and then."""
    whole = bytearray()
    for count, piece in enumerate(pieces):
        whole += piece
        if count % TURN == TURN - 1:
            await asyncio.sleep(0)
    return bytes(whole)


async def _begin(exchange: Exchange[Described]) -> None:
    headers = [
        (b"content-type", b"text/event-stream"),
        (b"cache-control", b"no-store"),
        (b"x-accel-buffering", b"no"),
        (b"x-request-id", exchange.call.request_id.encode()),
    ]
    await exchange.send({"type": "http.response.start", "status": 200, "headers": headers})


async def _send(exchange: Exchange[Described], piece: bytes) -> None:
    await exchange.send({"type": "http.response.body", "body": piece, "more_body": True})
