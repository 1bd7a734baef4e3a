"""What every job store keeps to."""

from __future__ import annotations

import asyncio

import pytest
from structlog.testing import capture_logs

from support.leases import ENDED
from support.open_stores import Make, a_row, opened
from unstill.domain import job as jobs
from unstill.domain.errors import StorageFailed
from unstill.domain.job import FINAL, Change, Failure, Job, State, Usage, Video, apply
from unstill.domain.owner import Owner
from unstill.domain.request import Frame, Size, VideoRequest
from unstill.store.ports.store import Store

FULL_REQUEST = VideoRequest(
    model="Wan-AI/Wan2.2-I2V",
    prompt="'; DROP TABLE jobs; --\n\x01\t\"",
    first_frame=Frame(
        "first", "first_frame_url", url="https://example.com/a.png", sha256="ab" * 32
    ),
    duration_s=8,
    frame_rate=24,
    seed=2**31 - 1,
    size=Size(1104, 816),
    tier="1080P",
    last_frame=Frame("last", "last_frame_url", sha256="cd" * 32),
    negative_prompt="blur",
    watermark=True,
    generate_audio=True,
    options={"shift": 5.5, "steps": 30, "mode": "pro", "is_long": True},
)
VIDEO = Video("video-1.mp4", 832, 480, 5.0, 29.97, 150, 2**40, has_audio=True)


# --- rows --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "job",
    [
        a_row(),
        a_row(
            owner="team-b",
            dialect="videos",
            words="openai",
            model="sora-2",
            request=FULL_REQUEST,
            engine="gpu1",
            state=State.SUCCEEDED,
            attempt=3,
            deaths=2,
            due_ms=2**52,
            size=Size(832, 480),
            started_ms=1,
            ended_ms=2,
            video=VIDEO,
            usage=Usage(duration_s=8, video_count=1, tier_height=1080),
            failure=Failure("code", "message", "input.first_frame_url"),
            is_hidden=True,
            request_id="req-1",
            key_id="key_0123456789ab",
        ),
    ],
    ids=["new", "every field"],
)
async def test_a_job_is_found_as_it_was_added(make: Make, job: Job) -> None:
    async with opened(make) as store:
        await store.jobs.add(job)
        at_once = await store.jobs.find(job.id)
    async with opened(make) as store:
        after_a_restart = await store.jobs.find(job.id)

    assert at_once == after_a_restart == job


async def test_an_unknown_job_is_not_found(store: Store) -> None:
    await store.jobs.add(a_row())

    assert await store.jobs.find("jo") is None


async def test_a_job_that_is_there_is_not_added_again(store: Store) -> None:
    await store.jobs.add(a_row())

    with pytest.raises(StorageFailed):
        await store.jobs.add(a_row(owner="somebody else"))
    assert await store.jobs.find("job") == a_row()


async def test_a_write_that_fails_harms_none_beside_it(store: Store) -> None:
    await store.jobs.add(a_row("job-13"))
    adds = [store.jobs.add(a_row(f"job-{number}")) for number in range(40)]
    changes = [store.jobs.change("job-13", jobs.made_ready(Size(640, 480)))]

    results = await asyncio.gather(*adds, *changes, return_exceptions=True)

    failures = [number for number, result in enumerate(results) if isinstance(result, Exception)]
    assert failures == [13]
    assert len((await store.job_lists.page(Owner("team-a"), limit=100)).jobs) == 40


# --- guarded writes ----------------------------------------------------------------------------

WALK: list[Change] = [
    jobs.made_ready(Size(832, 480)),
    jobs.started(2, ENDED),
    jobs.put_back(10, died=True),
    jobs.started(3, ENDED),
    jobs.hidden(State.RUNNING),
    jobs.rendered(
        jobs.Result(usage={"SR": 480}, made_by="gpu; steps=40", unheard=("waves crash", "海浪"))
    ),
    jobs.succeeded(VIDEO, Usage(duration_s=5), 4),
]


async def test_a_change_does_to_the_row_what_it_does_to_the_value(store: Store) -> None:
    await store.jobs.add(a_row())
    expected: Job | None = a_row()

    for change in WALK:
        assert expected is not None
        expected = apply(expected, change)
        changed = await store.jobs.change("job", change)

        assert changed == expected == await store.jobs.find("job")


@pytest.mark.parametrize("state", sorted(State))
@pytest.mark.parametrize(
    "change", [*WALK, jobs.cancelled(9, is_hidden=True), jobs.failed(Failure("a", "b"), 9)]
)
async def test_a_change_is_refused_from_each_state_that_it_does_not_name(
    store: Store, state: State, change: Change
) -> None:
    job = a_row(state=state)
    await store.jobs.add(job)

    changed = await store.jobs.change("job", change)

    assert changed == apply(job, change)
    assert await store.jobs.find("job") == (changed or job)


async def test_a_change_of_another_attempt_is_refused(store: Store) -> None:
    await store.jobs.add(a_row(state=State.RUNNING, attempt=2))

    assert await store.jobs.change("job", jobs.rendered(), attempt=1) is None
    assert await store.jobs.change("job", jobs.rendered(), attempt=3) is None
    changed = await store.jobs.change("job", jobs.rendered(), attempt=2)
    assert changed == a_row(state=State.SAVING, attempt=2)


