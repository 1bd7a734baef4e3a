"""The command line's way out of a store that does not belong to its folder."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from unstill.settings.reader import CameraSettings, read_settings
from unstill.store.embedded.recovery import recover

app = typer.Typer()
out = Console(highlight=False)

ConfigOption = Annotated[
    Path | None, typer.Option(help="Settings file; ./unstill.toml is read if it is there.")
]
DataDirOption = Annotated[str | None, typer.Option(help="Folder of jobs and videos.")]


@app.command("recover")
def go_on(*, data_dir: DataDirOption = None, config: ConfigOption = None) -> None:
    """Go on with a job store that is older than its folder, or with a new one where it is lost."""
    settings = read_settings(
        file=config, environment=os.environ, command_line={"data_dir": data_dir}
    )
    folder = Path(settings.server.data_dir)
    engines = settings.engines.items()
    local = {"camera"} | {name for name, each in engines if isinstance(each, CameraSettings)}
    recovered = asyncio.run(recover(folder, local_engines=local))
    _say(f"{folder} goes on with a store of {recovered.jobs} jobs")
    for file in recovered.aside:
        _say(f"moved aside, as it belongs to another store: {file}")
    if recovered.sent:
        _say(f"{recovered.sent} jobs were sent since, as the folder shows: the next start goes on")
        _say("  with them, and sends none of them again")
    if recovered.held:
        _say(f"{recovered.held} jobs may have been sent and paid for since: they wait for")
        _say("  unstill jobs release")
    _say("folders of jobs that it does not know stay where they are")


def _say(line: str) -> None:
    out.print(Text(line), soft_wrap=True)
