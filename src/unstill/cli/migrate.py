"""The command line's way to a database that is as this release needs it, and into it."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import structlog
import typer
from rich.console import Console
from rich.text import Text

from unstill.cli.command_stores import store_of
from unstill.cli.settings_options import ConfigOption, settings_without_keys_of
from unstill.domain.errors import OperatorError
from unstill.domain.money import shown_amount
from unstill.files.storage import s3_bucket
from unstill.settings.databases import shown_database
from unstill.settings.server import ServerSettings
from unstill.store.stores import migrate_database

if TYPE_CHECKING:
    from unstill.cli.move_folder import FolderMoved

app = typer.Typer()
out = Console(highlight=False)


@app.command("migrate")
def bring_up_to_date(
    *,
    source: Annotated[
        Path | None,
        typer.Option("--from", metavar="DATA_DIR", help="Move this folder's jobs and files too."),
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Bring the database of the settings up to date; as often as you like."""
    with settings_without_keys_of(config) as settings:
        server = settings.server
        if not server.database:
            raise OperatorError(
                "the settings name no database: [server] database, or UNSTILL_DATABASE; "
                "a store in the data folder is brought up to date by each start"
            )
        if source is not None and not server.files:
            raise OperatorError(
                "the settings name no bucket for the folder's files: [server] files, or "
                "UNSTILL_FILES"
            )
        applied = asyncio.run(migrate_database(server.database))
        done = f"brought up to schema {applied[-1]}" if applied else "up to date already"
        _say(f"{shown_database(server.database)} is {done}")
        if source is not None:
            _move(source.expanduser(), server)


def _move(source: Path, server: ServerSettings) -> None:
    # What opens the folder's store may log, and not where the lines for people are.
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    os.umask(0o077)
    place, bucket = shown_database(server.database), s3_bucket(server.files)
    # Extras: without them one of the two before has said so.
    from unstill.cli.move_folder import MoveTarget, move_folder  # noqa: PLC0415

    target = MoveTarget(server.database, place, bucket)
    moved = asyncio.run(move_folder(source, target, _say))
    _tell(moved, server)
    proof = store_of(server).proof()
    for wrong in () if proof is None else proof.wrongs:
        _say(wrong)
    if proof is not None and proof.wrongs:
        raise OperatorError(f"the book of money in {place} is wrong, as it was in {source}")
    if proof is not None:
        sums = proof.sums
        _say(
            f"money: proved, {sums.entries} rows of {sums.jobs} jobs, "
            f"{shown_amount(sums.settled.total())} settled, "
            f"{shown_amount(sums.reserved.total())} reserved, {shown_amount(sums.cost)} cost"
        )
    _say(f"{source} has moved: start servers with these settings; the folder is left as it was")


def _tell(moved: FolderMoved, server: ServerSettings) -> None:
    counts = ", ".join(f"{count} {table}" for table, count in moved.rows.counts.items() if count)
    word = "read back, each as it was" if moved.rows.is_new else "there already"
    _say(f"rows: {counts or 'none'}; {word}")
    megabytes = moved.files.size_bytes / 1e6
    _say(f"files: {moved.files.count}, {megabytes:.1f} MB, each as large in {server.files}")
    if moved.without_video:
        _say(f"{moved.without_video} videos were not in the folder any more")


def _say(line: str) -> None:
    out.print(Text(line), soft_wrap=True)
