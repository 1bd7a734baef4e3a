"""What every job store tells operators: of the jobs of all owners, their places and deliveries."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from support.open_stores import Make, a_row, opened
from support.requests import a_request
from unstill.domain.errors import Overloaded
from unstill.domain.job import Failure, Job, State, failed
from unstill.domain.job_ids import new_id
from unstill.domain.owner import Owner
from unstill.store.embedded.job_lists import EmbeddedJobLists
from unstill.store.embedded.store import EmbeddedStore
from unstill.store.list_turns import MOST_AT_ONCE
from unstill.store.ports.backlog import UnfinishedJobs
from unstill.store.ports.job_lists import Among
from unstill.store.ports.queue import Lane, LaneStep
from unstill.store.ports.store import Store

ANN, BOB = Owner("ann"), Owner("bob")
ROWS = (
    a_row("a", owner=ANN, state=State.QUEUED),
    a_row("b", owner=BOB, state=State.FAILED),
    a_row("c", owner=ANN, state=State.FAILED, model="mine"),
    a_row("d", owner=BOB, state=State.READY, engine="far"),
    a_row("e", owner=ANN, state=State.SUCCEEDED, is_hidden=True),
    a_row("f", owner=BOB, state=State.RUNNING, engine="far", model="mine"),
)


async def add(store: Store, *rows: Job) -> None:
    await asyncio.gather(*(store.jobs.add(row) for row in rows))


async def walked(store: Store, among: Among, *, limit: int) -> list[str]:
    """All pages' ids."""
    found, after = list[str](), None
    while True:
        page = await store.job_lists.of_all(among, limit=limit, after=after)
        assert len(page.jobs) <= limit
        found += [job.id for job in page.jobs]
        after = page.after
        if after is None:
            return found


async def test_a_page_that_holds_all_has_no_next_one(store: Store) -> None:
    await add(store, *ROWS)

    pages = [await store.job_lists.of_all(Among(owner=ANN), limit=limit) for limit in (1, 2, 3)]

    assert [page.after for page in pages] == ["c", None, None]


@pytest.mark.parametrize("limit", [1, 2, 10])
@pytest.mark.parametrize(
    ("fields", "ids"),
    [
        ({}, "fdcba"),
        ({"owner": ANN}, "ca"),
        ({"owner": Owner("cid")}, ""),
        ({"states": frozenset({State.FAILED})}, "cb"),
        ({"states": frozenset({State.QUEUED, State.READY, State.RUNNING})}, "fda"),
        ({"states": frozenset({State.FAILED, State.RUNNING}), "model": "mine"}, "fc"),
        ({"states": frozenset({State.RUNNING, State.READY}), "owner": BOB}, "fd"),
        ({"engine": "far"}, "fd"),
        ({"engine": "far", "model": "mine", "owner": ANN}, ""),
    ],
)
async def test_jobs_of_all_owners_are_listed_newest_first_by_what_their_rows_say(
    store: Store, fields: dict[str, Any], ids: str, limit: int
) -> None:
    await add(store, *ROWS)

    assert await walked(store, Among(**fields), limit=limit) == list(ids)


async def test_a_page_of_an_owner_has_the_owners_alone_whoever_is_named(store: Store) -> None:
    await add(store, *ROWS)
    lists, unfinished = store.job_lists, frozenset({State.QUEUED, State.READY, State.RUNNING})

    first = await lists.of_owner(BOB, Among(owner=ANN), limit=2)
    second = await lists.of_owner(BOB, Among(), limit=2, after=first.after)
    open_ones = await lists.of_owner(BOB, Among(states=unfinished), limit=5)
    nobodys = await lists.of_owner(Owner("cid"), Among(), limit=5)

    assert ([job.id for job in first.jobs], first.after) == (["f", "d"], "d")
    assert ([job.id for job in second.jobs], second.after) == (["b"], None)
    assert [job.id for job in open_ones.jobs] == ["f", "d"]
    assert (nobodys.jobs, nobodys.after) == ((), None)


PROMPTS = ("A Café by the SEA", "100% of_it", "海边的咖啡馆", "a\\b 'c' \"d\"")


@pytest.mark.parametrize(
    ("prompt", "found"),
    [
        ("café by", [0]),
        ("caFé BY the sea", [0]),
        ("CAFÉ", []),  # only ASCII's letters are folded
        ("a", [0, 3]),
        ("%", [1]),
        ("_", [1]),
        ("100%_of", []),
        ("咖啡", [2]),
        ("\\B '", [3]),
        ('"D"', [3]),
        ("first_frame", []),  # of the request, only the prompt
        (" ", [0, 1, 3]),
    ],
)
async def test_a_prompt_is_searched_for_what_stands_in_it_and_nothing_is_a_wildcard(
    store: Store, prompt: str, found: list[int]
) -> None:
    rows = [a_row(f"{n}", request=a_request(prompt=each)) for n, each in enumerate(PROMPTS)]
    await add(store, *rows)

    page = await store.job_lists.of_owner(Owner("team-a"), Among(prompt=prompt), limit=5)

    assert sorted(job.id for job in page.jobs) == [f"{n}" for n in found]


