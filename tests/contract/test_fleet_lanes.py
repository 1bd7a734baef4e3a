"""The lanes of several servers on one database."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from support.open_stores import a_row
from support.postgres_fleets import Work, entries_of, fleet, true_at_last
from support.waits import until
from unstill.domain import job as jobs
from unstill.domain.attempts import Attempt
from unstill.domain.errors import StorageFailed
from unstill.domain.job import Failure, Job, State
from unstill.domain.lease import Lease
from unstill.domain.limits import Party
from unstill.domain.owner import Owner
from unstill.store.ports.queue import Lane, PutOff
from unstill.store.postgres import entries
from unstill.store.postgres.store import PostgresStore

LANE = "engine:camera"


async def test_each_job_is_given_to_one_of_the_servers(tmp_path: Path) -> None:
    work = Work()
    work.gate.set()
    async with fleet(tmp_path, 3) as stores:
        for store in stores:
            store.queue.serve([work.lane(store, slots=4)])
        ids = [f"job-{number:03}" for number in range(120)]
        rows = [a_row(job_id, state=State.READY) for job_id in ids]
        await asyncio.gather(*(stores[number % 3].jobs.add(row) for number, row in enumerate(rows)))
        await until(lambda: len(work.begun) == len(ids))
        await true_at_last(lambda: _is_empty(stores[0]))

    assert sorted(work.begun) == ids
    assert len(set(work.by)) > 1


async def test_an_accounts_slots_are_one_limit_for_all_servers_and_engines(
    tmp_path: Path,
) -> None:
    work = Work()
    async with fleet(tmp_path) as stores:
        for store in stores:
            store.queue.serve(
                [work.lane(store, f"engine:{name}", 3, shared_by="account") for name in "ab"]
            )
        for number in range(20):
            row = a_row(f"job-{number:02}", state=State.READY, engine="ab"[number % 2])
            await stores[number % 2].jobs.add(row)
        await until(lambda: work.busy == 3)
        await asyncio.sleep(0.6)  # each server looks for a slot meanwhile
        held = list(work.begun)
        work.gate.set()
        await until(lambda: len(work.begun) == 20)
        await true_at_last(lambda: _is_empty(stores[0]))

    assert len(held) == 3
    assert work.most == 3
    assert len(set(work.begun)) == 20


async def test_a_lane_that_keeps_room_has_a_slot_for_whoever_comes(tmp_path: Path) -> None:
    work = Work()
    async with fleet(tmp_path, 1) as (store,):
        store.queue.serve([work.lane(store, "frames", 8, keeps_room=True)])
        for number in range(20):
            await store.jobs.add(a_row(f"a-{number:02}", owner="ann"))
        await until(lambda: len(work.begun) == 4)
        await store.jobs.add(a_row("b-0", owner="bob"))
        await until(lambda: "b-0" in work.begun)
        held = list(work.begun)
        work.gate.set()
        await until(lambda: len(work.begun) == 21)

    assert held == ["a-00", "a-01", "a-02", "a-03", "b-0"]


async def test_a_job_that_is_put_off_comes_again_and_one_that_moved_nothing_pauses(
    tmp_path: Path,
) -> None:
    begun: list[str] = []
    async with fleet(tmp_path, 1) as (store,):

        async def step(job: Job) -> PutOff | None:
            begun.append(job.id)
            if begun.count(job.id) == 3:
                await store.jobs.change(job.id, jobs.failed(Failure("code", "why"), 5))
            return None

        store.queue.serve([Lane(LANE, 2, step)])
        await store.jobs.add(a_row("job", state=State.READY))
        await until(lambda: begun == ["job"] * 3)
        await true_at_last(lambda: _is_empty(store))


async def test_a_cancel_at_one_server_ends_the_step_at_another(tmp_path: Path) -> None:
    ended = asyncio.Event()
    work = Work()
    async with fleet(tmp_path) as (one, other):

        async def clear(job: Job) -> None:
            assert job.state is State.CANCELLED
            ended.set()

        lane = work.lane(one)
        one.queue.serve([Lane(LANE, 1, lane.step, ended=clear)])
        await other.jobs.add(a_row("job", state=State.READY))
        await until(lambda: work.begun == ["job"])
        assert await other.jobs.change("job", jobs.cancelled(5, is_hidden=False)) is not None
        await asyncio.wait_for(ended.wait(), 30)
        await true_at_last(lambda: _is_empty(one))


async def test_a_server_that_stops_gives_its_jobs_to_the_others_at_once(tmp_path: Path) -> None:
    work = Work()
    async with fleet(tmp_path) as (one, other):
        one.queue.serve([work.lane(one, slots=3)])
        for number in range(3):
            await other.jobs.add(a_row(f"job-{number}", state=State.READY))
        await until(lambda: work.busy == 3)
        other.queue.serve([work.lane(other, slots=3)])
        await one.close()
        await until(lambda: work.by.count(other) == 3)
        work.gate.set()
        await true_at_last(lambda: _is_empty(other))

    assert sorted(work.begun) == sorted(["job-0", "job-1", "job-2"] * 2)


async def test_a_call_that_goes_on_keeps_its_slot_until_its_server_closes(
    tmp_path: Path,
) -> None:
    work, sent = Work(), asyncio.Event()
    async with fleet(tmp_path) as (one, other):

        async def submit(job: Job) -> None:
            call = Attempt(job.id, 1, "camera", "account", "model", 1, 2)
            await one.jobs.change(job.id, jobs.intended(call, Lease(one.server_id, 0)), attempt=0)
            sent.set()
            await asyncio.Event().wait()

        one.queue.serve([Lane(LANE, 1, submit, shared_by="account")])
        await one.jobs.add(a_row("call", state=State.READY))
        await asyncio.wait_for(sent.wait(), 30)
        await other.jobs.add(a_row("next", state=State.READY))
        other.queue.serve([work.lane(other, shared_by="account")])
        await one.queue.rest(0)
        await asyncio.sleep(0.6)  # the other looks for a slot
        begun = list(work.begun)
        await one.close()
        await until(lambda: work.begun == ["next"])

    assert begun == []


async def test_a_render_whose_server_is_gone_is_done_again(tmp_path: Path) -> None:
    work = Work()
    work.gate.set()
    async with fleet(tmp_path) as (one, other):
        await one.queue.know([work.lane(one, begins_jobs=True)])
        await one.jobs.add(a_row("job", state=State.READY))
        lease = Lease("gone", 0)
        assert await one.jobs.change("job", jobs.started(5, lease), attempt=0) is not None
        other.queue.serve([work.lane(other, begins_jobs=True)])
        await until(lambda: work.begun == ["job"])
        await true_at_last(lambda: _is_empty(other))
        job = await other.jobs.find("job")

    assert job is not None
    assert (job.state, job.attempt) == (State.FAILED, 1)


async def test_what_waits_for_its_owners_limit_has_no_entry_and_gets_one_when_there_is_room(
    tmp_path: Path,
) -> None:
    work = Work()
    async with fleet(tmp_path, 1) as (store,):
        door = Door(2)
        store.queue.hold_by(door)
        store.queue.serve([work.lane(store, slots=8, begins_jobs=True)])
        for number in range(6):
            await store.jobs.add(a_row(f"a-{number}", owner="ann", state=State.READY))
            await store.jobs.add(a_row(f"b-{number}", owner="bob", state=State.READY))
        await until(lambda: work.busy == 8)
        await true_at_last(lambda: _are(store, 8))
        held = sorted(work.begun)
        door.most = 4
        store.queue.look_again()
        work.gate.set()
        await until(lambda: len(work.begun) == 10)
        door.most = 6
        store.queue.look_again()
        await until(lambda: len(work.begun) == 12)

    assert held == ["a-0", "a-1", *(f"b-{number}" for number in range(6))]
    assert sorted(work.begun[8:10]) == ["a-2", "a-3"]
    assert sorted(work.begun[10:]) == ["a-4", "a-5"]


async def test_a_row_that_has_no_entry_gets_one(tmp_path: Path) -> None:
    work = Work()
    async with fleet(tmp_path, 1) as (store,):
        # No lane is known yet: nobody can say in which line they wait.
        for state in (State.QUEUED, State.READY, State.SAVING, State.SUCCEEDED):
            await store.jobs.add(a_row(state, state=state))
        assert await entries_of(store) == []
        lanes = ("frames", LANE, "save:camera")
        store.queue.serve([work.lane(store, name) for name in lanes])
        await until(lambda: work.busy == 3)
        placed = await entries_of(store)

    assert sorted(placed) == ["queued:frames", "ready:engine:camera", "saving:save:camera"]


async def test_a_new_job_and_its_entry_are_stored_together_or_not_at_all(tmp_path: Path) -> None:
    async with fleet(tmp_path, 1) as (store,):
        await store.queue.know([Work().lane(store)])
        await store.jobs.add(a_row("job", state=State.READY))
        before = await entries_of(store)
        with pytest.raises(StorageFailed):
            await store.jobs.add(a_row("job", state=State.READY, engine="another"))
        after = await entries_of(store)

    assert before == after == ["job:engine:camera"]


async def test_what_is_over_is_dropped(tmp_path: Path) -> None:
    work = Work()
    async with fleet(tmp_path, 1) as (store,):
        await store.queue.know([work.lane(store, "frames", keeps_room=True), work.lane(store)])
        await store.jobs.add(a_row("waits"))
        for job_id, state in (("left", State.QUEUED), ("parked", State.READY)):
            await store.jobs.add(a_row(job_id, state=state))
            await store.database.execute("UPDATE jobs SET is_parked = 1 WHERE id = 'parked'")
            await store.jobs.change(job_id, jobs.cancelled(5, is_hidden=False))
        await store.database.execute(
            "UPDATE unstill_pgqueuer_log SET created = now() - interval '61 minutes' "
            "WHERE entrypoint = 'frames/team-a'"
        )
        await store.queue._sweep.tidy()
        left = await entries_of(store)
        [(parked, logged)] = await store.database.rows(
            "SELECT (SELECT count(*) FROM jobs WHERE is_parked = 1), "
            "(SELECT count(*) FROM unstill_pgqueuer_log)"
        )

    assert "waits:frames" in left
    assert "left:frames" not in left
    assert (parked, logged) == (0, 1)


async def test_a_job_that_was_put_off_for_long_goes_on_when_it_is_released(tmp_path: Path) -> None:
    begun: list[str] = []
    async with fleet(tmp_path, 1) as (store,):

        async def step(job: Job) -> PutOff:
            begun.append(job.id)
            return PutOff(store.clock_ms() + 600_000)

        store.queue.serve([Lane(LANE, 1, step)])
        await store.jobs.add(a_row("job", state=State.READY))
        await until(lambda: begun == ["job"])
        await true_at_last(lambda: _waits(store))
        store.queue.hasten("job")
        await until(lambda: begun == ["job", "job"])


async def test_pgqueuers_tables_are_those_that_it_would_install(tmp_path: Path) -> None:
    async with fleet(tmp_path, 1) as (store,):
        queries = entries.queries_over(entries._Driver(store.database))
        plan = await queries.plan_upgrade()
    assert list(plan.statements) == []


class Door:
    """A turnstile: so many of ann's jobs may be begun at all, and any number of anybody else's."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.begun = set[str]()

    def may_begin(self, owner: Owner) -> bool:
        return owner != "ann" or len(self.begun) < self.most

    def holder_of(self, job_id: str) -> Party | None:
        del job_id
        return None

    def room_of(self, holder: Party) -> int:
        return self.most - len(self.begun) if holder.owner == "ann" else 100

    def begin(self, owner: Owner, job_id: str) -> None:
        if owner == "ann":
            self.begun.add(job_id)

    def end(self, owner: Owner, job_id: str) -> None:
        del owner, job_id  # what was begun counts on


async def _waits(store: PostgresStore) -> bool:
    [(count,)] = await store.database.rows(
        "SELECT count(*) FROM unstill_pgqueuer WHERE status = 'queued' AND entrypoint = $1", LANE
    )
    return bool(count)


async def _is_empty(store: PostgresStore) -> bool:
    return not await entries_of(store)


async def _are(store: PostgresStore, count: int) -> bool:
    return len(await entries_of(store)) == count
