"""Which of several servers asks for the tickets of an account, and what the others keep of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager

import msgspec
import pytest
from structlog.testing import capture_logs

from support.fleets import Fleet
from support.memory_ports import Memory, MemoryBacklog
from support.memory_store import MemoryStore
from support.scripted_upstream import ACCOUNT, ScriptedRemote, away
from support.waits import until
from unstill.domain.job import Job, Result, State, arrived, cancel_requested
from unstill.progress.board import Board
from unstill.progress.stalls import Stalls
from unstill.steps.pollers import Pollers
from unstill.store.ports.backlog import TicketRow
from unstill.system.clock import clock_ms
from unstill.upstreams.port import Account, Cancelled, Ticket, Verdict, Waiting

WATCH = f"watch:{ACCOUNT.id}"
OF_NOBODY = "watch:"
pytestmark = pytest.mark.skips_pauses


class CountedBacklog(MemoryBacklog):
    """Notes which engines' tickets are read; a read waits for `gate`, with the rows as they are."""

    def __init__(self, store: MemoryStore) -> None:
        super().__init__(lambda: store.memory)
        self.reads: list[Collection[str] | None] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def tickets(
        self, engines: Collection[str] | None = None
    ) -> AsyncIterator[Sequence[TicketRow]]:
        self.reads.append(engines)
        read = [rows async for rows in super().tickets(engines)]
        await self.gate.wait()
        for rows in read:
            yield rows


class SlowToEnd(ScriptedRemote):
    """Its first round ends, however it ends, once `gate` is set."""

    def __init__(self, account: Account) -> None:
        super().__init__(account=account)
        self.gate = asyncio.Event()
        self.is_asked = False

    async def poll(self, tickets: Sequence[Ticket]) -> AsyncGenerator[tuple[Ticket, Verdict]]:
        self.rounds.append([ticket.job_id for ticket in tickets])
        self.is_asked = True
        try:
            if not self.gate.is_set():
                await asyncio.Event().wait()
        finally:
            await self.gate.wait()
        for ticket in tickets:
            yield ticket, Waiting()


class Server:
    """The pollers of one server, and the upstreams as it asks them."""

    def __init__(self, fleet: Fleet, store: MemoryStore, account: Account) -> None:
        self.engine = ScriptedRemote(account=account)
        self.backlog = CountedBacklog(store)
        self.parts = fleet.server()
        self.pollers = self.polling(store)

    def polling(self, store: MemoryStore) -> Pollers:
        return Pollers(
            {self.engine.name: self.engine},
            jobs=store.jobs,
            backlog=self.backlog,
            duties=self.parts,
            signals=self.parts,
            board=Board(),
            stalls=Stalls(clock_ms),
            clock_ms=clock_ms,
            uptime_ms=clock_ms,
        )

    @property
    def watched(self) -> int:
        return sum(map(len, self.pollers._all))

    @property
    def asked(self) -> set[str]:
        return {job_id for asked in self.engine.rounds for job_id in asked}


class Team:
    def __init__(self, interval_s: float) -> None:
        self.store = MemoryStore(Memory())
        self.fleet = Fleet()
        account = msgspec.structs.replace(ACCOUNT, interval_s=interval_s)
        self.first, self.second = (Server(self.fleet, self.store, account) for _ in range(2))

    async def add(self, *jobs: Job) -> None:
        for job in jobs:
            await self.store.jobs.add(job)

    async def until(self, job_id: str, state: State) -> None:
        memory = self.store.memory
        await until(lambda: memory.jobs[job_id].state is state)

    async def looked_again(self, server: Server) -> None:
        rounds = len(server.engine.rounds)
        await until(lambda: len(server.engine.rounds) > rounds + 1)


@asynccontextmanager
async def teamed(interval_s: float = ACCOUNT.interval_s) -> AsyncIterator[Team]:
    team = Team(interval_s)
    await team.store.open([each.pollers.changed for each in (team.first, team.second)])
    for server in (team.first, team.second):
        await server.pollers.startup()
    try:
        yield team
    finally:
        await team.fleet.end()
        await team.store.close()


async def test_one_server_asks_for_an_accounts_tickets_and_the_other_keeps_none() -> None:
    async with teamed() as team:
        await team.add(away("before"))
        await team.fleet.give(WATCH, team.first.parts)
        await team.looked_again(team.first)
        await team.add(away("after"))
        await until(lambda: team.first.asked == {"before", "after"})

        assert (team.first.watched, team.second.watched) == (2, 0)
        assert team.second.engine.rounds == []


async def test_the_next_server_takes_up_all_tickets_and_the_last_one_keeps_none() -> None:
    async with teamed() as team:
        await team.add(away("job"))
        await team.fleet.give(WATCH, team.first.parts)
        await team.looked_again(team.first)
        await team.fleet.give(WATCH, team.second.parts)
        asked = len(team.first.engine.rounds)
        await team.looked_again(team.second)
        await team.add(away("new"))
        await until(lambda: team.second.asked == {"job", "new"})

        assert (team.first.watched, team.second.watched) == (0, 2)
        assert len(team.first.engine.rounds) == asked


async def test_a_server_that_was_replaced_while_it_was_paused_asks_no_more() -> None:
    async with teamed() as team:
        await team.add(away("job"))
        paused = team.fleet.give_unnoticed(WATCH, team.first.parts)
        await team.looked_again(team.first)
        team.fleet.give_unnoticed(WATCH, team.second.parts)
        asked = len(team.first.engine.rounds)
        await paused
        await team.looked_again(team.second)

        assert (team.first.watched, team.second.watched) == (0, 1)
        assert len(team.first.engine.rounds) <= asked + 1  # that which was under way


