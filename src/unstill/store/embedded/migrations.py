"""The schema of the embedded database: numbered SQL files, and how a file is brought up to date."""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

import apsw
import msgspec
import structlog

from unstill.domain.errors import OperatorError

FOLDER: Traversable = files("unstill.store.embedded") / "sql"


log = structlog.get_logger()


class Version(msgspec.Struct, frozen=True):
    number: int  # `PRAGMA user_version` once it is applied
    sql: str


def bring_up_to_date(connection: apsw.Connection, file: Path, folder: Traversable) -> None:
    """Apply the versions of `folder` that `file` does not have yet, all of them or none.

    A file that has one already is copied first, to `<file>.before-<new version>`.
    Raises OperatorError if the file is newer than the folder.
    """
    versions = read_versions(folder)
    newest = versions[-1].number
    found = int(connection.pragma("user_version"))
    if found > newest:
        raise OperatorError(
            f"{file} was written by a newer unstill: its schema is {found}, this release reads "
            f"up to {newest}; start the newer release, or give this one a data_dir of its own"
        )
    if found == newest:
        return
    copy = file.with_name(f"{file.name}.before-{newest}")
    if found > 0:
        keep_copy(connection, copy)
    apply_versions(connection, [version for version in versions if version.number > found])
    if found > 0:
        log.info("database_upgraded", before=found, now=newest, copy=str(copy))


def read_versions(folder: Traversable) -> list[Version]:
    """The folder's versions, oldest first; a file is named `<number>_<what it brings>.sql`."""
    names = [entry for entry in folder.iterdir() if entry.name.endswith(".sql")]
    versions = [Version(int(entry.name.split("_")[0]), entry.read_text("utf-8")) for entry in names]
    return sorted(versions, key=lambda version: version.number)


def apply_versions(connection: apsw.Connection, versions: Sequence[Version]) -> None:
    """Apply them in one transaction, so that a start that is killed here begins afresh."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        for version in versions:
            connection.execute(version.sql)
            connection.execute(f"PRAGMA user_version = {version.number}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def keep_copy(connection: apsw.Connection, copy: Path) -> None:
    """Copy the database to `copy`, which is whole and on disk when it appears."""
    unfinished = copy.with_name(f"{copy.name}.part")
    unfinished.unlink(missing_ok=True)
    connection.execute("VACUUM INTO ?", (str(unfinished),))
    unfinished.chmod(0o600)
    _sync(unfinished)
    unfinished.replace(copy)
    _sync(copy.parent)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
