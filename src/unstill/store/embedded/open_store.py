"""The parts of an open store, and their life."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import apsw

from unstill.domain.commit_counts import CommitCounts
from unstill.store.call_journal import Ahead
from unstill.store.embedded import connections
from unstill.store.embedded.added_jobs import AddedJobs
from unstill.store.embedded.connections import Reader
from unstill.store.embedded.disk_reserve import Reserve
from unstill.store.embedded.file_presence import Presence
from unstill.store.embedded.folder_match import FILE
from unstill.store.embedded.generation import Generation
from unstill.store.embedded.group_commit import Tell, Writer
from unstill.store.embedded.leases import Leases
from unstill.store.embedded.read_pace import ReadPace
from unstill.store.embedded.upkeep import Upkeep
from unstill.store.holds import Holds


class Opened(NamedTuple):
    writer: Writer
    finds: apsw.Connection
    find: Callable[..., apsw.Cursor]  # `execute` of the one cursor that finds jobs
    ledger: Reader  # what the server itself asks
    lists: Reader  # what callers ask
    generation: Generation
    holds: Holds
    added_jobs: AddedJobs
    presence: Presence
    reserve: Reserve
    upkeep: Upkeep
    ahead: Ahead
    leases: Leases

    async def startup(self) -> None:
        await self.holds.startup()
        await self.added_jobs.startup()
        await self.upkeep.startup()

    async def close(self) -> None:
        await self.holds.shutdown()
        await self.added_jobs.shutdown()
        await self.upkeep.shutdown()
        writes = await self.writer.stop()
        self.finds.close()
        for reader in (self.ledger, self.lists):
            await asyncio.to_thread(reader.close)
        await asyncio.to_thread(connections.close, writes, self.generation)
        self.ahead.close()


async def open_store(
    data_dir: Path,
    vfs: str | None,
    *,
    tell: Tell,
    released: Callable[[str], None],
    added: Callable[[str], None],
    commits: CommitCounts,
) -> Opened:
    """Open the folder's store; `startup` comes next. Raises OperatorError.

    `released` and `added` are told of jobs that another process has released, or added.
    """
    reserve = Reserve(data_dir)
    await asyncio.to_thread(reserve.give_up_for_start)
    found, generation = await asyncio.to_thread(connections.connect, data_dir, vfs)
    presence = Presence(data_dir / FILE)
    ledger = Reader("ledger", found.ledger)
    return Opened(
        writer=Writer(found.writes, tell, generation, presence.check, commits),
        finds=found.finds,
        find=found.finds.cursor().execute,
        ledger=ledger,
        lists=Reader("lists", found.lists, ReadPace()),
        generation=generation,
        holds=Holds(ledger.select, released),
        added_jobs=AddedJobs(ledger, added),
        presence=presence,
        reserve=reserve,
        upkeep=Upkeep(presence, reserve),
        ahead=Ahead(data_dir),
        leases=Leases(),
    )
