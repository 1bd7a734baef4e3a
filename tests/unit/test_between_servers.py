"""What callers are shown of a job is the same at every server, and never goes back."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from support.fleets import Fleet
from support.jobs import a_job
from support.waits import until
from unstill.domain.job import Job, State
from unstill.domain.stall import Stall
from unstill.progress.between_servers import MOST_AT_ONCE, WITHIN_S, SharedProgress, SharedStalls
from unstill.progress.board import RENDERED, Board
from unstill.progress.stalls import STALE_MS, TOLD_EVERY_MS, Stalls
from unstill.store.ports.signals import MOST_CHARS

START_MS = 1_795_850_000_000
DOWN = ("connection_failed", "the upstream could not be connected to")
JOB = a_job(id="job", state=State.RUNNING, engine="gpu1")
pytestmark = pytest.mark.skips_pauses


class Boards:
    """The boards of two servers."""

    def __init__(self) -> None:
        self.fleet = Fleet()
        self.here, self.there = Board(), Board()
        for board in (self.here, self.there):
            SharedProgress(board, self.fleet.server())

    def shown(self, job: Job = JOB) -> tuple[float, float]:
        return round(self.here.progress(job), 3), round(self.there.progress(job), 3)


async def heard() -> None:
    """Until all that was told is heard."""
    await asyncio.sleep(3 * WITHIN_S)


def at(fraction: float) -> float:
    return round(fraction * RENDERED, 3)


async def test_progress_that_an_engine_reports_to_one_server_is_shown_by_all() -> None:
    boards = Boards()
    for board in (boards.here, boards.there):
        board.changed(JOB)
    boards.here.report("job", 0.5)
    at_once = boards.shown()
    await heard()

    assert at_once == (at(0.5), 0.0)
    assert boards.shown() == (at(0.5), at(0.5))


async def test_progress_that_is_heard_late_does_not_go_back() -> None:
    boards = Boards()
    for board in (boards.here, boards.there):
        board.changed(JOB)
    boards.there.report("job", 0.8)
    boards.here.report("job", 0.5)
    await heard()

    assert boards.shown() == (at(0.8), at(0.8))


async def test_a_server_that_did_not_see_a_job_begin_shows_what_it_hears_next() -> None:
    boards = Boards()
    boards.here.changed(JOB)
    boards.here.report("job", 0.4)
    await heard()
    by_hearsay = boards.shown()
    boards.there.changed(JOB)
    told_of_it = boards.shown()
    boards.there.report("job", 0.3)

    assert by_hearsay == told_of_it == boards.shown() == (at(0.4), at(0.4))


async def test_a_job_that_was_put_back_hears_of_its_last_render_no_more() -> None:
    boards = Boards()
    for board in (boards.here, boards.there):
        board.changed(JOB)
    boards.here.report("job", 0.2)
    await heard()
    boards.here.report("job", 0.9)
    boards.there.changed(msgspec.structs.replace(JOB, state=State.READY))
    await heard()

    assert boards.shown()[1] == at(0.2)


async def test_who_waits_is_woken_by_each_whole_percent_of_another_server() -> None:
    boards = Boards()
    for board in (boards.here, boards.there):
        board.changed(JOB)
    with boards.there.waiter("job") as waiter:
        waiting = asyncio.create_task(waiter.woken(within_s=3600))
        boards.here.report("job", 0.001)
        await heard()
        early = waiting.done()
        boards.here.report("job", 0.25)
        async with asyncio.timeout(60):
            await waiting

    assert not early
    assert boards.shown()[1] == at(0.25)


async def test_of_many_reports_the_latest_of_each_job_is_told_twice_a_second() -> None:
    boards = Boards()
    jobs = [a_job(id=f"{number:032}", state=State.RUNNING) for number in range(MOST_AT_ONCE + 50)]
    for job in jobs:
        boards.here.changed(job)
        for percent in range(1, 61):
            boards.here.report(job.id, percent / 100)
    await asyncio.sleep(1.5 * WITHIN_S)
    first = sum(message.count("\n") for _, message in boards.fleet.told)
    await asyncio.sleep(WITHIN_S)
    all_told = sum(message.count("\n") for _, message in boards.fleet.told)

    assert (first, all_told) == (MOST_AT_ONCE, len(jobs))
    assert {boards.shown(job) for job in jobs} == {(at(0.6), at(0.6))}
    assert max(len(message) for _, message in boards.fleet.told) <= MOST_CHARS


class Held:
    """What holds up jobs, as two servers know it."""

    def __init__(self) -> None:
        self.now_ms = START_MS
        self.fleet = Fleet()
        self.here, self.there = Stalls(lambda: self.now_ms), Stalls(lambda: self.now_ms)
        for stalls in (self.here, self.there):
            SharedStalls(stalls, self.fleet.server())

    @property
    def told(self) -> int:
        return sum(message.count("\n") for _, message in self.fleet.told)


async def test_what_holds_up_an_engine_is_shown_by_all_servers_until_it_moves() -> None:
    held = Held()
    held.here.engine("gpu1", "polls", *DOWN)
    held.now_ms += 400
    await heard()
    stall, engines = held.there.of(JOB), list(held.there.engines())
    held.here.engine_moves("gpu1", "polls")
    await heard()

    assert stall == Stall(*DOWN, START_MS + 400)
    assert [(name, stage) for name, stage, _ in engines] == [("gpu1", "polls")]
    assert held.there.of(JOB) is None


async def test_a_trouble_that_lasts_is_told_once_a_minute_and_does_not_grow_stale() -> None:
    held = Held()
    for _ in range(2 * STALE_MS // 1_000):
        held.here.engine("gpu1", "polls", *DOWN)
        held.now_ms += 1_000
    await heard()
    one_at_a_time = held.told
    for _ in range(5):
        held.here.engine("gpu1", "polls", *DOWN)
        await heard()
        held.now_ms += TOLD_EVERY_MS // 2

    assert one_at_a_time == 1  # the latest
    assert held.told <= 1 + 3
    assert held.there.of(JOB) is not None


async def test_a_trouble_that_two_servers_meet_is_counted_on_by_each() -> None:
    held = Held()
    is_news = []
    for _ in range(8):
        is_news.append(held.here.engine("gpu1", "polls", *DOWN))
        held.there.engine("gpu1", "polls", *DOWN)
        await heard()
        held.now_ms += TOLD_EVERY_MS

    assert [number for number, is_told in enumerate(is_news, 1) if is_told] == [1, 2, 4, 8]


async def test_what_holds_up_one_job_is_shown_by_all_servers_while_its_state_lasts() -> None:
    held = Held()
    held.here.job("job", State.RUNNING, "odd_answer", "unknown state")
    await heard()
    stall = held.there.of(JOB)
    held.here.job_moves("job")
    await heard()

    assert stall is not None
    assert (stall.code, stall.message) == ("odd_answer", "unknown state")
    assert (held.there.of(JOB), held.there.jobs) == (None, 0)


async def test_what_is_heard_of_a_job_that_has_moved_meanwhile_is_forgotten() -> None:
    held = Held()
    saving = msgspec.structs.replace(JOB, state=State.SAVING)
    held.here.job("job", State.RUNNING, "odd_answer", "unknown state")
    held.there.changed(saving)
    await heard()
    held.here.changed(saving)
    await until(lambda: held.there.jobs == 0)

    assert held.here.jobs == 0


async def test_long_words_are_told_within_the_length_of_a_signal() -> None:
    held = Held()
    words = ('"\\\n' * 2_000, "ü" * 2_000)
    for number, message in enumerate(words):
        held.here.engine(f"gpu{number}", "submits", "odd_answer", message)
    await heard()

    assert max(len(message) for _, message in held.fleet.told) <= MOST_CHARS
    assert len(list(held.there.engines())) == len(words)
