"""When a poller asks, how much at once, and what it does with the wish to cancel."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from itertools import pairwise
from pathlib import Path
from time import process_time

import msgspec
import pytest
from structlog.testing import capture_logs

from support.scripted_upstream import ACCOUNT, ScriptedRemote, away
from support.upstream_steps import START_MS, Post, opened
from support.waits import until
from unstill.domain.errors import UpstreamError
from unstill.domain.job import State, cancel_requested, cancelled, hidden
from unstill.progress.board import Board
from unstill.progress.stalls import Stalls
from unstill.steps.due_tickets import MOST_ROUND
from unstill.steps.poll import Poller
from unstill.steps.poll_schedule import row_of
from unstill.system.clock import clock_ms
from unstill.upstreams.port import (
    Account,
    Cancelled,
    Done,
    Ticket,
    TooLate,
    Unsupported,
    Verdict,
    Waiting,
)

INTERVAL_S = ACCOUNT.interval_s


class SilentRemote(ScriptedRemote):
    """Takes every question, and answers none."""

    asked = 0

    async def poll(self, tickets: Sequence[Ticket]) -> AsyncGenerator[tuple[Ticket, Verdict]]:
        self.asked += 1
        await asyncio.Event().wait()
        for ticket in tickets:
            yield ticket, Waiting()


DOWN = UpstreamError("the upstream could not be connected to")
SLOW = msgspec.structs.replace(ACCOUNT, interval_s=60.0)  # but for the first look, after 2 s


@pytest.fixture
async def post(tmp_path: Path) -> AsyncIterator[Post]:
    async with opened(tmp_path) as post:
        yield post


# --- when --------------------------------------------------------------------------------------


async def test_a_hint_is_followed_at_once(tmp_path: Path) -> None:
    engine = ScriptedRemote(account=SLOW)
    async with opened(tmp_path, engine) as post:
        await post.add("job")
        post.watches.hint((await post.job()).id, (await post.job()).engine)
        await until(lambda: engine.looks("job") == 1)
        engine.verdicts["job"] = [Done()]
        post.watches.hint((await post.job()).id, (await post.job()).engine)
        await post.until(State.SAVING)  # long before the minute is over

    assert engine.looks("job") == 2


async def test_a_hint_during_a_round_is_followed_after_it(tmp_path: Path) -> None:
    engine = ScriptedRemote(account=SLOW)
    async with opened(tmp_path, engine) as post:
        await post.add("job")
        job = await post.job()
        post.watches.hint(job.id, job.engine)
        while not engine.rounds:  # noqa: ASYNC110  - to be inside the round, not after it
            await asyncio.sleep(0)
        post.watches.hint(job.id, job.engine)
        await until(lambda: engine.looks("job") == 2)

    assert engine.rounds == [["job"], ["job"]]


async def looked_s(engine: ScriptedRemote, count: int) -> float:
    """When the job has been asked for that often."""
    await until(lambda: engine.looks("job") >= count)
    return asyncio.get_running_loop().time()


async def test_a_ticket_is_asked_for_once_an_interval_and_not_twice_as_late(
    tmp_path: Path,
) -> None:
    interval_s = 0.2
    engine = ScriptedRemote(account=msgspec.structs.replace(ACCOUNT, interval_s=interval_s))
    async with opened(tmp_path, engine, job=away("job")):
        looks_s = [await looked_s(engine, count) for count in range(1, 7)]
    pauses_s = [after - before for before, after in pairwise(looks_s)]

    assert sum(pauses_s) >= 5 * 0.9 * interval_s
    assert min(pauses_s) <= 2 * interval_s  # a busy machine may be late, but not each time


async def test_tickets_that_are_due_about_the_same_time_are_asked_for_together(
    tmp_path: Path,
) -> None:
    account = msgspec.structs.replace(ACCOUNT, interval_s=0.4)
    engine = ScriptedRemote(account=account)
    jobs = {f"job-{number}": away(f"job-{number}") for number in range(200)}
    begun_s = asyncio.get_running_loop().time()
    async with opened(tmp_path, engine, **jobs):
        await until(lambda: all(engine.looks(job_id) >= 2 for job_id in jobs))
    took_s = asyncio.get_running_loop().time() - begun_s

    assert len(engine.rounds) <= took_s / (0.1 * account.interval_s) + 2


async def test_a_watch_without_tickets_does_nothing(tmp_path: Path) -> None:
    async with opened(tmp_path) as post:
        begun_s = process_time()
        await asyncio.sleep(0.3)
        took_s = process_time() - begun_s

    assert post.engine.rounds == []
    assert took_s < 0.05


async def test_neighbours_are_asked_for_together_round_after_round_and_never_too_many(
    post: Post,
) -> None:
    # An upstream's list shows neighbours by time of submit, which is the order of the ids.
    engine, count = post.engine, 2 * MOST_ROUND + 500
    engines = {engine.name: engine}
    watch = Poller(
        ACCOUNT,
        engines,
        jobs=post.store.jobs,
        board=Board(),
        stalls=Stalls(clock_ms),
        clock_ms=clock_ms,
        uptime_ms=clock_ms,
    )
    for number in range(count):
        watch.take_up(row_of(away(f"{number:06}")))
    running = asyncio.create_task(watch.run())
    await until(lambda: len(engine.rounds) >= 9)
    running.cancel()

    rounds = [sorted(map(int, asked)) for asked in engine.rounds]
    assert {each for asked in rounds for each in asked} == set(range(count))
    assert max(map(len, rounds)) <= MOST_ROUND
    gaps = [sum(b - a > 1 for a, b in pairwise(asked)) for asked in rounds]
    assert max(gaps) <= 2  # where two rounds meet


async def test_accounts_are_watched_beside_each_other(tmp_path: Path) -> None:
    slow = SilentRemote("slow", Account("slow", 10, 1.0, 0.05))
    quick = ScriptedRemote("quick", Account("quick", 10, 1.0, 0.05))
    quick.verdicts["2"] = [Done()]
    jobs = {"1": away("1", "slow"), "2": away("2", "quick")}
    async with opened(tmp_path, slow, quick, **jobs) as post:
        await until(lambda: slow.asked > 0)
        await post.until(State.SAVING, "2")


# --- cancels -----------------------------------------------------------------------------------


async def test_a_wish_is_asked_of_the_upstream_and_ends_the_job(post: Post) -> None:
    post.engine.answers.append(Cancelled())
    await post.add("job")
    await post.store.jobs.change("job", cancel_requested(State.RUNNING))
    job = await post.until(State.CANCELLED)

    assert job.is_hidden
    assert post.engine.cancelled == ["job"]


async def test_a_wish_that_was_noted_during_the_submit_is_heeded_with_the_ticket(
    post: Post,
) -> None:
    post.engine.answers.append(Cancelled())
    await post.add("job", wants_cancel=True)
    post.watches.changed(await post.job())
    await post.until(State.CANCELLED)

    assert post.engine.cancelled == ["job"]


async def test_a_wish_that_a_dead_server_left_is_heeded(tmp_path: Path) -> None:
    engine = ScriptedRemote()
    engine.answers.append(Cancelled())
    async with opened(tmp_path, engine, job=away("job", wants_cancel=True)) as post:
        await post.until(State.CANCELLED)


@pytest.mark.parametrize("answer", [TooLate(), Unsupported()])
async def test_what_the_upstream_does_not_stop_goes_on_and_is_asked_once(
    post: Post, answer: TooLate | Unsupported
) -> None:
    post.engine.answers.append(answer)
    await post.add("job")
    await post.store.jobs.change("job", cancel_requested(State.RUNNING))
    await until(lambda: post.engine.looks("job") > 3)
    post.engine.verdicts["job"] = [Done()]
    job = await post.until(State.SAVING)

    assert job.is_hidden
    assert post.engine.cancelled == ["job"]


@pytest.mark.parametrize("trouble", [DOWN, KeyError("bug")])
async def test_an_upstream_that_does_not_say_is_asked_again(post: Post, trouble: Exception) -> None:
    post.engine.answers += [trouble, Cancelled()]
    with capture_logs():
        await post.add("job")
        await post.store.jobs.change("job", cancel_requested(State.RUNNING))
        await post.until(State.CANCELLED)

    assert post.engine.cancelled == ["job", "job"]


async def test_a_caller_hears_what_the_upstream_says_to_a_cancel(post: Post) -> None:
    post.engine.answers += [TooLate(), DOWN, Cancelled()]
    await post.add("job")
    job = await post.job()
    first = await post.watches.cancel(job)
    with pytest.raises(UpstreamError):
        await post.watches.cancel(job)
    last = await post.watches.cancel(job)

    assert (first, last) == (TooLate(), Cancelled())
    assert (await post.job()).state is State.CANCELLED


async def test_a_job_that_ended_while_it_was_cancelled_was_too_late(post: Post) -> None:
    post.engine.answers.append(Cancelled())
    await post.add("job")
    job = await post.job()
    post.store.overtaken[State.CANCELLED] = cancelled(START_MS, is_hidden=False)

    assert await post.watches.cancel(job) == TooLate()


async def test_a_job_of_an_engine_that_was_removed_cannot_be_cancelled(tmp_path: Path) -> None:
    with capture_logs():
        async with opened(tmp_path, job=away("job", "removed")) as post:
            answer = await post.watches.cancel(await post.job())

    assert answer == Unsupported()


async def test_a_deleted_job_without_a_wish_goes_on(post: Post) -> None:
    await post.add("job")
    await post.store.jobs.change("job", hidden(State.RUNNING))
    post.engine.verdicts["job"] = [Done()]
    await post.until(State.SAVING)

    assert post.engine.cancelled == []
