"""What owners with limits may have: exact, before anything is kept, whoever asks at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from support.jobs import OWNER, a_job
from support.requests import URL
from support.scripted_fetches import PNG
from support.scripted_house import House
from unstill.domain.access_errors import OverBytes, OverLimit
from unstill.domain.errors import StorageFull
from unstill.domain.job import Failure, Job, State, cancelled, failed, made_ready, started
from unstill.domain.limits import UNLIMITED, Limits, Party
from unstill.domain.owner import Owner
from unstill.domain.request import CreateCall, GivenFrame, GivenValue, Size
from unstill.files.uploads import Uploads
from unstill.service.allowances import Allowances
from unstill.service.idempotency import RetryHeaders
from unstill.service.job_tallies import RETRY_AFTER_S, WAITING
from unstill.service.paces import MINUTE_S
from unstill.service.stored_bytes import MEASURED_AGAIN_S, StoredBytes

SIZE = Size(832, 480)


class Desk:
    """A house whose owner has limits, by a clock that is set."""

    def __init__(self, data_dir: Path, *, slots: int = 1, uploads: Uploads | None = None) -> None:
        """`uploads`: what is asked how large they are; None: the house's own."""
        self.house = House(data_dir, slots=slots)
        self.limits = {Party(OWNER): UNLIMITED}
        self.now_s = 1_000.0
        self.allowances = Allowances(
            lambda party: self.limits.get(party, UNLIMITED),
            backlog=self.house.store.backlog,
            stored=StoredBytes(
                owners=self.house.store.owners,
                files=self.house.files,
                uploads=uploads or self.house.uploads,
                monotonic_s=lambda: self.now_s,
            ),
            monotonic_s=lambda: self.now_s,
        )
        self.house.service = self.house.service_with(self.allowances)

    def set(self, limits: Limits, key_id: str = "") -> None:
        self.limits[Party(OWNER, key_id)] = limits
        self.allowances.watch(tuple(party for party in self.limits if party.key_id))

    async def submit(
        self,
        picture: str | bytes = URL,
        *,
        key: str | None = None,
        owner: Owner = OWNER,
        key_id: str = "",
    ) -> str:
        call = CreateCall(
            model=GivenValue("model", "wan2.7-i2v"),
            fields={},
            frames=(GivenFrame("first", "input.img_url", picture),),
            names={},
        )
        retry = None if key is None else RetryHeaders(key, is_retry=False)
        submitted = await self.house.service.submit(
            call, owner=owner, dialect="tasks", words="unified", retry=retry, key_id=key_id
        )
        return submitted.job.id

    async def move(self, job_id: str, *states: State) -> None:
        """From `queued` on."""
        jobs, lease = self.house.store.jobs, self.house.lease()
        changes = {
            State.READY: made_ready(SIZE),
            State.RUNNING: started(1, lease),
            State.FAILED: failed(Failure("code", "words"), 1),
            State.CANCELLED: cancelled(1, is_hidden=False),
        }
        for state in states:
            assert await jobs.change(job_id, changes[state]) is not None

    async def outcomes(self, count: int, picture: str | bytes = URL, key_id: str = "") -> list[str]:
        """What comes of so many submits at once, by kind."""
        calls = (self.submit(picture, key_id=key_id) for _ in range(count))
        found = await asyncio.gather(*calls, return_exceptions=True)
        return sorted("taken" if isinstance(each, str) else type(each).__name__ for each in found)

    def files(self) -> int:
        return len([path for path in self.house.files._jobs.rglob("*") if path.is_file()])


@asynccontextmanager
async def desk_at(data_dir: Path, uploads: Uploads | None = None) -> AsyncIterator[Desk]:
    desk = Desk(data_dir, uploads=uploads)
    await desk.house.store.open((*desk.house.listeners, desk.allowances.changed))
    try:
        yield desk
    finally:
        await desk.house.stop()


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with desk_at(tmp_path) as desk:
        yield desk


# --- jobs that wait ----------------------------------------------------------------------------


async def test_of_any_number_of_calls_at_once_as_many_are_taken_as_the_queue_holds(
    desk: Desk,
) -> None:
    desk.set(Limits(queue=7))

    assert await desk.outcomes(40) == ["OverLimit"] * 33 + ["taken"] * 7
    assert await desk.outcomes(3) == ["OverLimit"] * 3


async def test_calls_that_fit_are_all_taken_however_they_come(desk: Desk) -> None:
    desk.set(Limits(queue=60))

    async def later(number: int) -> str:
        for _ in range(number % 9):
            await asyncio.sleep(0)
        return await desk.submit()

    taken = await asyncio.gather(*(later(number) for number in range(60)))

    assert len(set(taken)) == 60
    with pytest.raises(OverLimit, match="queue"):
        await desk.submit()


