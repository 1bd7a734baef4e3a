"""What every job store keeps to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
from structlog.testing import capture_logs

from left import left
from unstill import job as jobs
from unstill.backend.port import Backend, Lane, Page, Place, Took
from unstill.errors import ShuttingDown, StorageFailed
from unstill.job import FINAL, Change, Failure, Job, State, Usage, Video, apply, new_id
from unstill.request import Frame, Size, VideoRequest

Make = Callable[[], Backend]  # a store over the same data, each time it is called

REQUEST = VideoRequest(
    model="wan2.7-i2v",
    prompt="一只猫 🐈 wakes up",
    first_frame=Frame("first", "input.media[0].url", url="https://example.com/cat.jpg"),
    duration_s=5,
    frame_rate=30,
    seed=42,
)
FULL_REQUEST = VideoRequest(
    model="Wan-AI/Wan2.2-I2V",
    prompt="'; DROP TABLE jobs; --\n\0\t\"",
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


@asynccontextmanager
async def opened(make: Make) -> AsyncIterator[Backend]:
    store = make()
    await store.open()
    try:
        yield store
    finally:
        await store.close()


def a_job(job_id: str = "job", **fields: Any) -> Job:
    job = Job(
        id=job_id,
        owner="team-a",
        dialect="tasks",
        words="seed",
        model="wan2.7-i2v",
        request=REQUEST,
        engine="camera",
        created_ms=1_763_600_000_000,
    )
    return msgspec.structs.replace(job, **fields)


# --- rows --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "job",
    [
        a_job(),
        a_job(
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
        ),
    ],
    ids=["new", "every field"],
)
async def test_a_job_is_found_as_it_was_added(make: Make, job: Job) -> None:
    async with opened(make) as store:
        await store.add(job)
        at_once = await store.find(job.id)
    async with opened(make) as store:
        after_a_restart = await store.find(job.id)

    assert at_once == after_a_restart == job


async def test_an_unknown_job_is_not_found(store: Backend) -> None:
    await store.add(a_job())

    assert await store.find("jo") is None


async def test_a_job_that_is_there_is_not_added_again(store: Backend) -> None:
    await store.add(a_job())

    with pytest.raises(StorageFailed):
        await store.add(a_job(owner="somebody else"))
    assert await store.find("job") == a_job()


async def test_a_write_that_fails_harms_none_beside_it(store: Backend) -> None:
    await store.add(a_job("job-13"))
    adds = [store.add(a_job(f"job-{number}")) for number in range(40)]
    changes = [store.change("job-13", jobs.made_ready(Size(640, 480)))]

    results = await asyncio.gather(*adds, *changes, return_exceptions=True)

    failures = [number for number, result in enumerate(results) if isinstance(result, Exception)]
    assert failures == [13]
    assert len((await store.page("team-a", limit=100)).jobs) == 40


# --- guarded writes ----------------------------------------------------------------------------

WALK: list[Change] = [
    jobs.made_ready(Size(832, 480)),
    jobs.started(2),
    jobs.put_back(10, died=True),
    jobs.started(3),
    jobs.hidden(State.RUNNING),
    jobs.rendered(),
    jobs.succeeded(VIDEO, Usage(duration_s=5), 4),
]


async def test_a_change_does_to_the_row_what_it_does_to_the_value(store: Backend) -> None:
    await store.add(a_job())
    expected: Job | None = a_job()

    for change in WALK:
        assert expected is not None
        expected = apply(expected, change)
        changed = await store.change("job", change)

        assert changed == expected == await store.find("job")


@pytest.mark.parametrize("state", sorted(State))
@pytest.mark.parametrize(
    "change", [*WALK, jobs.cancelled(9, is_hidden=True), jobs.failed(Failure("a", "b"), 9)]
)
async def test_a_change_is_refused_from_each_state_that_it_does_not_name(
    store: Backend, state: State, change: Change
) -> None:
    job = a_job(state=state)
    await store.add(job)

    changed = await store.change("job", change)

    assert changed == apply(job, change)
    assert await store.find("job") == (changed or job)


async def test_a_change_of_another_attempt_is_refused(store: Backend) -> None:
    await store.add(a_job(state=State.RUNNING, attempt=2))

    assert await store.change("job", jobs.rendered(), attempt=1) is None
    assert await store.change("job", jobs.rendered(), attempt=3) is None
    changed = await store.change("job", jobs.rendered(), attempt=2)
    assert changed == a_job(state=State.SAVING, attempt=2)


async def test_a_change_of_an_unknown_job_is_refused(store: Backend) -> None:
    assert await store.change("job", jobs.made_ready(Size(640, 480))) is None


@pytest.mark.parametrize(
    "change",
    [
        Change(of=FINAL, to=State.READY, sets={}),
        Change(of=frozenset({State.CANCELLED}), to=State.SUCCEEDED, sets={}),
        Change(of=frozenset({State.QUEUED}), to=None, sets={"id": "other"}),
        Change(of=frozenset({State.QUEUED}), to=None, sets={"attempt": 7}),
        Change(of=frozenset({State.QUEUED}), to=None, sets={"owner = 'me', model": "x"}),
    ],
    ids=["revives", "cancelled succeeds", "sets the id", "sets the attempt", "sets no field"],
)
async def test_a_change_that_no_job_may_make_is_an_error(store: Backend, change: Change) -> None:
    await store.add(a_job())

    with pytest.raises(ValueError, match=r"no job moves|may not set"):
        await store.change("job", change)
    assert await store.find("job") == a_job()


async def test_of_two_racing_changes_exactly_one_wins(store: Backend) -> None:
    for number in range(30):
        job = a_job(f"job-{number}", state=State.SAVING)
        await store.add(job)

        results = await asyncio.gather(
            store.change(job.id, jobs.succeeded(VIDEO, Usage(duration_s=5), 1)),
            store.change(job.id, jobs.failed(Failure("late", "too late"), 1)),
        )

        winners = [result for result in results if result is not None]
        assert winners == [await store.find(job.id)]


# --- listeners ---------------------------------------------------------------------------------


async def test_listeners_hear_each_change_in_order_and_before_its_caller(store: Backend) -> None:
    heard: list[tuple[str, State]] = []
    store.listen(lambda job: heard.append((job.id, job.state)))

    await asyncio.gather(
        *(store.add(a_job(f"job-{number}")) for number in range(5)),
        store.change("job-0", jobs.made_ready(Size(640, 480))),
    )
    await store.change("job-0", jobs.made_ready(Size(640, 480)))
    await store.change("job-1", jobs.cancelled(1, is_hidden=False))

    added = [(f"job-{number}", State.QUEUED) for number in range(5)]
    assert heard == [*added, ("job-0", State.READY), ("job-1", State.CANCELLED)]


async def test_a_listener_that_fails_is_logged_and_harms_nobody(store: Backend) -> None:
    heard: list[str] = []

    def fail(job: Job) -> None:
        raise RuntimeError(job.id)

    store.listen(fail)
    store.listen(lambda job: heard.append(job.id))
    with capture_logs() as logged:
        await store.add(a_job())

    assert heard == ["job"]
    assert [entry["event"] for entry in logged] == ["listener failed"]


async def test_a_caller_that_is_cancelled_leaves_its_write_standing(store: Backend) -> None:
    heard: list[str] = []
    store.listen(lambda job: heard.append(job.id))
    adding = asyncio.ensure_future(store.add(a_job("first")))
    await asyncio.sleep(0)

    adding.cancel()
    await store.add(a_job("second"))

    assert adding.cancelled()
    assert heard == ["first", "second"]
    assert await store.find("first") == a_job("first")


# --- lists -------------------------------------------------------------------------------------


@pytest.mark.parametrize("newest_first", [True, False])
async def test_paging_shows_each_of_an_owners_jobs_once(
    store: Backend, *, newest_first: bool
) -> None:
    ids = [new_id(1_763_600_000_000 + number) for number in range(250)]
    others = [a_job(new_id(1_763_600_000_000 + number), owner="team-b") for number in range(20)]
    await asyncio.gather(
        *(store.add(job) for job in others), *(store.add(a_job(id_)) for id_ in ids)
    )
    shown: list[str] = []
    sizes: list[int] = []

    after, has_more = None, True
    while has_more:
        page = await store.page("team-a", limit=60, after=after, newest_first=newest_first)
        shown += [job.id for job in page.jobs]
        sizes.append(len(page.jobs))
        after, has_more = page.jobs[-1].id, page.has_more

    assert shown == sorted(ids, reverse=newest_first)
    assert sizes == [60, 60, 60, 60, 10]


async def test_a_page_goes_on_after_an_id_that_is_gone(store: Backend) -> None:
    for job_id in ("a", "c"):
        await store.add(a_job(job_id))

    older = await store.page("team-a", limit=5, after="b")
    newer = await store.page("team-a", limit=5, after="b", newest_first=False)

    assert older.jobs == (a_job("a"),)
    assert newer.jobs == (a_job("c"),)


async def test_a_page_that_holds_all_has_no_more(store: Backend) -> None:
    await store.add(a_job())

    assert await store.page("team-a", limit=1) == Page((a_job(),), has_more=False)
    assert await store.page("nobody", limit=1) == Page((), has_more=False)


async def test_a_deleted_job_is_found_but_never_listed_for_its_owner(store: Backend) -> None:
    await store.add(a_job("shown"))
    await store.add(a_job("running", state=State.RUNNING))
    await store.add(a_job("ready", state=State.READY))
    await store.change("running", jobs.hidden(State.RUNNING))
    await store.change("ready", jobs.cancelled(5, is_hidden=True))

    assert [job.id for job in (await store.page("team-a", limit=5)).jobs] == ["shown"]
    assert [place.job_id for place in await left(store)] == ["running", "shown"]
    assert await store.find("ready") is not None


async def test_an_unfinished_job_has_its_place(store: Backend) -> None:
    await store.add(a_job("later", state=State.READY, engine="gpu1", due_ms=7_000))
    await store.add(a_job("ended", state=State.FAILED))
    await store.add(a_job("away", state=State.RUNNING))

    assert await left(store) == [
        Place("away", "team-a", State.RUNNING, "camera", 0),
        Place("later", "team-a", State.READY, "gpu1", 7_000),
    ]


async def test_more_places_than_are_read_at_once_are_all_there_in_the_order_of_ids(
    store: Backend,
) -> None:
    ids = [f"job-{number:04d}" for number in range(2_100)]
    await asyncio.gather(*(store.add(a_job(job_id)) for job_id in reversed(ids)))
    slices = [places async for places in store.unfinished()]

    assert [place.job_id for places in slices for place in places] == ids
    assert len(slices) > 1


async def test_how_long_jobs_took_is_told_of_the_newest_that_succeeded(store: Backend) -> None:
    times: dict[str, Any] = {
        "state": State.SUCCEEDED,
        "started_ms": 1_000,
        "size": Size(320, 256),
    }
    await store.add(a_job("a", **times, ended_ms=2_000))
    await store.add(a_job("b", **times, ended_ms=31_000, engine="gpu1", is_hidden=True))
    await store.add(a_job("c", **times, ended_ms=5_500))
    await store.add(a_job("d", state=State.FAILED, started_ms=1_000, ended_ms=9_000))
    await store.add(a_job("e", state=State.RUNNING, started_ms=1_000))
    await store.add(a_job("f", state=State.SUCCEEDED, ended_ms=9_000))  # of the first release

    work = 320 * 256 * 5  # pixels times seconds
    here = Took("camera", "wan2.7-i2v", work=work, took_ms=4_500)
    assert await store.times(2) == [here, Took("gpu1", "wan2.7-i2v", work, 30_000)]
    assert len(await store.times(9)) == 3


async def test_only_a_deleted_job_that_has_ended_is_forgotten(store: Backend) -> None:
    await store.add(a_job("unfinished", state=State.RUNNING, is_hidden=True))
    await store.add(a_job("shown", state=State.SUCCEEDED))
    await store.add(a_job("deleted", state=State.SUCCEEDED, is_hidden=True))

    for job_id in ("unfinished", "shown", "deleted", "unknown"):
        await store.forget(job_id)

    assert await store.find("deleted") is None
    assert await store.find("unfinished") is not None
    assert await store.find("shown") is not None


async def test_the_files_of_a_deleted_job_that_has_ended_are_not_needed(store: Backend) -> None:
    await store.add(a_job("shown", state=State.SUCCEEDED))
    await store.add(a_job("ending", state=State.SAVING, is_hidden=True))
    await store.add(a_job("deleted", state=State.FAILED, is_hidden=True))

    many = [f"unknown-{number}" for number in range(1_500)]
    found = await store.standing(["shown", *many, "ending", "deleted"])

    assert found == {"shown": True, "ending": True, "deleted": False}
    assert await store.standing([]) == {}


async def test_long_deleted_jobs_come_by_pages_and_young_ones_do_not(store: Backend) -> None:
    made = [a_job(jobs.new_id(moment), state=State.FAILED) for moment in (1_000, 2_000, 3_000)]
    for job in made:
        await store.add(job)
        await store.change(job.id, jobs.hidden(State.FAILED))
    running = a_job(jobs.new_id(1_500), state=State.RUNNING, is_hidden=True)
    shown = a_job(jobs.new_id(1_600), state=State.FAILED)
    await store.add(running)
    await store.add(shown)
    first, second, _ = (job.id for job in made)

    assert await store.long_deleted(3_000) == [first, second]
    assert await store.long_deleted(3_000, after=first) == [second]
    assert await store.long_deleted(3_000, after=second) == []
    assert await store.long_deleted(1_000) == []


# --- lanes and life ----------------------------------------------------------------------------


async def test_what_was_left_unfinished_is_taken_up_again(make: Make) -> None:
    taken: asyncio.Queue[str] = asyncio.Queue()
    async with opened(make) as store:
        await asyncio.gather(*(store.add(a_job(state, state=state)) for state in State))

    async with opened(make) as store:
        unfinished = await left(store)
        lanes = ("frames", "engine:camera", "save:camera")
        store.serve([Lane(name, 1, taken.put) for name in lanes])
        async with asyncio.timeout(30):
            ids = {await taken.get() for _ in lanes}

    assert {place.state for place in unfinished} == set(State) - FINAL
    assert ids == {State.QUEUED, State.READY, State.SAVING}


@pytest.mark.parametrize(
    ("lane", "state"),
    [("frames", State.QUEUED), ("engine:camera", State.READY), ("save:camera", State.SAVING)],
)
@pytest.mark.parametrize("is_new", [True, False])  # or left by the last server
async def test_owners_take_turns_in_every_lane(
    make: Make, lane: str, state: State, *, is_new: bool
) -> None:
    taken, done = list[str](), asyncio.Event()

    async def step(job_id: str) -> None:
        taken.append(job_id)
        if len(taken) == 5:
            done.set()
            await asyncio.sleep(60)
        await store.change(job_id, jobs.failed(Failure("code", "why"), 5))

    ids = {"team-a": [f"a-{number:03}" for number in range(200)], "team-b": ["b-0", "b-1"]}
    async with opened(make) as store:
        for owner, those in ids.items():
            await asyncio.gather(*(store.add(a_job(i, owner=owner, state=state)) for i in those))
        if is_new:
            store.serve([Lane(lane, 1, step)])
            await asyncio.wait_for(done.wait(), 30)
    if not is_new:
        async with opened(make) as store:
            store.serve([Lane(lane, 1, step)])
            await asyncio.wait_for(done.wait(), 30)

    assert taken == ["a-000", "b-0", "a-001", "b-1", "a-002"]


async def test_a_new_job_is_taken_at_once(store: Backend) -> None:
    taken: asyncio.Queue[str] = asyncio.Queue()
    store.serve([Lane("frames", 2, taken.put)])

    await store.add(a_job())

    assert await asyncio.wait_for(taken.get(), 30) == "job"
    await store.rest(1)


async def test_a_closed_store_takes_nothing_and_may_be_closed_again(make: Make) -> None:
    store = make()
    await store.open()
    adds = [asyncio.ensure_future(store.add(a_job(f"job-{number}"))) for number in range(20)]
    await asyncio.sleep(0)
    await store.close()
    await store.close()

    with pytest.raises(ShuttingDown):
        await store.add(a_job())
    with pytest.raises(ShuttingDown):
        await store.find("job-1")
    await asyncio.gather(*adds)
    async with opened(make) as store:
        assert len(await left(store)) == 20
