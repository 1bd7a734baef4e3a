"""What servers on one database do when one of them dies or freezes, or the database does."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest

from support.open_stores import a_row
from support.postgres_fleets import Work, entries_of, fleet, true_at_last
from support.postgres_servers import postgres, shared
from support.waits import PATIENCE_S, until
from unstill.domain.errors import OperatorError
from unstill.domain.job import State
from unstill.store.ports.duties import Term
from unstill.store.ports.queue import Lane
from unstill.store.postgres.store import PostgresStore

HEARTBEAT_S = 2.0
PROGRAM = Path(__file__).parent / "fleet_process.py"


class Server:
    """One as a process, and what it has said."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.said: list[str] = []

    async def read(self) -> None:
        assert self.process.stdout is not None
        while line := await self.process.stdout.readline():
            self.said.append(line.decode().strip())

    def tell(self, what: signal.Signals) -> None:
        self.process.send_signal(what)


@asynccontextmanager
async def server_process(url: str, folder: Path) -> AsyncIterator[Server]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(PROGRAM), url, str(folder), str(HEARTBEAT_S),
        stdout=asyncio.subprocess.PIPE, env=os.environ | {"PYTHONPATH": ":".join(sys.path)},
    )  # fmt: skip
    server = Server(process)
    reading = asyncio.create_task(server.read())
    try:
        await until(lambda: "open" in server.said)
        yield server
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        await reading


class Duty:
    """What the servers of this process do of the duty."""

    def __init__(self) -> None:
        self.terms: list[Term] = []

    async def watch(self, term: Term) -> None:
        self.terms.append(term)
        await asyncio.Event().wait()


@pytest.mark.slow
@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGSTOP])
async def test_what_a_server_had_that_died_or_froze_is_done_by_another(
    tmp_path: Path, end: signal.Signals
) -> None:
    url, work, duty = shared().new_store(), Work(), Duty()
    async with (
        server_process(url, tmp_path / "first") as first,
        fleet(tmp_path, 1, heartbeat_s=HEARTBEAT_S, url=url) as (other,),
    ):
        for number in range(2):
            await other.jobs.add(a_row(f"job-{number}", state=State.READY))
        await until(lambda: {"term", "begun job-0", "begun job-1"} <= set(first.said))
        other.queue.serve([work.lane(other, slots=2)])
        other.duties.perform("watch", duty.watch)
        first.tell(end)
        await until(lambda: sorted(work.begun) == ["job-0", "job-1"] and len(duty.terms) == 1)
        work.gate.set()
        await true_at_last(lambda: _is_empty(other))
        if end is signal.SIGSTOP:
            first.tell(signal.SIGCONT)
            await until(lambda: "over" in first.said)
        goes_on = await duty.terms[0].goes_on()
        found = [await other.jobs.find(f"job-{number}") for number in range(2)]
        terms = first.said.count("term")  # it has the duty again once the other one has left

    assert goes_on
    assert [job is not None and job.state for job in found] == [State.FAILED] * 2
    assert terms == 1


async def test_a_server_that_is_up_keeps_what_it_has(tmp_path: Path) -> None:
    work = Work()
    async with fleet(tmp_path, 2, heartbeat_s=1.0) as (one, other):
        one.queue.serve([work.lane(one)])
        await one.jobs.add(a_row("job", state=State.READY))
        await until(lambda: work.begun == ["job"])
        other.queue.serve([work.lane(other)])
        kept = one._dispatch.entries
        for _ in range(6):  # two of its lives, where nothing is said of it
            await kept.keep()
            await asyncio.sleep(kept.kept_every_s)
        work.gate.set()
        await true_at_last(lambda: _is_empty(one))

    assert work.begun == ["job"]