@pytest.mark.parametrize(
    ("states", "is_waiting"),
    [
        ((), True),
        ((State.READY,), True),
        ((State.READY, State.RUNNING), False),
        ((State.CANCELLED,), False),
        ((State.READY, State.RUNNING, State.FAILED), False),
    ],
)
async def test_a_job_waits_until_an_engine_has_begun_it(
    desk: Desk, states: tuple[State, ...], *, is_waiting: bool
) -> None:
    desk.set(Limits(queue=1))
    await desk.move(await desk.submit(), *states)

    assert await desk.outcomes(1) == (["OverLimit"] if is_waiting else ["taken"])


async def test_what_was_there_before_the_limit_and_before_a_restart_counts_once(
    tmp_path: Path,
) -> None:
    async with desk_at(tmp_path) as desk:
        for _ in range(4):
            await desk.submit()
        desk.set(Limits(queue=6))
        first = await desk.outcomes(5)
    async with desk_at(tmp_path) as desk:
        desk.set(Limits(queue=8))
        second = await desk.outcomes(5)

    assert first == ["OverLimit"] * 3 + ["taken"] * 2
    assert second == ["OverLimit"] * 3 + ["taken"] * 2


async def test_what_moves_while_the_old_jobs_are_read_is_counted_as_it_is_now(desk: Desk) -> None:
    ids = [await desk.submit() for _ in range(6)]
    desk.set(Limits(queue=6))
    asking = [asyncio.create_task(desk.submit()) for _ in range(3)]
    await asyncio.sleep(0)
    await asyncio.gather(*(desk.move(job_id, State.CANCELLED) for job_id in ids[:3]))
    found = await asyncio.gather(*asking, return_exceptions=True)
    more = await desk.outcomes(6)

    taken = [each for each in found if isinstance(each, str)]
    assert len(taken) + more.count("taken") == 3


async def test_a_submit_that_fails_gives_its_place_back(desk: Desk) -> None:
    desk.set(Limits(queue=1, submits_per_minute=1, stored_bytes=len(PNG)))
    desk.house.store.has_room = False
    with pytest.raises(StorageFull):
        await desk.submit(PNG)
    desk.house.store.has_room = True

    assert await desk.outcomes(2, PNG) == ["OverLimit", "taken"]


async def test_one_owners_limit_is_no_one_elses(desk: Desk) -> None:
    desk.set(Limits(queue=0))

    assert await desk.submit(owner=Owner("bob"))
    with pytest.raises(OverLimit):
        await desk.submit()


# --- jobs that have begun ----------------------------------------------------------------------


async def test_a_submit_is_refused_while_as_many_have_begun_as_may(desk: Desk) -> None:
    desk.set(Limits(in_flight=2))
    ids = [await desk.submit() for _ in range(3)]
    await desk.move(ids[0], State.READY, State.RUNNING)
    assert await desk.submit()
    await desk.move(ids[1], State.READY, State.RUNNING)

    with pytest.raises(OverLimit) as refused:
        await desk.submit()
    await desk.move(ids[0], State.FAILED)
    assert await desk.submit()
    error = refused.value
    assert (error.limit, error.used, error.most) == ("in-flight", 2, 2)
    assert error.retry_after_s == RETRY_AFTER_S


async def test_of_many_jobs_that_were_taken_no_more_are_begun_than_may(tmp_path: Path) -> None:
    desk = Desk(tmp_path, slots=8)
    desk.house.store.queue.hold_by(desk.allowances)
    desk.allowances.tell(desk.house.store.queue.look_again)
    begun, most = set[str](), [0]

    def watch(job: Job) -> None:
        if job.state.is_final or job.state in WAITING:
            begun.discard(job.id)
        else:
            begun.add(job.id)
        most[0] = max(most[0], len(begun))

    await desk.house.store.open((*desk.house.listeners, watch, desk.allowances.changed))
    ids = [await desk.submit() for _ in range(12)]
    desk.set(Limits(in_flight=3))
    await desk.house.runner.startup()
    ended = [await desk.house.until(job_id) for job_id in ids]
    await desk.house.stop()

    assert {job.state for job in ended} == {State.SUCCEEDED}
    assert most == [3]


# --- submits a minute --------------------------------------------------------------------------


async def test_in_no_minute_there_are_more_submits_than_are_let_in(desk: Desk) -> None:
    desk.set(Limits(submits_per_minute=3))
    assert await desk.outcomes(1) == ["taken"]
    desk.now_s += 20
    assert await desk.outcomes(5) == ["OverLimit"] * 3 + ["taken"] * 2
    with pytest.raises(OverLimit, match="3 of 3 submits in the last minute") as refused:
        await desk.submit()
    wait_s = refused.value.retry_after_s
    desk.now_s += wait_s - 0.5
    early = await desk.outcomes(1)
    desk.now_s += 0.5

    assert wait_s == MINUTE_S - 20
    assert early == ["OverLimit"]
    assert await desk.outcomes(3) == ["OverLimit"] * 2 + ["taken"]


