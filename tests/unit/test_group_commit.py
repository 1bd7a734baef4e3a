"""The one thread that writes: how much of what waits goes into a commit."""

from __future__ import annotations

import asyncio

import apsw
import pytest

from unstill.domain.commit_counts import CommitCounts
from unstill.domain.errors import ShuttingDown, StorageFailed
from unstill.domain.job import Job
from unstill.store.embedded.group_commit import MOST_UNITS, Writer


class Commits:
    """How many units each commit had."""

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self._units = 0

    def unit(self, _: apsw.Connection) -> None:
        self._units += 1

    def before_commit(self, _: apsw.Connection) -> None:
        self.sizes.append(self._units)
        self._units = 0

    def after_commit(self) -> None:
        """Nothing is noted beside it."""


def tell(job: Job) -> None:
    raise AssertionError(job)  # these units change none


@pytest.mark.parametrize(
    ("units", "sizes"),
    [
        (1, [1]),
        (MOST_UNITS, [MOST_UNITS]),
        (MOST_UNITS + 1, [MOST_UNITS, 1]),
        (2 * MOST_UNITS + 3, [MOST_UNITS, MOST_UNITS, 3]),
    ],
)
async def test_what_is_asked_in_one_turn_is_one_commit_as_far_as_one_may_go(
    units: int, sizes: list[int]
) -> None:
    commits = Commits()
    writer = Writer(apsw.Connection(":memory:"), tell, commits, lambda: None)

    await asyncio.gather(*(writer.write(commits.unit) for _ in range(units)))
    (await writer.stop()).close()

    assert commits.sizes == sizes


async def test_what_was_asked_before_a_stop_is_written_and_nothing_after_it() -> None:
    commits = Commits()
    writer = Writer(apsw.Connection(":memory:"), tell, commits, lambda: None)
    asked = asyncio.gather(*(writer.write(commits.unit) for _ in range(3)))
    await asyncio.sleep(0)
    stopping = asyncio.create_task(writer.stop())
    await asked
    (await stopping).close()

    assert sum(commits.sizes) == 3
    with pytest.raises(ShuttingDown):
        await writer.write(commits.unit)


async def test_each_commit_is_counted_with_its_time_and_one_that_failed_apart() -> None:
    commits, counted, is_there = Commits(), CommitCounts(), [True]

    def check() -> None:
        if not is_there[0]:
            raise StorageFailed("the database was removed")

    writer = Writer(apsw.Connection(":memory:"), tell, commits, check, counted)
    for _ in range(2):
        await writer.write(commits.unit)
    is_there[0] = False
    with pytest.raises(StorageFailed):
        await writer.write(commits.unit)
    (await writer.stop()).close()

    assert (counted.times.within[-1], counted.failed) == (2, 1)
    assert 0 < counted.times.sum_s < 1
