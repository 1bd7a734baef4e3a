"""What is asked of a job's events: all that becomes of it, as it happens."""

from __future__ import annotations

import msgspec

from unstill.dialects.call import JobView
from unstill.dialects.port import Streams
from unstill.domain.errors import UnstillError
from unstill.domain.job import Job
from unstill.progress.board import Board
from unstill.progress.estimate import Estimate, Estimates
from unstill.progress.waiters import Waiter
from unstill.server.api_keys import Keys
from unstill.server.exchange import Exchange, header_text
from unstill.server.long_poll import WaitingCaller, WaitLimits
from unstill.server.server_limits import ServerLimits
from unstill.service.jobs import Service

BEAT_S = 15.0  # the HTML standard, 9.2.7: a comment about as often keeps proxies from cutting in
FINAL_ID = "end"

BEAT = b":\n\n"

_encode = msgspec.json.Encoder().encode


class EventVerbs:
    """The verb that follows a job to its end."""

    def __init__(
        self,
        *,
        service: Service,
        estimates: Estimates,
        board: Board,
        keys: Keys,
        limits: ServerLimits,
    ) -> None:
        self._wait_limits = WaitLimits(limits.waiting_per_address, limits.waiting_per_owner)
        self._service = service
        self._keys = keys
        self._estimates = estimates
        self._board = board

    async def events(self, exchange: Exchange[Streams]) -> None:
        job_id = exchange.dialect.job_id(exchange.call)
        caller = exchange.caller
        self._wait_limits.check(self._board, exchange.address, caller.owner)
        with self._board.waiter(
            job_id, exchange.address, owner=caller.owner, key_id=caller.key_id
        ) as waiter:
            job = await self._service.find(job_id, exchange.owner)
            has_all = job.state.is_final and exchange.call.headers.get("last-event-id") == FINAL_ID
            await _begin(exchange, self._service.made_by(job), status=204 if has_all else 200)
            del job  # each of thousands that sleep would keep its own
            if not has_all and exchange.scope["method"] != "HEAD":
                with WaitingCaller(exchange.receive, waiter):
                    await self._tell(job_id, exchange, waiter)
        await exchange.send({"type": "http.response.body", "body": b""})

    async def _tell(self, job_id: str, exchange: Exchange[Streams], waiter: Waiter) -> None:
        """Each state that differs from the one before; now and then a sign of life."""
        told = b""
        while True:
            try:
                self._keys.check(exchange.caller)
                job = await self._service.find(job_id, exchange.owner)
            except UnstillError:
                # Deleted, unreadable, or its caller's key is good no more: an answer that has
                # begun can only end.
                return
            event = self._event(job, exchange)
            is_last = job.state.is_final or waiter.is_over
            del job
            piece, told = (BEAT if event == told else event), event
            await exchange.send({"type": "http.response.body", "body": piece, "more_body": True})
            if is_last:
                return
            await waiter.woken(within_s=BEAT_S)

    def _event(self, job: Job, exchange: Exchange[Streams]) -> bytes:
        estimate = Estimate() if job.state.is_final else self._estimates.estimate(job)
        event = exchange.dialect.event(
            job,
            JobView(exchange.call, None, self._estimates.progress(job), self._estimates.stall(job)),
            queue_position=estimate.queue_position,
            expected_ms=estimate.expected_end_ms,
        )
        # A browser comes back after any end, and says which id it heard last.
        name = f"id: {FINAL_ID}\n".encode() if job.state.is_final else b""
        return b"%bdata: %b\n\n" % (name, _encode(event))


async def _begin(exchange: Exchange[Streams], made_by: str, *, status: int) -> None:
    headers = [
        (b"cache-control", b"no-store"),
        (b"x-request-id", exchange.call.request_id.encode()),
        (b"x-unstill-engine", header_text(made_by)),
    ]
    if status != 204:
        headers += [(b"content-type", b"text/event-stream"), (b"x-accel-buffering", b"no")]
    await exchange.send({"type": "http.response.start", "status": status, "headers": headers})
