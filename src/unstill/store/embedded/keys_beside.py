"""A folder's keys beside the server that holds it, or without one."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from unstill.domain.api_key import ApiKey
from unstill.domain.errors import OwnError, StorageFailed
from unstill.store.embedded.beside import opened_beside, transaction
from unstill.store.embedded.folder_match import FILE
from unstill.store.embedded.keys import TABLE, all_keys, change
from unstill.store.embedded.store_made import make_store
from unstill.store.keys_mark import is_marked, mark
from unstill.store.ports.keys import Decide


def keys_in(data_dir: Path) -> list[ApiKey]:
    """The folder's keys, oldest first; none where there is no store yet. Raises OwnError."""
    with opened_beside(data_dir, having=TABLE) as connection:
        return [] if connection is None else all_keys(connection)


def has_keys_in(data_dir: Path) -> bool:
    """Whether the folder has keys, or had; not where its store cannot be read and no mark is."""
    if is_marked(data_dir):
        return True
    with suppress(OwnError):
        return bool(keys_in(data_dir))
    return False


def change_key_in(data_dir: Path, decide: Decide) -> ApiKey:
    """Change one of the folder's keys, or add one, as the port has it. Durable when it returns.

    Makes the store where there is none, or one of a release that had no keys, as a start does.
    Raises what `decide` raised, OwnError, OperatorError.
    """
    if not _has_table(data_dir):
        make_store(data_dir)
    with opened_beside(data_dir, having=TABLE, writes=True) as connection:
        if connection is None:
            raise StorageFailed(f"the job store of {data_dir} has gone")
        with transaction(connection):
            key = change(connection, decide)
    mark(data_dir)
    return key


def _has_table(data_dir: Path) -> bool:
    if not (data_dir / FILE).exists():
        return False
    with opened_beside(data_dir, having=TABLE) as connection:
        return connection is not None
