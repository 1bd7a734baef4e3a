"""A folder's keys beside the server that holds it, or without one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import apsw

from unstill.domain.api_key import ApiKey
from unstill.domain.errors import OwnError, StorageFailed
from unstill.store.embedded.beside import opened_beside
from unstill.store.embedded.folder_match import FILE
from unstill.store.embedded.keys import TABLE, all_keys
from unstill.store.embedded.store_made import make_store


def keys_in(data_dir: Path) -> list[ApiKey]:
    """The folder's keys, oldest first; none where there is no store yet. Raises OwnError."""
    with opened_beside(data_dir, having=TABLE) as connection:
        return [] if connection is None else all_keys(connection)


def has_keys_in(data_dir: Path) -> bool:
    """Whether the folder has keys, or had; not where its store cannot be read."""
    with suppress(OwnError):
        return bool(keys_in(data_dir))
    return False


@contextmanager
def changing_keys_in(data_dir: Path) -> Iterator[apsw.Connection]:
    """A transaction over the folder's keys, durable when the block is left without an error.

    Makes the store where there is none, or one of a release that had no keys, as a start does.
    Raises OwnError, OperatorError.
    """
    if not _has_table(data_dir):
        make_store(data_dir)
    with opened_beside(data_dir, having=TABLE, writes=True) as connection:
        if connection is None:
            raise StorageFailed(f"the job store of {data_dir} has gone")
        with connection:
            yield connection


def _has_table(data_dir: Path) -> bool:
    if not (data_dir / FILE).exists():
        return False
    with opened_beside(data_dir, having=TABLE) as connection:
        return connection is not None
