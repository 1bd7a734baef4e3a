"""What every job store keeps of owners."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from support.open_stores import Make, a_row, opened
from unstill.domain.errors import BadField
from unstill.domain.job import Failure, State, failed, hidden
from unstill.domain.limits import Limits, Party
from unstill.domain.owner import Owner
from unstill.store.ports.store import Store


def refuse(before: Limits) -> Limits:
    raise BadField("queue", "another one", before.queue)


ALL = Limits(
    in_flight=1, submits_per_minute=2, queue=0, stored_bytes=2**50, weight=7, requests_per_minute=9
)


async def test_limits_are_there_after_a_restart_and_may_be_taken_away(make: Make) -> None:
    async with opened(make) as store:
        before = await store.owners.limits()
        await store.owners.change(Owner("ann"), lambda _: ALL)
        first = await store.owners.change(Owner("bob"), lambda before: replace(before, queue=3))
        await store.owners.change(Owner("bob"), lambda before: replace(before, weight=2))
        with pytest.raises(BadField):
            await store.owners.change(Owner("ann"), refuse)
    async with opened(make) as store:
        after = await store.owners.limits()

    assert before == {}
    assert first == Limits(queue=3)
    assert after == {"ann": ALL, "bob": Limits(queue=3, weight=2)}


async def test_who_follows_keys_sees_by_the_same_number_that_limits_were_set(store: Store) -> None:
    before = await store.keys.changes()
    with pytest.raises(BadField):
        await store.owners.change(Owner("ann"), refuse)
    refused = await store.keys.changes()
    await store.owners.change(Owner("ann"), lambda _: ALL)

    assert refused == before
    assert await store.keys.changes() != before


async def test_the_jobs_with_files_are_an_owners_own_that_are_not_gone(store: Store) -> None:
    kept = ["queued", "ended", "hidden-unfinished"]
    for job_id in [*kept, "hidden"]:
        await store.jobs.add(a_row(job_id, owner="ann"))
    await store.jobs.add(a_row("of-bob", owner="bob"))
    for job_id in ("ended", "hidden"):
        await store.jobs.change(job_id, failed(Failure("code", "words"), 1))
    await store.jobs.change("hidden", hidden(State.FAILED))
    await store.jobs.change("hidden-unfinished", hidden(State.QUEUED))

    assert sorted(await store.owners.with_files(Party(Owner("ann")))) == sorted(kept)
    assert await store.owners.with_files(Party(Owner("cid"))) == []


async def test_the_jobs_with_files_of_a_key_are_those_that_it_made(store: Store) -> None:
    for job_id in ("kept", "hidden"):
        await store.jobs.add(a_row(job_id, owner="ann", key_id="key_1"))
    await store.jobs.add(a_row("of-another-key", owner="ann", key_id="key_2"))
    await store.jobs.add(a_row("of-none", owner="ann"))
    await store.jobs.add(a_row("of-bob", owner="bob", key_id="key_1"))
    await store.jobs.change("hidden", failed(Failure("code", "words"), 1))
    await store.jobs.change("hidden", hidden(State.FAILED))

    assert await store.owners.with_files(Party(Owner("ann"), "key_1")) == ["kept"]
