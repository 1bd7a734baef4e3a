"""A folder's owners beside the server that holds it, or without one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from unstill.domain.errors import StorageFailed
from unstill.domain.limits import Limits
from unstill.domain.owner import Owner
from unstill.store.embedded.beside import opened_beside, transaction
from unstill.store.embedded.folder_match import FILE
from unstill.store.embedded.owners import TABLE, changed, limits_in
from unstill.store.embedded.store_made import make_store


def owners_in(data_dir: Path) -> Mapping[Owner, Limits]:
    """What is set for owners, by name; nothing where there is no store yet. Raises OwnError."""
    with opened_beside(data_dir, having=TABLE) as connection:
        return {} if connection is None else limits_in(connection)


def change_owner_in(data_dir: Path, owner: Owner, change: Callable[[Limits], Limits]) -> Limits:
    """Change an owner's limits; what they are then. Durable when it returns.

    Makes the store where there is none, or one of a release without owners, as a start does.
    Raises OwnError, OperatorError.
    """
    if not _has_table(data_dir):
        make_store(data_dir)
    with opened_beside(data_dir, having=TABLE, writes=True) as connection:
        if connection is None:
            raise StorageFailed(f"the job store of {data_dir} has gone")
        with transaction(connection):
            limits = changed(connection, owner, change)
    return limits


def _has_table(data_dir: Path) -> bool:
    if not (data_dir / FILE).exists():
        return False
    with opened_beside(data_dir, having=TABLE) as connection:
        return connection is not None
