"""Webhooks: each delivery that is owed is tried when it is due, until its receiver takes it.

What is owed is in the job store, so nothing here has to survive, and of several servers one sends
it, as its duty. A receiver that hangs holds up no
other, and an owner with many of them no other owner: each has a part of the tries that are under
way at once. No redirect is followed. A receiver may get an event twice, when its answer is lost or
the server dies before it is noted, and events may come in any order.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from typing import Protocol, TypeVar
from urllib.parse import urlsplit

import structlog
from standardwebhooks import Webhook

from unstill.domain.backoff import DELIVERY
from unstill.domain.delivery import (
    TIMEOUT_S,
    Delivery,
    DeliveryState,
    delivered,
    event_body,
    event_id,
)
from unstill.domain.errors import FetchFailed, StorageFailed, StorageFull
from unstill.domain.job import Job
from unstill.domain.log_fields import row_facts, row_fields
from unstill.domain.owner import Owner
from unstill.net.fetcher import Own
from unstill.store.ports.duties import Duties, Term
from unstill.store.ports.outbox import Outbox
from unstill.system.log_context import lines_about
from unstill.system.storage_pause import Shortage
from unstill.system.tracing import NO_TRACES, Traces, note_status, outgoing
from unstill.webhooks.receivers import Receivers
from unstill.webhooks.retry import after_failure

log = structlog.get_logger()

MOST_AT_ONCE = 128
MOST_PER_OWNER = 32  # whose addresses lead to as many hosts as they like
MOST_PER_RECEIVER = 4
LOOK_EVERY_MS = 2000  # a replay by another process is seen by then
AT_START_MS = 3600 * 1000  # what is owed at a start is tried for that long, whatever its age
FOREVER_MS = 2**53

_Name = TypeVar("_Name", bound=str)  # it names a receiver or an owner


class Posts(Protocol):
    """What the deliverer asks of the net."""

    async def post(
        self,
        url: str,
        content: bytes,
        *,
        headers: Mapping[str, str],
        timeout_s: float,
        own: Own | None = None,
    ) -> int: ...


class Deliverer:
    """Sends what is owed, from `startup` on."""

    def __init__(
        self,
        *,
        outbox: Outbox,
        duties: Duties,
        receivers: Receivers,
        fetcher: Posts,
        secrets: Sequence[str],
        clock_ms: Callable[[], int],
        wall_ms: Callable[[], int] | None = None,
        chance: Callable[[], float] = random.random,
        traces: Traces = NO_TRACES,
    ) -> None:
        """`secrets`: `whsec_...`; each signs, so that receivers may know any of them.

        wall_ms: what receivers check a time stamp against; None: `clock_ms`.
        """
        self._outbox = outbox
        self._duties = duties
        self._receivers = receivers
        self._fetcher = fetcher
        self._signers = tuple(Webhook(secret) for secret in secrets)
        self._clock_ms = clock_ms
        self._wall_ms = wall_ms or clock_ms
        self._chance = chance
        self._traces = traces
        self._shortage = Shortage("webhook_not_stored", clock_ms, pauses=DELIVERY)
        self.ended_tries: Counter[DeliveryState] = Counter()  # by what they left; owed: failed
        self._tries: dict[str, asyncio.Task[None]] = {}  # under way, by job
        self._busy: Counter[str] = Counter()  # tries under way, by receiver
        self._busy_owners: Counter[Owner] = Counter()
        self._wake = asyncio.Event()
        self._one_term = asyncio.Lock()  # this server may get the duty again as it lets it go

    async def startup(self) -> None:
        """Send for as long as that is this server's duty."""
        if self._signers:
            self._duties.perform("webhooks", self._send)
        else:  # nothing is sent unsigned: what is owed stays so
            await self._tell_of_owed()

    async def _tell_of_owed(self) -> None:
        try:
            owed = await self._outbox.due(FOREVER_MS, limit=1)
        except (StorageFailed, StorageFull) as error:
            log.warning("webhooks_not_read", why=error.message)
            return
        if owed:
            why = "events are owed, and UNSTILL_WEBHOOK_SECRET is not set"
            log.warning("webhooks_not_sent", why=why)

    async def _send(self, term: Term) -> None:
        """Try at once what the last server left owed; from then on, what is due."""
        async with self._one_term:
            now_ms = self._clock_ms()
            try:
                await self._outbox.owe_at_once(now_ms, until_ms=now_ms + AT_START_MS)
            except (StorageFailed, StorageFull) as error:  # then each is tried when it was due
                log.warning("webhooks_not_hastened", why=error.message)
            try:
                await self._look(term)
            finally:
                await self._break_off()

    async def _break_off(self) -> None:
        """End the tries that are under way; they stay owed."""
        tries = list(self._tries.values())
        for each in tries:
            each.cancel()
        await asyncio.gather(*tries, return_exceptions=True)

    def changed(self, job: Job) -> None:
        """Look at once where an end may be owed to somebody; told after the commit."""
        if job.webhook_url is not None and job.state.is_final:
            self._wake.set()

    async def _look(self, term: Term) -> None:
        while True:
            self._wake.clear()
            try:
                if not await term.goes_on():
                    return
                wait_ms = await self._begin_due()
            except (StorageFailed, StorageFull) as error:
                log.warning("webhooks_not_read", why=error.message)
                wait_ms = LOOK_EVERY_MS
            with suppress(TimeoutError):
                async with asyncio.timeout(wait_ms / 1000):
                    await self._wake.wait()

    async def _begin_due(self) -> int:
        """Begin as many tries as there is room for; milliseconds until the next look."""
        while len(self._tries) < MOST_AT_ONCE:
            now_ms = self._clock_ms()
            # Noted before the read: a try that ends meanwhile would be begun again by an old row.
            under_way = set(self._tries)
            coming = await self._outbox.due(
                now_ms + LOOK_EVERY_MS,
                limit=MOST_AT_ONCE + len(under_way),
                without=_full(self._busy, MOST_PER_RECEIVER),
                without_owners=_full(self._busy_owners, MOST_PER_OWNER),
            )
            coming = [each for each in coming if each.job_id not in under_way]
            due = [each for each in coming if each.due_ms <= now_ms]
            if not due:
                return coming[0].due_ms - now_ms if coming else LOOK_EVERY_MS
            for delivery in due:
                self._begin(delivery)
        return LOOK_EVERY_MS

    def _begin(self, delivery: Delivery) -> None:
        """Begin a try if there is room for it."""
        is_full = (
            self._busy[delivery.receiver] >= MOST_PER_RECEIVER
            or self._busy_owners[delivery.owner] >= MOST_PER_OWNER
            or len(self._tries) >= MOST_AT_ONCE
        )
        if not is_full:
            self._busy[delivery.receiver] += 1
            self._busy_owners[delivery.owner] += 1
            self._tries[delivery.job_id] = asyncio.create_task(self._try(delivery))

    async def _try(self, delivery: Delivery) -> None:
        try:
            facts = row_facts(delivery) | {"unstill.try": delivery.tries + 1}
            with (
                lines_about(row_fields(delivery)),
                self._traces.step("webhook", facts, context=delivery.trace) as span,
            ):
                why = await self._why_not(delivery)
                if why is not None:
                    span.fail("not_delivered")
            now_ms = self._clock_ms()
            if why is None:
                tried = delivered(delivery, now_ms)
            else:
                tried = after_failure(delivery, why, now_ms, chance=self._chance())
            self.ended_tries[tried.state] += 1
            self._tell(tried)
            await self._settle(tried)
        finally:
            del self._tries[delivery.job_id]
            self._busy[delivery.receiver] -= 1
            self._busy_owners[delivery.owner] -= 1
            self._busy += Counter()  # forget receivers that have none
            self._busy_owners += Counter()
            self._wake.set()

    async def _why_not(self, delivery: Delivery) -> str | None:
        """Send the event; what kept it from its receiver, None if it was taken."""
        address = self._receivers.address(delivery)
        if address is None:
            return f"[webhooks] has no address for {delivery.owner} any more"
        body = event_body(delivery)
        try:
            with outgoing("POST") as span:
                status = await self._fetcher.post(
                    address.url,
                    body,
                    headers=self._headers(delivery, body),
                    timeout_s=TIMEOUT_S,
                    own=address.own,
                )
                note_status(span, status)
        except FetchFailed as error:
            return error.reason
        except Exception as error:  # a fault of ours ends one try, and its delivery stays owed
            log.exception("webhook_failed", **row_fields(delivery))
            return f"{type(error).__name__} in unstill itself"
        return None if 200 <= status < 300 else f"answered {status}"

    def _headers(self, delivery: Delivery, body: bytes) -> dict[str, str]:
        """Source: Standard Webhooks, "webhook headers" and "signature scheme" (read 2026-11-20)."""
        now_s = self._wall_ms() // 1000
        now = datetime.fromtimestamp(now_s, UTC)  # `sign` takes any clock's figures for UTC
        signatures = (
            signer.sign(event_id(delivery), now, body.decode()) for signer in self._signers
        )
        return {
            "content-type": "application/json",
            "webhook-id": event_id(delivery),
            "webhook-timestamp": str(now_s),
            "webhook-signature": " ".join(signatures),
        }

    async def _settle(self, delivery: Delivery) -> None:
        """Write how a try ended: else it would be made again."""
        write = partial(self._outbox.settle, delivery)
        await self._shortage.until_stored(write, about=row_fields(delivery))

    def _tell(self, delivery: Delivery) -> None:
        """One line, without what a URL may hide: its path, query and user."""
        is_owed = delivery.state is DeliveryState.OWED
        address = self._receivers.address(delivery)
        log.log(
            logging.WARNING if delivery.state is DeliveryState.GIVEN_UP else logging.INFO,
            "webhook",
            **row_fields(delivery),
            type=delivery.type,
            host=None if address is None else urlsplit(address.url).hostname,
            tries=delivery.tries,
            outcome="failed" if is_owed else delivery.state.value,
            why=delivery.last_error,
        )


def _full(busy: Mapping[_Name, int], most: int) -> list[_Name]:
    return [name for name, count in busy.items() if count >= most]
