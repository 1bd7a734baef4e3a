"""The command line's backup of a data folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from unstill.cli.backup_folder import back_up
from unstill.cli.settings_options import ConfigOption, DataDirOption, settings_without_keys_of
from unstill.domain.errors import OperatorError
from unstill.files.last_backup import LastBackup, note_backup
from unstill.settings.engines import local_names

app = typer.Typer()
out = Console(highlight=False)


@app.command("backup")
def make(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder that is new or empty.")],
    *,
    data_dir: DataDirOption = None,
    config: ConfigOption = None,
) -> None:
    """Copy the data folder, beside a running server or without one, to a folder to start from."""
    os.umask(0o077)
    with settings_without_keys_of(config, data_dir=data_dir) as settings:
        if settings.server.database:
            raise OperatorError(
                "the jobs are in a database: back it up by its own means, pg_dump or an archive of "
                "its WAL, and the bucket by versions of its objects; docs/scaling.md"
            )
        source = Path(settings.server.data_dir)
        local_engines = local_names(settings.engines)
        made = back_up(source, folder.expanduser(), local_engines=local_engines)
    megabytes = made.size_bytes / 1e6
    _say(f"{folder} is a backup of {source}: {made.store.jobs} jobs, {megabytes:.1f} MB of files")
    try:
        note_backup(source, LastBackup(made.at_ms, made.size_bytes))
    except OSError as error:  # it is whole all the same
        _say(f"{source} cannot note it: {error.strerror}; /metrics does not tell of it")
    if made.store.held:
        _say(f"{made.store.held} jobs are not sent yet: a server that starts from it sends them")
        _say("  after unstill jobs release")
    if settings.server.files:
        _say(f"the files of its jobs are in {settings.server.files}, and not in the backup")
    elif made.without_video:
        _say(f"{len(made.without_video)} videos were not in {source} any more")


def _say(line: str) -> None:
    out.print(Text(line), soft_wrap=True)