async def test_a_refused_submit_does_not_put_off_the_next(desk: Desk) -> None:
    desk.set(Limits(submits_per_minute=1))
    await desk.submit()
    for _ in range(50):
        desk.now_s += 1
        await desk.outcomes(1)
    desk.now_s += 10

    assert await desk.outcomes(1) == ["taken"]


# --- bytes -------------------------------------------------------------------------------------


async def test_no_more_bytes_are_kept_than_are_let_in(desk: Desk) -> None:
    desk.set(Limits(stored_bytes=3 * len(PNG)))

    assert await desk.outcomes(8, PNG) == ["OverBytes"] * 5 + ["taken"] * 3
    with pytest.raises(OverBytes, match=f"0 are left, this needs {len(PNG)}"):
        await desk.submit(PNG)
    assert await desk.outcomes(1, URL) == ["taken"]  # it needs none as yet


async def test_a_refused_picture_leaves_nothing_behind(desk: Desk) -> None:
    desk.set(Limits(stored_bytes=len(PNG) - 1))

    with pytest.raises(OverBytes):
        await desk.submit(PNG)
    assert desk.files() == 0


async def test_a_deletion_makes_room_and_what_a_job_has_made_takes_it(desk: Desk) -> None:
    desk.set(Limits(stored_bytes=2 * len(PNG)))
    job_id = await desk.submit(PNG)
    await desk.house.files.keep(job_id, "video-1.mp4", b"v" * len(PNG))
    await desk.move(job_id, State.READY, State.RUNNING, State.FAILED)
    await asyncio.sleep(0.1)
    full = await desk.outcomes(1, PNG)
    await desk.house.service.delete(job_id, OWNER)

    assert full == ["OverBytes"]
    assert await desk.outcomes(1, PNG) == ["taken"]


async def test_what_the_sweep_has_removed_is_known_before_anybody_is_refused(desk: Desk) -> None:
    desk.set(Limits(stored_bytes=len(PNG)))
    job_id = await desk.submit(PNG)
    await desk.house.files.remove(job_id)
    soon = await desk.outcomes(1, PNG)
    desk.now_s += MEASURED_AGAIN_S

    assert soon == ["OverBytes"]
    assert await desk.outcomes(1, PNG) == ["taken"]


async def test_uploads_count_with_the_jobs_and_one_that_fails_does_not(desk: Desk) -> None:
    desk.set(Limits(stored_bytes=2 * len(PNG)))
    async with desk.allowances.upload(OWNER, len(PNG)):
        with pytest.raises(OverBytes):
            async with desk.allowances.upload(OWNER, len(PNG) + 1):
                pass
    with pytest.raises(RuntimeError):
        async with desk.allowances.upload(OWNER, len(PNG)):
            raise RuntimeError

    assert await desk.outcomes(2, PNG) == ["OverBytes", "taken"]


async def test_what_is_stored_counts_after_a_restart(tmp_path: Path) -> None:
    async with desk_at(tmp_path) as desk:
        await desk.submit(PNG)
        await desk.house.uploads.keep(OWNER, "cat", b"c" * len(PNG))
    async with desk_at(tmp_path) as desk:
        desk.set(Limits(stored_bytes=3 * len(PNG)))

        assert await desk.outcomes(3, PNG) == ["OverBytes"] * 2 + ["taken"]


# --- the same call twice -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "limits",
    [Limits(queue=1), Limits(submits_per_minute=1), Limits(stored_bytes=len(PNG))],
)
async def test_a_call_that_is_sent_again_is_refused_for_no_limit(
    desk: Desk, limits: Limits
) -> None:
    desk.set(limits)
    first = await asyncio.gather(*(desk.submit(PNG, key="again") for _ in range(5)))
    again = await desk.submit(PNG, key="again")

    assert {*first, again} == {first[0]}
    with pytest.raises((OverLimit, OverBytes)):
        await desk.submit(PNG, key="another")


async def test_a_call_that_is_sent_again_uses_nothing_up(desk: Desk) -> None:
    desk.set(Limits(queue=2, submits_per_minute=2, stored_bytes=2 * len(PNG)))
    for _ in range(5):
        await desk.submit(PNG, key="again")

    assert await desk.outcomes(2, PNG) == ["OverLimit", "taken"]


# --- without limits ----------------------------------------------------------------------------


async def test_without_a_limit_nothing_is_read_or_kept_in_memory(desk: Desk) -> None:
    desk.set(Limits(weight=5))
    await desk.outcomes(3, PNG)
    desk.allowances.changed(a_job())

    assert not desk.allowances._jobs
    assert not desk.allowances._pending
    assert not desk.allowances._stored._of
