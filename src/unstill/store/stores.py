"""Which store keeps the jobs, by the setting `database`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from unstill.domain.errors import BadSetting
from unstill.store.database_standing import DatabaseStanding
from unstill.store.embedded.folder_commands import FolderCommands
from unstill.store.embedded.store import embedded_store
from unstill.store.ports.command_store import CommandStore
from unstill.store.ports.store import Store

if TYPE_CHECKING:
    from unstill.store.postgres.commands import DatabaseCommands
    from unstill.store.postgres.restored import Restored

MEND = "pip install 'unstill[postgres]'"


def store_at(database: str) -> Callable[[Path, Callable[[], int]], Store]:
    """Given the data folder and the clock that jobs go by, where jobs are kept.

    database: `postgresql://...`; "": a file in the data folder. Raises BadSetting.
    """
    if not database:
        return embedded_store
    try:
        # Extras, which a plain installation does not have.
        from unstill.store.postgres.store import PostgresStore  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise BadSetting("server.database", f"a database needs {error.name}: {MEND}") from error
    return lambda data_dir, clock_ms: PostgresStore(database, data_dir, clock_ms=clock_ms)


async def database_standing(database: str) -> DatabaseStanding:
    """How it stands; nothing is changed. Raises BadSetting, StorageFailed."""
    try:
        from unstill.store.postgres.standing import standing_of  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise BadSetting("server.database", f"a database needs {error.name}: {MEND}") from error
    return await standing_of(database)


async def migrate_database(database: str) -> Sequence[int]:
    """Bring a database up to date; the numbers of the schema that were applied.

    Raises BadSetting, OperatorError where a newer release has written it, StorageFailed.
    """
    try:
        from unstill.store.postgres.migrations import migrate  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise BadSetting("server.database", f"a database needs {error.name}: {MEND}") from error
    return await migrate(database)


def commands_at(database: str, data_dir: Path, *, place: str) -> CommandStore:
    """What commands ask. place: the database for people to read. Raises BadSetting."""
    if not database:
        return FolderCommands(data_dir)
    return _database_commands(database, data_dir, place=place)


def go_on_with(
    database: str, data_dir: Path, *, place: str, local_engines: Collection[str]
) -> Restored:
    """Go on with a database that was put back: what might be paid for twice is held.

    Raises BadSetting, OperatorError while a server is up, StorageFailed.
    """
    return _database_commands(database, data_dir, place=place).go_on(local_engines=local_engines)


def _database_commands(database: str, data_dir: Path, *, place: str) -> DatabaseCommands:
    try:
        from unstill.store.postgres.commands import DatabaseCommands  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise BadSetting("server.database", f"a database needs {error.name}: {MEND}") from error
    return DatabaseCommands(database, data_dir, place=place)