async def test_jobs_are_listed_from_a_moment_on_and_before_another(store: Store) -> None:
    ids = [new_id(1_763_600_000_000 + ms) for ms in range(4)]
    await add(store, *(a_row(each, owner=ANN) for each in ids))
    among = Among(since_ms=1_763_600_000_001, until_ms=1_763_600_000_003)

    own = [await store.job_lists.of_owner(ANN, among, limit=limit) for limit in (1, 2)]
    after = await store.job_lists.of_owner(ANN, among, limit=5, after=ids[2])
    of_all = await store.job_lists.of_all(among, limit=5)

    assert [[job.id for job in page.jobs] for page in own] == [[ids[2]], [ids[2], ids[1]]]
    assert [page.after for page in own] == [ids[2], None]
    assert [job.id for job in after.jobs] == [ids[1]]
    assert [job.id for job in of_all.jobs] == [ids[2], ids[1]]


async def test_a_page_of_a_large_store_looks_at_so_many_rows_and_goes_on_behind_them(
    tmp_path: Path,
) -> None:
    store = EmbeddedStore(tmp_path)
    await store.open()
    await add(store, *ROWS)
    lists = EmbeddedJobLists(store.handle, most_looked_at=2)
    first = await lists.of_all(Among(owner=ANN, engine="far"), limit=5)
    queued = frozenset({State.QUEUED})
    pages = [await lists.of_all(Among(states=queued), limit=5)]
    while pages[-1].after is not None:
        pages.append(await lists.of_all(Among(states=queued), limit=5, after=pages[-1].after))
    plans = [await lists.of_all(Among(model="other"), limit=5, after="d")]
    own = await lists.of_owner(ANN, Among(states=queued), limit=5)
    await store.close()

    assert (first.jobs, first.after) == ((), "a")  # its owner's own index was looked at
    assert [(len(page.jobs), page.after) for page in pages] == [(0, "d"), (1, None)]
    assert [(page.jobs, page.after) for page in plans] == [((), "b")]
    # Of the owner's two newest none is queued; nobody else's is looked at.
    assert ([job.id for job in own.jobs], own.after) == (["a"], "a")


async def test_operators_have_no_more_lists_under_way_at_once_than_an_owner(tmp_path: Path) -> None:
    store = EmbeddedStore(tmp_path)
    await store.open()
    asked = [store.job_lists.of_all(Among(), limit=1) for _ in range(MOST_AT_ONCE + 1)]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    await store.close()

    assert [type(each) for each in answers].count(Overloaded) == 1


async def test_unfinished_jobs_are_counted_by_place_and_owner(store: Store) -> None:
    again = a_row("g", owner=ANN, state=State.SAVING, due_ms=5)
    more = a_row("h", owner=ANN, state=State.QUEUED)
    await add(store, *ROWS, again, more)

    assert sorted(await store.backlog.counted(), key=lambda each: each.oldest) == [
        UnfinishedJobs(State.QUEUED, "camera", "frames", ANN, 2, "a"),
        UnfinishedJobs(State.READY, "far", "engine:far", BOB, 1, "d"),
        UnfinishedJobs(State.RUNNING, "far", None, BOB, 1, "f"),
        UnfinishedJobs(State.SAVING, "camera", "again:camera", ANN, 1, "g"),
    ]


async def test_steps_under_way_are_told_with_their_owner_and_whether_the_job_is_there_yet(
    make: Make,
) -> None:
    begun, moved, done = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def step(job: Job) -> None:
        begun.set()
        await moved.wait()
        await store.jobs.change(job.id, failed(Failure("code", "why"), 5))
        await done.wait()

    async with opened(make) as store:
        await add(store, a_row("a", owner=ANN))
        store.queue.serve([Lane("frames", 1, step)])
        await begun.wait()
        before = list(store.queue.steps())
        moved.set()
        async with asyncio.timeout(30):
            while (after := list(store.queue.steps())) == before:  # noqa: ASYNC110  - a commit
                await asyncio.sleep(0.01)
        done.set()

    assert before == [LaneStep("frames", ANN, is_in_lane=True)]
    assert after == [LaneStep("frames", ANN, is_in_lane=False)]


async def test_what_is_owed_for_a_job_is_told_and_nothing_for_another(store: Store) -> None:
    await add(store, a_row("a", webhook_url="https://hooks.example.com/a"), a_row("b"))
    for job_id in "ab":
        await store.jobs.change(job_id, failed(Failure("code", "why"), 5))

    delivery = await store.outbox.of("a")

    assert delivery is not None
    assert (delivery.job_id, delivery.receiver) == ("a", "hooks.example.com")
    assert await store.outbox.of("b") is await store.outbox.of("c") is None