async def test_a_server_that_gets_an_account_again_has_let_go_of_it_before() -> None:
    async with teamed() as team:
        await team.add(away("job"))
        engine = SlowToEnd(account=team.first.engine.account)
        team.first.engine = engine
        team.first.pollers = pollers = team.first.polling(team.store)
        await pollers.startup()
        before = team.fleet.give_unnoticed(WATCH, team.first.parts)
        await until(lambda: engine.is_asked)
        before.cancel()
        team.fleet.give_unnoticed(WATCH, team.first.parts)
        await asyncio.sleep(60)
        rounds = len(engine.rounds)
        engine.gate.set()
        await until(lambda: len(engine.rounds) > rounds + 1)

        assert rounds == 1
        assert (before.done(), team.first.watched) == (True, 1)


async def test_while_nobody_can_say_whose_an_account_is_it_is_not_asked() -> None:
    async with teamed() as team:
        await team.add(away("job"))
        await team.fleet.give(WATCH, team.first.parts)
        await team.looked_again(team.first)
        with capture_logs() as logs:
            team.fleet.is_known = False
            await until(lambda: len(logs) >= 3)
            asked = len(team.first.engine.rounds)
            await until(lambda: len(logs) >= 6)
            still_asked = len(team.first.engine.rounds)
        team.fleet.is_known = True
        await team.looked_again(team.first)

        assert {line["event"] for line in logs} == {"duty_not_known"}
        assert still_asked == asked
        assert len(team.first.backlog.reads) == 1


async def test_what_is_told_of_a_job_while_tickets_are_read_is_newer_than_its_row() -> None:
    async with teamed() as team:
        team.first.backlog.gate.clear()
        await team.add(away("ended"), away("same"))
        await team.fleet.give(WATCH, team.first.parts)
        await until(lambda: len(team.first.backlog.reads) == 1)
        for _ in range(5):
            await asyncio.sleep(0)  # the rows have been read by now
        await team.store.jobs.change("ended", arrived(Result("https://example.com/video")))
        await team.add(away("new"))
        team.first.backlog.gate.set()
        await until(lambda: team.first.asked == {"same", "new"})
        await team.looked_again(team.first)

        assert team.first.asked == {"same", "new"}
        assert team.first.watched == 2


async def test_a_hint_that_any_server_is_given_is_followed_by_the_one_that_asks() -> None:
    clock_s = asyncio.get_running_loop().time
    async with teamed(interval_s=3600.0) as team:
        await team.add(away("job"))
        await team.fleet.give(WATCH, team.first.parts)
        await until(lambda: team.first.engine.looks("job") == 1)
        hinted_s = clock_s()
        team.second.pollers.hint("job", team.store.memory.jobs["job"].engine)
        await until(lambda: team.first.engine.looks("job") == 2)

        assert clock_s() - hinted_s < 60
        assert team.second.engine.rounds == []


async def test_any_server_asks_an_upstream_to_stop_where_its_caller_waits() -> None:
    async with teamed() as team:
        await team.add(away("job"))
        await team.fleet.give(WATCH, team.first.parts)
        team.second.engine.answers.append(Cancelled())
        is_stopped = await team.second.pollers.stop_job(team.store.memory.jobs["job"])
        await until(lambda: team.first.watched == 0)

        assert is_stopped
        assert team.store.memory.jobs["job"].state is State.CANCELLED


async def test_a_wish_that_is_noted_in_a_row_is_heeded_by_the_server_that_asks_alone() -> None:
    async with teamed() as team:
        await team.add(away("before", wants_cancel=True), away("after"))
        team.first.engine.answers += [Cancelled(), Cancelled()]
        await team.fleet.give(WATCH, team.first.parts)
        await team.until("before", State.CANCELLED)
        await team.store.jobs.change("after", cancel_requested(State.RUNNING))
        await team.until("after", State.CANCELLED)

        assert sorted(team.first.engine.cancelled) == ["after", "before"]
        assert team.second.engine.cancelled == []


async def test_a_term_reads_the_tickets_of_its_own_engines_and_the_orphans_those_of_none() -> None:
    async with teamed() as team:
        await team.add(away("job"), away("lost", "removed"))
        with capture_logs() as logs:
            await team.fleet.give(WATCH, team.first.parts)
            await team.fleet.give(OF_NOBODY, team.second.parts)
            await until(lambda: (team.first.watched, team.second.watched) == (1, 1))

        assert team.first.backlog.reads == [["bailian"]]
        assert team.second.backlog.reads == [None]
        told = [line for line in logs if line["event"] == "engine_removed"]
        assert [(line["engine"], line["tickets"]) for line in told] == [("removed", 1)]


async def test_a_server_alone_reads_all_tickets_once_before_anything_is_begun() -> None:
    store = MemoryStore(Memory())
    engines = [
        ScriptedRemote(name, msgspec.structs.replace(ACCOUNT, id=name)) for name in ("one", "two")
    ]
    backlog = CountedBacklog(store)
    pollers = Pollers(
        {each.name: each for each in engines},
        jobs=store.jobs,
        backlog=backlog,
        duties=store.duties,
        signals=store.signals,
        board=Board(),
        stalls=Stalls(clock_ms),
        clock_ms=clock_ms,
        uptime_ms=clock_ms,
    )
    await store.open((pollers.changed,))
    for number in range(2_500):
        await store.jobs.add(away(f"{number:04}", ("one", "two", "gone")[number % 3]))
    await pollers.startup()
    taken_up = sum(map(len, pollers._all))
    await until(lambda: all(each.rounds for each in engines))
    await store.close()

    assert taken_up == 2_500
    assert backlog.reads == [None]
    assert sum(map(len, pollers._all)) == 0