async def test_a_duty_is_one_servers_until_it_leaves_it_and_then_at_once_the_others(
    tmp_path: Path,
) -> None:
    here, there = Duty(), Duty()
    async with fleet(tmp_path) as (one, other):
        one.duties.perform("watch", here.watch)
        await until(lambda: len(here.terms) == 1)
        other.duties.perform("watch", there.watch)
        other.duties.perform("rounds", there.watch)
        await until(lambda: len(there.terms) == 1)  # the one that nobody had
        assert await here.terms[0].goes_on()
        await one.duties.rest()
        await until(lambda: len(there.terms) == 2)
        went_on = await here.terms[0].goes_on()

    assert not went_on


@pytest.mark.slow
async def test_a_database_that_restarts_loses_and_doubles_no_step(tmp_path: Path) -> None:
    work, duty, heard = Work(), Duty(), (list[str](), list[str]())
    with postgres() as database:
        async with fleet(tmp_path, 2, heartbeat_s=30.0, url=database.new_store()) as stores:
            for number, store in enumerate(stores):
                store.queue.serve([work.lane(store, slots=4, shared_by="account")])
                store.duties.perform("watch", duty.watch)
                store.signals.hear("news", heard[number].append)
            for number in range(12):
                await stores[number % 2].jobs.add(a_row(f"job-{number:02}", state=State.READY))
            await until(lambda: work.busy == 4 and len(duty.terms) == 1)
            await asyncio.to_thread(database.restart)
            work.gate.set()
            await until(lambda: len(work.begun) == 12)
            await true_at_last(lambda: _is_empty(stores[0]))
            await stores[1].jobs.add(a_row("new", state=State.READY))
            await until(lambda: "new" in work.begun)
            async with asyncio.timeout(PATIENCE_S):
                while not all(heard):  # the one that told, and the other
                    stores[0].signals.tell("news", "again")
                    await asyncio.sleep(0.3)
            went_on, terms = await duty.terms[0].goes_on(), len(duty.terms)

    assert len(set(work.begun)) == len(work.begun) == 13
    assert work.most <= 4
    assert went_on
    assert terms == 1


async def test_signals_are_heard_by_all_servers_in_order(tmp_path: Path) -> None:
    heard: dict[int, list[str]] = {0: [], 1: [], 2: []}
    said = [f"{number} {'x' * 400}" for number in range(60)]
    async with fleet(tmp_path, 3) as stores:
        for number, store in enumerate(stores):
            store.signals.hear("news", heard[number].append)
            await until(partial(getattr, store.signals, "_is_hearing"))
        for each in said:
            stores[1].signals.tell("news", each)
        await until(lambda: all(len(each) == len(said) for each in heard.values()))

    assert heard == {0: said, 1: said, 2: said}


@pytest.mark.slow
async def test_while_the_database_is_away_a_server_tells_itself(tmp_path: Path) -> None:
    heard: list[str] = []
    with postgres() as database:
        async with fleet(tmp_path, 1, url=database.new_store()) as (store,):
            store.signals.hear("news", heard.append)
            await asyncio.to_thread(database.stop)
            store.signals.tell("news", "alone")
            await until(lambda: heard == ["alone"])
            await asyncio.to_thread(database.start)

    assert heard == ["alone"]


async def test_a_server_whose_slots_of_an_account_are_others_does_not_begin(
    tmp_path: Path,
) -> None:
    async def step(_: object) -> None: ...

    async with fleet(tmp_path) as (one, other):
        await one.queue.know([Lane("engine:a", 10, step, shared_by="account")])
        await other.queue.know([Lane("engine:b", 10, step, shared_by="account")])
        with pytest.raises(OperatorError, match=r"account of engine:b are 12 here and 10 at"):
            await other.queue.know([Lane("engine:b", 12, step, shared_by="account")])
        await one.close()
        await other.queue.know([Lane("engine:b", 10, step, shared_by="account")])
        await other.servers.shutdown()
        third = PostgresStore(other.database._url, tmp_path / "third")
        await third.open()
        await third.queue.know([Lane("engine:b", 12, step, shared_by="account")])
        await third.close()


async def _is_empty(store: PostgresStore) -> bool:
    return not await entries_of(store)