async def test_a_change_of_an_unknown_job_is_refused(store: Store) -> None:
    assert await store.jobs.change("job", jobs.made_ready(Size(640, 480))) is None


@pytest.mark.parametrize(
    "change",
    [
        Change(of=FINAL, to=State.READY, sets={}),
        Change(of=frozenset({State.CANCELLED}), to=State.SUCCEEDED, sets={}),
        Change(of=frozenset({State.QUEUED}), to=None, sets={"id": "other"}),  # type: ignore[typeddict-unknown-key]
        Change(of=frozenset({State.QUEUED}), to=None, sets={"attempt": 7}),  # type: ignore[typeddict-unknown-key]
        Change(of=frozenset({State.QUEUED}), to=None, sets={"owner = 'me', model": "x"}),  # type: ignore[typeddict-unknown-key]
    ],
    ids=["revives", "cancelled succeeds", "sets the id", "sets the attempt", "sets no field"],
)
async def test_a_change_that_no_job_may_make_is_an_error(store: Store, change: Change) -> None:
    await store.jobs.add(a_row())

    with pytest.raises(ValueError, match=r"no job moves|may not set"):
        await store.jobs.change("job", change)
    assert await store.jobs.find("job") == a_row()


async def test_of_two_racing_changes_exactly_one_wins(store: Store) -> None:
    for number in range(30):
        job = a_row(f"job-{number}", state=State.SAVING)
        await store.jobs.add(job)

        results = await asyncio.gather(
            store.jobs.change(job.id, jobs.succeeded(VIDEO, Usage(duration_s=5), 1)),
            store.jobs.change(job.id, jobs.failed(Failure("late", "too late"), 1)),
        )

        winners = [result for result in results if result is not None]
        assert winners == [await store.jobs.find(job.id)]


# --- listeners ---------------------------------------------------------------------------------


async def test_listeners_hear_each_change_in_order_and_before_its_caller(make: Make) -> None:
    heard: list[tuple[str, State]] = []
    async with opened(make, lambda job: heard.append((job.id, job.state))) as store:
        for number in range(5):
            await store.jobs.add(a_row(f"job-{number}"))
            assert heard[-1] == (f"job-{number}", State.QUEUED)
        await asyncio.gather(
            *(store.jobs.change("job-0", jobs.made_ready(Size(640, 480))) for _ in range(2))
        )
        await store.jobs.change("job-1", jobs.cancelled(1, is_hidden=False))

    added = [(f"job-{number}", State.QUEUED) for number in range(5)]
    assert heard == [*added, ("job-0", State.READY), ("job-1", State.CANCELLED)]


async def test_of_each_change_the_listeners_are_told_in_their_order(make: Make) -> None:
    heard: list[tuple[str, State]] = []
    first, second = (
        lambda job, name=name: heard.append((name, job.state)) for name in ("first", "second")
    )
    async with opened(make, first, second) as store:
        await store.jobs.add(a_row())
        await store.jobs.change("job", jobs.made_ready(Size(640, 480)))

    assert heard == [
        ("first", State.QUEUED),
        ("second", State.QUEUED),
        ("first", State.READY),
        ("second", State.READY),
    ]


async def test_a_listener_that_fails_is_logged_and_harms_nobody(make: Make) -> None:
    heard: list[str] = []

    def fail(job: Job) -> None:
        raise RuntimeError(job.id)

    async with opened(make, fail, lambda job: heard.append(job.id)) as store:
        with capture_logs() as logged:
            await store.jobs.add(a_row())

    assert heard == ["job"]
    assert [entry["event"] for entry in logged] == ["listener_failed"]


async def test_a_caller_that_is_cancelled_leaves_its_write_standing(make: Make) -> None:
    heard: list[str] = []
    async with opened(make, lambda job: heard.append(job.id)) as store:
        adding = asyncio.ensure_future(store.jobs.add(a_row("first")))
        await asyncio.sleep(0)

        adding.cancel()
        await store.jobs.add(a_row("second"))

        assert adding.cancelled()
        assert heard == ["first", "second"]
        assert await store.jobs.find("first") == a_row("first")


async def test_tickets_are_read_of_some_engines_alone(store: Store) -> None:
    for job_id, engine in (("a", "one"), ("b", "two"), ("c", "three"), ("d", "one")):
        running = {"state": State.RUNNING, "ticket": f"t-{job_id}", "attempt": 1}
        await store.jobs.add(a_row(job_id, engine=engine, **running))

    async def of(*engines: str) -> list[str]:
        return [row.job_id async for rows in store.backlog.tickets(engines) for row in rows]

    every = [row.job_id async for rows in store.backlog.tickets() for row in rows]

    assert every == ["a", "b", "c", "d"]
    assert await of("one") == ["a", "d"]
    assert await of("two", "three") == ["b", "c"]
    assert await of("four") == await of() == []
