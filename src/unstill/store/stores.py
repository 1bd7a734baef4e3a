"""Which store keeps the jobs, by the setting `database`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import cast

from unstill.domain.errors import BadSetting
from unstill.store.embedded.store import embedded_store
from unstill.store.ports.store import Store

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
    return lambda data_dir, clock_ms: cast(
        "Store", PostgresStore(database, data_dir, clock_ms=clock_ms)
    )


async def migrate_database(database: str) -> Sequence[int]:
    """Bring a database up to date; the numbers of the schema that were applied.

    Raises BadSetting, OperatorError where a newer release has written it, StorageFailed.
    """
    try:
        from unstill.store.postgres.migrations import migrate  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise BadSetting("server.database", f"a database needs {error.name}: {MEND}") from error
    return await migrate(database)
