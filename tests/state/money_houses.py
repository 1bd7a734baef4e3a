"""Where the state machine of money has its book: in a folder, or in a database of two servers."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

from state.store_at_a_pipe import Store, TwoServers
from support.postgres_servers import shared
from support.waits import hold_until
from unstill.domain.attempts import Attempt
from unstill.domain.book_check import Proof
from unstill.domain.commit_counts import CommitCounts
from unstill.domain.money import Charge
from unstill.store import book_rows
from unstill.store.embedded.beside import opened_beside
from unstill.store.embedded.charges import TABLE
from unstill.store.embedded.folder_commands import FolderCommands
from unstill.store.embedded.folder_match import FILE
from unstill.store.ports.command_store import CommandStore
from unstill.store.postgres.commands import DatabaseCommands
from unstill.store.postgres.database import Database

_ALL = f"SELECT {book_rows.NAMES} FROM charges ORDER BY id"  # noqa: S608  - field names


class House(Protocol):
    is_in_order: bool  # what was sent first is done first

    @property
    def commands(self) -> CommandStore:
        """What operators ask and say, beside the servers."""

    def started(self) -> Store | TwoServers: ...

    def proof(self) -> Proof | None:
        """None where a kill came before the first start was done."""

    def doubts(self) -> Sequence[Attempt]: ...

    def entries(self) -> Sequence[Charge]: ...

    def end(self) -> None: ...


class FolderHouse:
    is_in_order = True

    def __init__(self) -> None:
        self._folder = TemporaryDirectory()
        self.commands = FolderCommands(Path(self._folder.name))

    def started(self) -> Store:
        return Store(self._folder.name)

    def proof(self) -> Proof | None:
        is_there = (Path(self._folder.name) / FILE).exists()
        return self.commands.proof() if is_there else None

    def doubts(self) -> Sequence[Attempt]:
        return self.commands.doubts()

    def entries(self) -> Sequence[Charge]:
        with opened_beside(Path(self._folder.name), having=TABLE) as connection:
            assert connection is not None
            found = connection.execute(_ALL).fetchall()
        return [book_rows.charge_of(row) for row in found]

    def end(self) -> None:
        self._folder.cleanup()


class DatabaseHouse:
    is_in_order = False

    def __init__(self) -> None:
        self._folder = TemporaryDirectory()
        self._url = shared().new_store()
        self.commands = DatabaseCommands(self._url, Path(self._folder.name), place="there")

    def started(self) -> TwoServers:
        return TwoServers(self._folder.name, self._url)

    def proof(self) -> Proof | None:
        self._wait_for_sessions()
        return self.commands.proof()

    def doubts(self) -> Sequence[Attempt]:
        return self.commands.doubts()

    def entries(self) -> Sequence[Charge]:
        return asyncio.run(self._entries())

    async def _entries(self) -> list[Charge]:
        database = Database(self._url, CommitCounts())
        await database.open()
        found = await database.rows(_ALL)
        await database.close()
        return [book_rows.charge_of(tuple(row)) for row in found]

    def end(self) -> None:
        self._folder.cleanup()

    def _wait_for_sessions(self) -> None:
        """What a killed server had asked for may be committed a moment later."""
        name = self._url.rpartition("/")[2]
        question = (
            f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{name}' "  # noqa: S608
            "AND state != 'idle' AND pid != pg_backend_pid()"
        )
        hold_until(lambda: shared().sql(question) == "0")
