"""Who is told of a commit, and in which order."""

from __future__ import annotations

import asyncio
from pathlib import Path

from support.scripted_upstream import ScriptedRemote
from support.upstream_steps import Post
from support.waits import until
from unstill.domain.job import State
from unstill.product import Product
from unstill.settings.reader import read_settings
from unstill.upstreams.port import Cancelled


def test_all_who_are_told_of_a_commit_stand_in_one_order(tmp_path: Path) -> None:
    listeners = Product(
        read_settings(file=None, environment={}, command_line={"data_dir": str(tmp_path)})
    ).listeners

    assert [each.__qualname__ for each in listeners] == [
        "Allowances.changed",
        "Stalls.changed",
        "Forecast.changed",
        "Board.changed",  # behind what its waiters' answers are made of
        "Pollers.changed",
        "Deliverer.changed",
        "JobCounts.changed",
    ]


async def test_pollers_that_have_not_begun_take_up_from_rows_what_they_were_told_before(
    tmp_path: Path,
) -> None:
    engine = ScriptedRemote()
    engine.answers.append(Cancelled())
    post = Post(tmp_path, engine)
    await post.open()
    await post.add("job", wants_cancel=True)
    for _ in range(5):
        await asyncio.sleep(0)  # whatever was begun goes on
    early = list(engine.cancelled)
    await post.watches.startup()
    await post.until(State.CANCELLED)
    await until(lambda: not sum(map(len, post.watches._all)))
    await post.close()

    assert (early, engine.cancelled) == ([], ["job"])
