"""Lists of jobs, as any store gives them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from support.open_stores import a_row
from support.unfinished_jobs import left
from unstill.domain import job as jobs
from unstill.domain import job_ids
from unstill.domain.job import State
from unstill.domain.job_ids import new_id
from unstill.domain.owner import Owner
from unstill.domain.request import Size
from unstill.store.ports.backlog import RenderTime, UnfinishedJob
from unstill.store.ports.job_lists import CursorPage
from unstill.store.ports.store import Store


@pytest.mark.parametrize("newest_first", [True, False])
async def test_paging_shows_each_of_an_owners_jobs_once(
    store: Store, *, newest_first: bool
) -> None:
    ids = [new_id(1_763_600_000_000 + number) for number in range(250)]
    others = [a_row(new_id(1_763_600_000_000 + number), owner="team-b") for number in range(20)]
    await asyncio.gather(
        *(store.jobs.add(job) for job in others), *(store.jobs.add(a_row(id_)) for id_ in ids)
    )
    shown: list[str] = []
    sizes: list[int] = []

    after, has_more = None, True
    while has_more:
        page = await store.job_lists.page(
            Owner("team-a"), limit=60, after=after, newest_first=newest_first
        )
        shown += [job.id for job in page.jobs]
        sizes.append(len(page.jobs))
        after, has_more = page.jobs[-1].id, page.has_more

    assert shown == sorted(ids, reverse=newest_first)
    assert sizes == [60, 60, 60, 60, 10]


async def test_a_page_goes_on_after_an_id_that_is_gone(store: Store) -> None:
    for job_id in ("a", "c"):
        await store.jobs.add(a_row(job_id))

    older = await store.job_lists.page(Owner("team-a"), limit=5, after="b")
    newer = await store.job_lists.page(Owner("team-a"), limit=5, after="b", newest_first=False)

    assert older.jobs == (a_row("a"),)
    assert newer.jobs == (a_row("c"),)


async def test_a_page_that_holds_all_has_no_more(store: Store) -> None:
    await store.jobs.add(a_row())

    assert await store.job_lists.page(Owner("team-a"), limit=1) == CursorPage(
        (a_row(),), has_more=False
    )
    assert await store.job_lists.page(Owner("nobody"), limit=1) == CursorPage((), has_more=False)


async def test_a_deleted_job_is_found_but_never_listed_for_its_owner(store: Store) -> None:
    await store.jobs.add(a_row("shown"))
    await store.jobs.add(a_row("running", state=State.RUNNING))
    await store.jobs.add(a_row("ready", state=State.READY))
    await store.jobs.change("running", jobs.hidden(State.RUNNING))
    await store.jobs.change("ready", jobs.cancelled(5, is_hidden=True))

    assert [job.id for job in (await store.job_lists.page(Owner("team-a"), limit=5)).jobs] == [
        "shown"
    ]
    assert [place.job_id for place in await left(store)] == ["running", "shown"]
    assert await store.jobs.find("ready") is not None


async def test_an_unfinished_job_has_its_place(store: Store) -> None:
    await store.jobs.add(a_row("later", state=State.READY, engine="gpu1", due_ms=7_000))
    await store.jobs.add(a_row("ended", state=State.FAILED))
    await store.jobs.add(a_row("away", state=State.RUNNING))

    assert await left(store) == [
        UnfinishedJob("away", Owner("team-a"), State.RUNNING, "camera", 0),
        UnfinishedJob("later", Owner("team-a"), State.READY, "gpu1", 7_000),
    ]


async def test_more_places_than_are_read_at_once_are_all_there_in_the_order_of_ids(
    store: Store,
) -> None:
    ids = [f"job-{number:04d}" for number in range(2_100)]
    await asyncio.gather(*(store.jobs.add(a_row(job_id)) for job_id in reversed(ids)))
    slices = [places async for places in store.backlog.unfinished()]

    assert [place.job_id for places in slices for place in places] == ids
    assert len(slices) > 1


async def test_how_long_jobs_took_is_told_of_the_newest_that_succeeded(store: Store) -> None:
    times: dict[str, Any] = {
        "state": State.SUCCEEDED,
        "started_ms": 1_000,
        "size": Size(320, 256),
    }
    await store.jobs.add(a_row("a", **times, ended_ms=2_000))
    await store.jobs.add(a_row("b", **times, ended_ms=31_000, engine="gpu1", is_hidden=True))
    await store.jobs.add(a_row("c", **times, ended_ms=5_500))
    await store.jobs.add(a_row("d", state=State.FAILED, started_ms=1_000, ended_ms=9_000))
    await store.jobs.add(a_row("e", state=State.RUNNING, started_ms=1_000))
    await store.jobs.add(a_row("f", state=State.SUCCEEDED, ended_ms=9_000))  # left so by 0.1.0

    work = 320 * 256 * 5  # pixels times seconds
    here = RenderTime("camera", "wan2.7-i2v", work=work, took_ms=4_500)
    assert await store.backlog.times(2) == [here, RenderTime("gpu1", "wan2.7-i2v", work, 30_000)]
    assert len(await store.backlog.times(9)) == 3


async def test_only_a_deleted_job_that_has_ended_is_forgotten(store: Store) -> None:
    await store.jobs.add(a_row("unfinished", state=State.RUNNING, is_hidden=True))
    await store.jobs.add(a_row("shown", state=State.SUCCEEDED))
    await store.jobs.add(a_row("deleted", state=State.SUCCEEDED, is_hidden=True))

    for job_id in ("unfinished", "shown", "deleted", "unknown"):
        await store.retention.forget(job_id)

    assert await store.jobs.find("deleted") is None
    assert await store.jobs.find("unfinished") is not None
    assert await store.jobs.find("shown") is not None


async def test_the_files_of_a_deleted_job_that_has_ended_are_not_needed(store: Store) -> None:
    await store.jobs.add(a_row("shown", state=State.SUCCEEDED))
    await store.jobs.add(a_row("ending", state=State.SAVING, is_hidden=True))
    await store.jobs.add(a_row("deleted", state=State.FAILED, is_hidden=True))

    many = [f"unknown-{number}" for number in range(1_500)]
    found = await store.retention.standing(["shown", *many, "ending", "deleted"])

    assert found == {"shown": True, "ending": True, "deleted": False}
    assert await store.retention.standing([]) == {}


async def test_long_deleted_jobs_come_by_pages_and_young_ones_do_not(store: Store) -> None:
    made = [a_row(job_ids.new_id(moment), state=State.FAILED) for moment in (1_000, 2_000, 3_000)]
    for job in made:
        await store.jobs.add(job)
        await store.jobs.change(job.id, jobs.hidden(State.FAILED))
    running = a_row(job_ids.new_id(1_500), state=State.RUNNING, is_hidden=True)
    shown = a_row(job_ids.new_id(1_600), state=State.FAILED)
    await store.jobs.add(running)
    await store.jobs.add(shown)
    first, second, _ = (job.id for job in made)

    assert await store.retention.long_deleted(3_000) == [first, second]
    assert await store.retention.long_deleted(3_000, after=first) == [second]
    assert await store.retention.long_deleted(3_000, after=second) == []
    assert await store.retention.long_deleted(1_000) == []
