"""The command line's way to a database that is as this release needs it."""

from __future__ import annotations

import asyncio

import typer
from rich.console import Console
from rich.text import Text

from unstill.cli.settings_options import ConfigOption, settings_of
from unstill.domain.errors import OperatorError
from unstill.settings.databases import shown_database
from unstill.store.stores import migrate_database

app = typer.Typer()
out = Console(highlight=False)


@app.command("migrate")
def bring_up_to_date(*, config: ConfigOption = None) -> None:
    """Bring the database of the settings up to date; as often as you like."""
    with settings_of(config) as settings:
        database = settings.server.database
        if not database:
            raise OperatorError(
                "the settings name no database: [server] database, or UNSTILL_DATABASE; "
                "a store in the data folder is brought up to date by each start"
            )
        applied = asyncio.run(migrate_database(database))
    done = f"brought up to schema {applied[-1]}" if applied else "up to date already"
    out.print(Text(f"{shown_database(database)} is {done}"), soft_wrap=True)
