"""What every job store gives up of jobs that have ended, and what it never does."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from support.leases import lease
from support.open_stores import a_row
from unstill.domain.attempts import Attempt, Outcome, Settlement
from unstill.domain.delivery import DeliveryState
from unstill.domain.job import FINAL, Failure, IdempotencyMark, State, Video, failed, intended
from unstill.store.ports.retention import KEY_KNOWN_MS, RETRY_KNOWN_MS, Kept
from unstill.store.ports.store import Store

END_MS = 1_763_600_000_000
VIDEO = Video("video-1.mp4", 832, 480, 5.0, 30.0, 150, 1000, has_audio=True)


async def add(
    store: Store, job_id: str = "job", state: State = State.SUCCEEDED, **fields: Any
) -> None:
    ended: dict[str, Any] = {"state": state, "ended_ms": END_MS if state.is_final else None}
    if state is State.SUCCEEDED:
        ended["video"] = VIDEO
    await store.jobs.add(a_row(job_id, **ended | fields))


async def found(
    store: Store, kept: Kept, before_ms: int = END_MS + 1, now_ms: int = END_MS + 1
) -> list[str]:
    return [job.id for job in await store.retention.ended(kept, before_ms, now_ms=now_ms)]


@pytest.mark.parametrize("kept", [Kept.VIDEO, Kept.PICTURES, Kept.ROW])
async def test_a_job_is_found_once_it_has_ended_for_so_long_and_not_before(
    store: Store, kept: Kept
) -> None:
    await add(store)

    assert await found(store, kept, END_MS) == []
    assert await found(store, kept, END_MS + 1) == ["job"]


@pytest.mark.parametrize("state", list(State))
async def test_what_each_state_has_to_lose(store: Store, state: State) -> None:
    await add(store, state=state)
    has = {kept for kept in Kept if await found(store, kept)}

    if state not in FINAL:
        assert has == set()
    elif state is State.SUCCEEDED:
        assert has == {Kept.VIDEO, Kept.PICTURES, Kept.ROW}
    else:
        assert has == {Kept.FAILED_PICTURES, Kept.PICTURES, Kept.ROW}


async def test_a_deleted_job_has_nothing_to_lose(store: Store) -> None:
    await add(store, is_hidden=True)

    assert [await found(store, kept) for kept in Kept] == [[]] * len(Kept)


async def test_jobs_come_in_the_order_of_their_ends_and_piece_by_piece(store: Store) -> None:
    for number in range(150):
        await add(store, f"job-{number:03}", ended_ms=END_MS - number % 7)
    seen, after = [], None
    while jobs := await store.retention.ended(Kept.VIDEO, END_MS + 1, now_ms=END_MS, after=after):
        seen += [(job.ended_ms or 0, job.id) for job in jobs]
        after = jobs[-1]
        assert len(jobs) <= 100

    assert len(seen) == 150
    assert seen == sorted(seen)


async def test_a_video_that_is_noted_as_removed_is_told_by_its_row_and_found_no_more(
    store: Store,
) -> None:
    await add(store)
    await store.retention.note_removed("job", Kept.VIDEO, END_MS + 5)
    job = await store.jobs.find("job")

    assert job is not None
    assert job.video == msgspec.structs.replace(VIDEO, removed_ms=END_MS + 5)
    assert job.state is State.SUCCEEDED
    assert await found(store, Kept.VIDEO) == []
    assert await found(store, Kept.PICTURES) == ["job"]


async def test_pictures_that_are_noted_as_removed_are_found_no_more(store: Store) -> None:
    await add(store, "made")
    await add(store, "failed", State.FAILED)
    await store.retention.note_removed("made", Kept.PICTURES, END_MS)
    await store.retention.note_removed("failed", Kept.FAILED_PICTURES, END_MS)

    assert await found(store, Kept.PICTURES) == []
    assert await found(store, Kept.FAILED_PICTURES) == []
    assert await found(store, Kept.VIDEO) == ["made"]


async def test_a_row_goes_with_its_mark_and_another_call_under_its_key_makes_a_new_job(
    store: Store,
) -> None:
    mark = IdempotencyMark("f" * 64, key="order-17")
    await store.jobs.add(a_row("job", state=State.SUCCEEDED, ended_ms=END_MS), mark=mark)
    await store.retention.note_removed("job", Kept.ROW, END_MS)
    again = await store.jobs.add(a_row("again"), mark=mark)

    assert await store.jobs.find("job") is None
    assert again.id == "again"


@pytest.mark.parametrize(("key", "known_ms"), [("order-17", KEY_KNOWN_MS), (None, RETRY_KNOWN_MS)])
async def test_a_row_is_kept_for_as_long_as_its_call_may_be_sent_again(
    store: Store, key: str | None, known_ms: int
) -> None:
    mark = IdempotencyMark("f" * 64, key=key)
    job = a_row("job", state=State.SUCCEEDED, ended_ms=END_MS, video=VIDEO)
    await store.jobs.add(job, mark=mark)
    until_ms = job.created_ms + known_ms

    assert await found(store, Kept.ROW, now_ms=until_ms - 1) == []
    assert await found(store, Kept.ROW, now_ms=until_ms) == ["job"]
    assert await found(store, Kept.VIDEO, now_ms=until_ms - 1) == ["job"]


async def owing(store: Store) -> None:
    await store.jobs.add(a_row("job", state=State.READY, webhook_url="https://example.com/hook"))
    await store.jobs.change("job", failed(Failure("bad", "no"), END_MS))


async def test_a_job_that_owes_a_webhook_loses_nothing_before_it_is_delivered(
    store: Store,
) -> None:
    await owing(store)
    owed = [await found(store, kept) for kept in Kept]
    await store.retention.note_removed("job", Kept.ROW, END_MS)
    [delivery] = await store.outbox.due(END_MS * 2, limit=5)
    await store.outbox.settle(
        msgspec.structs.replace(delivery, state=DeliveryState.DELIVERED, tries=1, ended_ms=END_MS)
    )

    assert owed == [[]] * len(Kept)
    assert await store.jobs.find("job") is not None
    assert await found(store, Kept.ROW) == ["job"]


@pytest.mark.parametrize("outcome", list(Outcome))
async def test_a_job_that_may_have_been_paid_for_without_anybody_knowing_loses_nothing(
    store: Store, outcome: Outcome
) -> None:
    await store.jobs.add(a_row("job", state=State.READY, engine="bailian"))
    attempt = Attempt("job", 1, "bailian", "account", "wan2.7-i2v", END_MS - 9, END_MS + 9)
    await store.jobs.change("job", intended(attempt, lease()))
    closes = None if outcome is Outcome.OPEN else Settlement(1, outcome, END_MS, ticket="task-1")
    await store.jobs.change("job", failed(Failure("any", "no"), END_MS, closes=closes))
    is_in_doubt = outcome in {Outcome.OPEN, Outcome.UNKNOWN}

    assert await found(store, Kept.ROW) == ([] if is_in_doubt else ["job"])
    assert await found(store, Kept.FAILED_PICTURES) == ([] if is_in_doubt else ["job"])
