"""Those who follow all jobs of an owner: what the board remembers for them."""

from __future__ import annotations

import asyncio

import pytest

from support.jobs import a_job
from support.waits import until
from unstill.domain.errors import StorageFailed
from unstill.domain.job import Job, State
from unstill.domain.owner import Owner
from unstill.progress import owner_news
from unstill.progress.board import Board
from unstill.progress.owner_news import MOST_CHANGED, MOST_KNOWN

ATLAS, BOREA = Owner("atlas"), Owner("borea")

pytestmark = pytest.mark.skips_pauses


class Rows:
    """Whose jobs are, and what was asked of that."""

    def __init__(self, *jobs: Job) -> None:
        self.owners = {job.id: job.owner for job in jobs}
        self.asked: list[str] = []
        self.fails = False

    async def owner_of(self, job_id: str) -> Owner | None:
        self.asked.append(job_id)
        if self.fails:
            raise StorageFailed("away")
        return self.owners.get(job_id)


def running(owner: Owner = ATLAS) -> Job:
    return a_job(owner=owner, state=State.RUNNING)


def board_with(*jobs: Job) -> tuple[Board, Rows]:
    """One that has been told of jobs, as nobody followed them."""
    board, rows = Board(), Rows(*jobs)
    board.owner_news.ask(rows.owner_of)
    for job in jobs:
        board.changed(job)
    return board, rows


def test_a_change_is_told_to_those_who_follow_its_owner_and_to_no_other() -> None:
    board, job = Board(), running()
    with (
        board.owner_waiter(ATLAS) as mine,
        board.owner_waiter(ATLAS) as mine_too,
        board.owner_waiter(BOREA) as another,
    ):
        board.changed(job)

        assert mine.changed == mine_too.changed == {job.id: job}
        assert another.changed == {}


def test_all_changes_of_a_job_are_one_and_the_newest() -> None:
    board, first, second = Board(), a_job(owner=ATLAS), a_job(owner=ATLAS)
    with board.owner_waiter(ATLAS) as waiter:
        for job in (first, second):
            board.changed(job)
        moved = a_job(owner=ATLAS, id=first.id, state=State.RUNNING)
        board.changed(moved)
        board.report(first.id, 0.5)

        assert waiter.take(1) == {first.id: moved}
        assert waiter.take(9) == {second.id: second}
        assert waiter.take(9) == {}


def test_who_remembers_too_many_changes_is_behind_and_remembers_none() -> None:
    board, jobs = Board(), [a_job(owner=ATLAS) for _ in range(MOST_CHANGED + 1)]
    with board.owner_waiter(ATLAS) as waiter:
        for job in jobs[:-1]:
            board.changed(job)
        assert (waiter.is_behind, len(waiter.changed)) == (False, MOST_CHANGED)

        board.changed(jobs[0])  # one that it remembers already
        assert not waiter.is_behind
        board.changed(jobs[-1])
        assert (waiter.is_behind, waiter.changed) == (True, {})
        board.changed(jobs[0])
        assert waiter.changed == {}


async def test_progress_of_a_job_that_ran_before_anybody_followed_is_heard_of() -> None:
    job, other = running(), running(BOREA)
    board, rows = board_with(job, other)
    with board.owner_waiter(ATLAS) as waiter:
        for each in (other, job):
            board.report(each.id, 0.2)
        await until(lambda: job.id in waiter.changed)

        assert waiter.take(9) == {job.id: None}
        for each in (other, job):
            board.report(each.id, 0.4)
        assert waiter.take(9) == {job.id: None}
        assert sorted(rows.asked) == sorted((job.id, other.id))


async def test_what_another_server_reports_is_heard_of_too() -> None:
    job = running()
    board, _ = board_with()
    with board.owner_waiter(ATLAS) as waiter:
        board.changed(job)
        waiter.take(9)
        board.hear(job.id, 0.2)

        assert waiter.take(9) == {job.id: None}


async def test_less_than_a_percent_is_no_news() -> None:
    job = running()
    board, _ = board_with()
    with board.owner_waiter(ATLAS) as waiter:
        board.changed(job)
        board.report(job.id, 0.5)
        waiter.take(9)
        board.report(job.id, 0.501)

        assert waiter.changed == {}


async def test_whose_a_job_is_that_is_deleted_as_it_runs_is_not_asked_again() -> None:
    job = running()
    board, rows = board_with(job)
    gone = a_job(id=job.id, owner=ATLAS, state=State.RUNNING, is_hidden=True)
    with board.owner_waiter(ATLAS) as waiter:
        board.changed(gone)
        assert waiter.take(9) == {job.id: gone}
        board.report(job.id, 0.5)
        await asyncio.sleep(0.01)

        assert waiter.changed == {}
    assert rows.asked == []


async def test_whose_a_job_is_is_asked_anew_where_the_store_did_not_answer() -> None:
    job = running()
    board, rows = board_with(job)
    rows.fails = True
    with board.owner_waiter(ATLAS) as waiter:
        board.report(job.id, 0.2)
        await until(lambda: rows.asked == [job.id])
        rows.fails = False
        board.report(job.id, 0.4)
        await until(lambda: job.id in waiter.changed)


async def test_nothing_is_asked_or_kept_while_nobody_follows() -> None:
    job = running()
    board, rows = board_with(job)
    board.report(job.id, 0.2)
    with board.owner_waiter(ATLAS) as waiter:
        board.report(job.id, 0.4)
        await until(lambda: job.id in waiter.changed)
        assert board.owner_news._owners == {job.id: ATLAS}
    board.report(job.id, 0.6)
    await asyncio.sleep(0.01)

    assert rows.asked == [job.id]
    assert board.owner_news._owners == {}
    assert board.owner_news.followers == {}
    await until(lambda: board.owner_news._asking is None)


async def test_owners_of_so_many_running_jobs_are_remembered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert MOST_KNOWN > MOST_CHANGED
    monkeypatch.setattr(owner_news, "MOST_KNOWN", 3)
    board, jobs = Board(), [running() for _ in range(4)]
    with board.owner_waiter(ATLAS):
        for job in jobs[:3]:
            board.changed(job)
        assert list(board.owner_news._owners) == [job.id for job in jobs[:3]]

        board.changed(jobs[3])
        assert list(board.owner_news._owners) == [job.id for job in jobs[1:]]
        board.changed(a_job(id=jobs[1].id, owner=ATLAS, state=State.CANCELLED))
        assert list(board.owner_news._owners) == [job.id for job in jobs[2:]]


def test_they_count_among_those_who_wait_and_end_as_they_do() -> None:
    board = Board()
    with (
        board.owner_waiter(ATLAS, "192.0.2.1", key_id="key_1") as first,
        board.owner_waiter(ATLAS, "192.0.2.1", key_id="key_2") as second,
        board.waiter("a", "192.0.2.1", owner=ATLAS) as of_one_job,
    ):
        assert (board.waiting_at("192.0.2.1"), board.waiting_of(ATLAS)) == (3, 3)

        board.end_by({"key_2"})
        assert [each.is_over for each in (first, second, of_one_job)] == [False, True, False]
        board.ease("192.0.2.1", 1)
        assert (first.is_over, of_one_job.is_over) == (False, True)
        board.close()
        assert first.is_over
    assert (board.waiting_at("192.0.2.1"), board.waiting_of(ATLAS)) == (0, 0)
    with board.owner_waiter(ATLAS) as late:
        assert late.is_over
