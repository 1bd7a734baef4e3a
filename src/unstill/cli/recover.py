"""The command line's way on with a store that was put back from a copy."""

from __future__ import annotations

import asyncio
from pathlib import Path

import typer
from rich.console import Console
from rich.text import Text

from unstill.cli.command_stores import store_of
from unstill.cli.settings_options import ConfigOption, DataDirOption, settings_without_keys_of
from unstill.settings.databases import shown_database
from unstill.settings.engines import local_names
from unstill.settings.reader import Settings
from unstill.store.embedded.recovery import recover
from unstill.store.stores import go_on_with

app = typer.Typer()
out = Console(highlight=False)


@app.command("recover")
def go_on(*, data_dir: DataDirOption = None, config: ConfigOption = None) -> None:
    """Go on with a job store that is older than its folder, or with a new one where it is lost."""
    with settings_without_keys_of(config, data_dir=data_dir) as settings:
        if settings.server.database:
            _go_on_with_database(settings)
            return
        folder = Path(settings.server.data_dir)
        recovered = asyncio.run(recover(folder, local_engines=local_names(settings.engines)))
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
    _say_keys(settings, "the folder")


def _go_on_with_database(settings: Settings) -> None:
    server = settings.server
    place = shown_database(server.database)
    restored = go_on_with(
        server.database,
        Path(server.data_dir),
        place=place,
        local_engines=local_names(settings.engines),
    )
    _say(f"{place} goes on with {restored.jobs} jobs")
    if restored.held:
        _say(f"{restored.held} jobs may have been sent and paid for since: they wait for")
        _say("  unstill jobs release")
    _say_keys(settings, f"{server.data_dir}")


def _say_keys(settings: Settings, where: str) -> None:
    """What the keys of a copy are worth; `where` some may be remembered that it does not know."""
    store = store_of(settings.server)
    if store.all_keys():
        _say("its API keys are those of its day, revoked since or not: unstill keys list")
    elif store.has_keys():
        _say(f"it has no API keys, and {where} had some: nobody is let in by one of those;")
        _say("  unstill keys create OWNER makes a new one")
    elif not settings.api_keys:
        _say("it has no API keys, and the next start lets in every caller: where there were any,")
        _say("  make one first, unstill keys create OWNER")


def _say(line: str) -> None:
    out.print(Text(line), soft_wrap=True)
