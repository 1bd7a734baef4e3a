"""A delivery: owed for which end of a job, the bytes of its event, and when it is tried again."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.jobs import a_job
from unstill.domain.backoff import WEBHOOK
from unstill.domain.delivery import (
    DAY_MS,
    Delivery,
    DeliveryState,
    delivered,
    event_body,
    event_id,
    owed_for,
)
from unstill.domain.job import State
from unstill.domain.owner import Owner
from unstill.webhooks.retry import after_failure

END_MS = 1_763_600_000_999
JOB_ID = "0199f000-0000-7000-8000-000000000001"
URL = "https://Hooks.example.com:8443/a?token=t"
OWED = Delivery(
    job_id=JOB_ID,
    owner=Owner("team-a"),
    url=URL,
    receiver="hooks.example.com:8443",
    type="video.completed",
    created_ms=END_MS,
    due_ms=END_MS,
    until_ms=END_MS + DAY_MS,
)


@pytest.mark.parametrize(
    ("state", "event"),
    [
        (State.SUCCEEDED, "video.completed"),
        (State.FAILED, "video.failed"),
        (State.CANCELLED, "video.failed"),
    ],
)
def test_an_end_is_owed_to_the_receiver_that_was_asked_for(state: State, event: str) -> None:
    job = a_job(id=JOB_ID, state=state, ended_ms=END_MS, webhook_url=URL)
    owed = owed_for(job)

    assert owed is not None
    assert owed.type == event
    assert owed == OWED or state is not State.SUCCEEDED


def test_nothing_is_owed_to_nobody_or_for_a_deleted_job() -> None:
    ended = {"state": State.FAILED, "ended_ms": END_MS}

    assert owed_for(a_job(**ended)) is None
    assert owed_for(a_job(**ended, webhook_url=URL, is_hidden=True)) is None


def test_what_goes_to_the_operators_receiver_is_counted_by_its_owner() -> None:
    owed = owed_for(a_job(state=State.FAILED, ended_ms=END_MS, webhook_url="", owner="team-a"))

    assert owed is not None
    assert (owed.url, owed.receiver) == ("", "team-a")


def test_the_event_is_the_same_bytes_at_every_try() -> None:
    tried = after_failure(OWED, "answered 500", END_MS + 5, chance=0.5)
    written = (
        f'{{"id":"evt_{JOB_ID}","object":"event","created_at":1763600000,'
        f'"type":"video.completed","data":{{"id":"{JOB_ID}"}}}}'
    ).encode()

    assert event_body(OWED) == event_body(tried) == written
    assert event_id(OWED) == event_id(tried) == f"evt_{JOB_ID}"


def test_pauses_grow_to_an_hour_and_end_after_a_day() -> None:
    now_ms, pauses_s, delivery = END_MS, [], OWED
    while delivery.state is DeliveryState.OWED:
        delivery = after_failure(delivery, "answered 500", now_ms, chance=0)
        pauses_s.append((delivery.due_ms - now_ms) // 1000)
        now_ms = max(now_ms, delivery.due_ms)

    assert pauses_s[:12] == [2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 3600, 3600]
    assert set(pauses_s[12:-1]) == {3600}
    assert END_MS + DAY_MS - 3_600_000 < now_ms <= END_MS + DAY_MS
    assert delivery.state is DeliveryState.GIVEN_UP
    assert (delivery.last_error, delivery.ended_ms) == ("answered 500", now_ms)


@given(st.integers(0, 50), st.floats(0, 1))
def test_jitter_lengthens_a_pause_by_a_tenth_at_most(tries: int, chance: float) -> None:
    tried = msgspec.structs.replace(OWED, tries=tries)
    pause_ms = WEBHOOK.after_ms(tries + 1)

    due_ms = after_failure(tried, "x", END_MS, chance=chance).due_ms

    assert pause_ms <= due_ms - END_MS <= pause_ms * 1.1


def test_what_is_delivered_keeps_no_error_of_an_earlier_try() -> None:
    failed = after_failure(OWED, "answered 500", END_MS, chance=0)
    done = delivered(failed, END_MS + 9)

    assert (done.state, done.tries, done.last_error) == (DeliveryState.DELIVERED, 2, None)
    assert done.ended_ms == END_MS + 9
