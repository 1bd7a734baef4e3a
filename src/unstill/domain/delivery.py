"""A delivery: the one event that tells a receiver how a job has ended, until it is taken. Pure.

A `Delivery` is a frozen value read from its row. Whether it is tried again, and when, is decided
here; who asks for events is in webhooks/receivers.py, what sends them in webhooks/deliverer.py.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Literal

import msgspec

from unstill.domain.job import Job, State
from unstill.domain.owner import Owner

MOST_URL_CHARS = 2048
TIMEOUT_S = 15.0  # one try takes no longer
DAY_MS = 24 * 3600 * 1000

EventType = Literal["video.completed", "video.failed"]  # OpenAI's names, openai 3.51.0

_HOST = re.compile(r"\w+://([^/?#]*)")


class DeliveryState(StrEnum):
    OWED = "owed"  # to be tried when it is due
    DELIVERED = "delivered"  # answered 2xx
    GIVEN_UP = "given_up"  # failed for a day


class Delivery(msgspec.Struct, frozen=True):
    """One row. Times are Unix milliseconds."""

    job_id: str
    owner: Owner
    url: str  # "": where the settings say for its owner
    receiver: str  # host and port of `url`, or the owner: what hangs holds up no other receiver
    type: EventType
    created_ms: int  # when the job ended
    due_ms: int  # not before then
    until_ms: int  # a try that would be later is not made
    tries: int = 0  # since it became owed, was replayed, or the server started
    state: DeliveryState = DeliveryState.OWED
    last_error: str | None = None
    ended_ms: int | None = None
    request_id: str = ""  # the job's create call had it; for the log
    trace: str = ""  # likewise


class WebhookEventData(msgspec.Struct, frozen=True):
    """What the event is about."""

    id: str  # the job has it


class WebhookEvent(msgspec.Struct, frozen=True):
    """The shape of OpenAI's webhook events (openai 3.51.0, types/webhooks)."""

    id: str
    object: Literal["event"]
    created_at: int  # Unix seconds
    type: EventType
    data: WebhookEventData


def owed_for(job: Job) -> Delivery | None:
    """What is owed to the receiver of a job that has just ended; None if it asked for nothing."""
    if job.webhook_url is None or job.is_hidden or job.ended_ms is None:
        return None
    host = _HOST.match(job.webhook_url)
    return Delivery(
        job_id=job.id,
        owner=job.owner,
        url=job.webhook_url,
        receiver=job.owner if host is None else host[1].lower(),
        type="video.completed" if job.state is State.SUCCEEDED else "video.failed",
        created_ms=job.ended_ms,
        due_ms=job.ended_ms,
        until_ms=job.ended_ms + DAY_MS,
        request_id=job.request_id,
        trace=job.trace,
    )


def event_id(delivery: Delivery) -> str:
    """The same at every try, so that a receiver can drop what it has already."""
    return f"evt_{delivery.job_id}"


def event_body(delivery: Delivery) -> bytes:
    """The event as JSON, the same bytes at every try."""
    event = WebhookEvent(
        id=event_id(delivery),
        object="event",
        created_at=delivery.created_ms // 1000,
        type=delivery.type,
        data=WebhookEventData(delivery.job_id),
    )
    return msgspec.json.encode(event)


def delivered(delivery: Delivery, now_ms: int) -> Delivery:
    return msgspec.structs.replace(
        delivery,
        state=DeliveryState.DELIVERED,
        tries=delivery.tries + 1,
        last_error=None,
        ended_ms=now_ms,
    )
