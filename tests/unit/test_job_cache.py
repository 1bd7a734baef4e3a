"""Jobs that are kept as they were read: never another one than a read would give."""

from __future__ import annotations

import msgspec
import pytest

from scripted import a_job
from unstill.backend.job_cache import MOST_PROMPT_CHARS, JobCache
from unstill.job import Job, State


class Table:
    """What a store would read, and how often it was asked."""

    def __init__(self, *jobs: Job) -> None:
        self.rows = {job.id: job for job in jobs}
        self.reads: list[str] = []

    def read(self, job_id: str) -> Job | None:
        self.reads.append(job_id)
        return self.rows.get(job_id)


def of_prompt(chars: int) -> Job:
    job = a_job()
    return msgspec.structs.replace(
        job, request=msgspec.structs.replace(job.request, prompt="p" * chars)
    )


def test_a_job_that_is_asked_for_again_is_read_once() -> None:
    job = a_job()
    table = Table(job)
    cache = JobCache(table.read)

    assert [cache.find(job.id) for _ in range(3)] == [job] * 3
    assert table.reads == [job.id]


def test_a_job_is_read_anew_after_each_change_and_once_it_is_gone() -> None:
    job = a_job()
    table = Table(job)
    cache = JobCache(table.read)
    cache.find(job.id)

    table.rows[job.id] = moved = msgspec.structs.replace(job, state=State.RUNNING)
    cache.changed(job.id)
    assert cache.find(job.id) == moved

    del table.rows[job.id]
    cache.changed(job.id)
    assert cache.find(job.id) is None


def test_of_two_changes_the_newer_is_not_covered_by_being_told_of_the_older() -> None:
    job = a_job()
    table = Table(job)
    cache = JobCache(table.read)

    table.rows[job.id] = msgspec.structs.replace(job, state=State.RUNNING)
    table.rows[job.id] = newest = msgspec.structs.replace(job, state=State.SAVING)
    assert cache.find(job.id) == newest
    cache.changed(job.id)  # told of the first

    assert cache.find(job.id) == newest


def test_what_is_not_there_is_looked_for_each_time() -> None:
    table = Table()
    cache = JobCache(table.read)

    assert cache.find("none") is None
    table.rows["none"] = job = a_job()
    assert cache.find("none") == job


def test_all_are_read_anew_where_all_may_have_changed() -> None:
    jobs = [a_job(), a_job()]
    table = Table(*jobs)
    cache = JobCache(table.read, most_jobs=1)  # one in each half
    for job in jobs:
        cache.find(job.id)

    cache.clear()
    for job in jobs:
        cache.find(job.id)

    assert table.reads == [job.id for job in jobs] * 2


def test_it_keeps_a_bounded_number_and_of_them_those_that_are_asked_for() -> None:
    jobs = [a_job() for _ in range(50)]
    table = Table(*jobs)
    cache = JobCache(table.read, most_jobs=5)
    often = jobs[0]
    for job in jobs:
        cache.find(job.id)
        cache.find(often.id)

    assert table.reads.count(often.id) == 1
    before = len(table.reads)
    for job in reversed(jobs):
        cache.find(job.id)
    assert len(table.reads) - before >= len(jobs) - 2 * 5


@pytest.mark.parametrize(("chars", "reads"), [(MOST_PROMPT_CHARS, 1), (MOST_PROMPT_CHARS + 1, 2)])
def test_a_job_with_a_long_prompt_takes_no_memory(chars: int, reads: int) -> None:
    job = of_prompt(chars)
    table = Table(job)
    cache = JobCache(table.read)

    assert cache.find(job.id) == cache.find(job.id) == job
    assert len(table.reads) == reads
