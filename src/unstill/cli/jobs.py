"""The command line's part for jobs that are held after a store was recovered."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from unstill.cli.settings_options import ConfigOption, DataDirOption, folder_of
from unstill.domain.errors import OperatorError
from unstill.service.jobs import DEADLINE_MS
from unstill.store.embedded.held_jobs import held_in, release_in
from unstill.system.clock import clock_ms

app = typer.Typer(help="Jobs that wait for your word.", no_args_is_help=True)
out = Console(highlight=False)


@app.command()
def held(*, data_dir: DataDirOption = None, config: ConfigOption = None) -> None:
    """List the jobs of a recovered store that may have been paid for already, oldest first."""
    folder = folder_of(data_dir, config)
    found = held_in(folder)
    for job_id in found:
        _say(job_id)
    if not found:
        _say(f"no job is held in {folder}")


@app.command()
def release(
    job_ids: Annotated[
        list[str] | None, typer.Argument(help="Jobs; without any, all that are held.")
    ] = None,
    *,
    data_dir: DataDirOption = None,
    config: ConfigOption = None,
) -> None:
    """Let held jobs be sent: at once if a server runs on the folder, else when one starts."""
    asked = list(dict.fromkeys(job_ids or ()))
    folder = folder_of(data_dir, config)
    found = release_in(folder, asked, now_ms=clock_ms(), within_ms=DEADLINE_MS)
    for job_id in found.job_ids:
        _say(f"{job_id} is released")
    if not asked and not found.job_ids:
        _say(f"no job is held in {folder}")
    wrongs = [
        f"{job_id} was sent to {engine}: it goes on there, and is not sent again"
        for job_id, engine in found.sent.items()
    ]
    missing = [job_id for job_id in asked if job_id not in {*found.job_ids, *found.sent}]
    if missing:
        wrongs.append(f"not held in {folder}: {', '.join(missing)}")
    if wrongs:
        raise OperatorError("; ".join(wrongs))


def _say(line: str) -> None:
    out.print(Text(line), soft_wrap=True)
