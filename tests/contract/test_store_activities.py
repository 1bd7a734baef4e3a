"""What every job store tells operators of the last hours, and of what receivers are owed."""

from __future__ import annotations

import pytest

from support.jobs import a_job
from support.open_stores import Make, embedded_stores, opened, postgres_stores
from unstill.domain.activity import ActivitySpan, EngineActivity, ErrorCount
from unstill.domain.delivery import DAY_MS, DeliveryState, delivered
from unstill.domain.job import Failure, Job, State, Video, failed
from unstill.domain.job_ids import new_id
from unstill.store import activity_rows
from unstill.store.ports.outbox import OutboxStanding
from unstill.store.ports.store import Store
from unstill.webhooks.retry import after_failure

NOW_MS = 1_763_600_400_000  # a step begins then
STEP_MS = 60_000
SPAN = ActivitySpan(NOW_MS, NOW_MS + 3 * STEP_MS - 1, STEP_MS)
VIDEO = Video("video-1.mp4", 832, 480, 5.5, 30.0, 165, 2**20, has_audio=False)


def over(at_ms: int, state: State = State.SUCCEEDED, **fields: object) -> Job:
    """A job that ended so long after the span's beginning."""
    made_ms = NOW_MS + at_ms - 3_000
    usual = {"id": new_id(made_ms), "created_ms": made_ms, "started_ms": made_ms + 1_000}
    usual |= {"state": state, "ended_ms": NOW_MS + at_ms}
    if state is State.SUCCEEDED:
        usual["video"] = VIDEO
    if state is State.FAILED:
        usual["failure"] = Failure("gone", "it is gone")
    return a_job(**usual | fields)


async def test_what_was_made_and_what_ended_is_told_by_steps(store: Store) -> None:
    for job in (
        over(-1),
        over(0),
        over(STEP_MS - 1, State.FAILED, engine="far"),
        over(STEP_MS, is_hidden=True),
        over(STEP_MS + 5, State.CANCELLED, started_ms=None),
        over(2 * STEP_MS, started_ms=NOW_MS + 2 * STEP_MS - 1_500),
        a_job(created_ms=NOW_MS + 2 * STEP_MS, state=State.QUEUED),
        over(3 * STEP_MS),
        a_job(created_ms=NOW_MS + 3 * STEP_MS, state=State.QUEUED),
    ):
        await store.jobs.add(job)
    told = await store.activities.within(SPAN)

    assert (told.since_ms, told.step_ms) == (NOW_MS, STEP_MS)
    assert [each.at_ms for each in told.steps] == [NOW_MS + n * STEP_MS for n in range(3)]
    ends = [(each.succeeded, each.failed, each.cancelled) for each in told.steps]
    assert ends == [(1, 1, 0), (1, 0, 1), (1, 0, 0)]
    assert [each.made for each in told.steps] == [3, 1, 2]
    assert [each.video_s for each in told.steps] == [5.5, 5.5, 5.5]
    assert [each.render_ms_p50 for each in told.steps] == [2_000, 2_000, 1_500]
    assert [each.wait_ms_p50 for each in told.steps] == [1_000, 1_000, 1_500]
    assert told.errors == (ErrorCount("gone", "far", 1),)
    assert told.engines == (
        EngineActivity("camera", 3, 0, 2_000),
        EngineActivity("far", 0, 1, None),
    )


async def test_a_span_in_which_nothing_was_done_has_its_steps(store: Store) -> None:
    told = await store.activities.within(SPAN)

    assert [each.made for each in told.steps] == [0, 0, 0]
    assert (told.errors, told.engines) == ((), ())


@pytest.mark.parametrize("make", [embedded_stores, postgres_stores], indirect=True)
@pytest.mark.parametrize(("most", "count"), [(5, 5), (4, 4), (3, 3)])
async def test_as_many_ends_are_looked_at_the_newest_and_it_says_how_far_that_goes(
    make: Make, monkeypatch: pytest.MonkeyPatch, most: int, count: int
) -> None:
    monkeypatch.setattr(activity_rows, "ROWS", 2)
    monkeypatch.setattr(activity_rows, "MOST_LOOKED_AT", most)
    async with opened(make) as store:
        jobs = [over(n * STEP_MS // 2 + 4_000) for n in range(4)]
        jobs.append(over(3 * STEP_MS // 2 + 4_000))  # in the same millisecond as another
        for job in jobs:
            await store.jobs.add(job)
        told = await store.activities.within(SPAN)

    oldest_ms = sorted((job.ended_ms or 0 for job in jobs), reverse=True)[count - 1]
    assert sum(each.succeeded for each in told.steps) == count
    assert told.since_ms == (oldest_ms if most <= 5 else NOW_MS)
    assert told.steps[0].at_ms == told.since_ms // STEP_MS * STEP_MS
    made_ms = [job.created_ms for job in jobs]
    made = sum(each >= told.since_ms for each in made_ms)
    assert sum(each.made for each in told.steps) == made


# --- what receivers are owed -------------------------------------------------------------------


async def owed_at(store: Store, made_ms: int) -> Job:
    job = a_job(
        id=new_id(made_ms), created_ms=made_ms, webhook_url="https://hooks.example.com/a?key=secret"
    )
    await store.jobs.add(job)
    changed = await store.jobs.change(job.id, failed(Failure("x", "y"), made_ms))
    assert changed is not None
    return changed


async def test_the_standing_of_the_outbox_tells_how_receivers_fare(store: Store) -> None:
    nothing = await store.outbox.standing(given_up_since_ms=0)
    jobs = [await owed_at(store, NOW_MS + n) for n in range(4)]
    taken, failing, given_up, _ = [await store.outbox.of(job.id) for job in jobs]
    assert taken is not None
    assert failing is not None
    assert given_up is not None
    await store.outbox.settle(delivered(taken, NOW_MS))
    await store.outbox.settle(after_failure(failing, "answered 503", NOW_MS + 10, chance=0.5))
    late_ms = NOW_MS + 2 * DAY_MS
    await store.outbox.settle(after_failure(given_up, "answered 500", late_ms, chance=0.5))
    standing = await store.outbox.standing(given_up_since_ms=late_ms)
    later = await store.outbox.standing(given_up_since_ms=late_ms + 1)

    assert nothing == OutboxStanding(0, None, 0, 0)
    assert standing == OutboxStanding(2, NOW_MS + 1, 1, 1)
    assert later.given_up == 0


async def test_the_newest_deliveries_are_those_of_the_newest_jobs(store: Store) -> None:
    jobs = [await owed_at(store, NOW_MS + n) for n in range(3)]

    newest = await store.outbox.newest(2)

    assert [each.job_id for each in newest] == [jobs[2].id, jobs[1].id]
    assert {each.state for each in newest} == {DeliveryState.OWED}
