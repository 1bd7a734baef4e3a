"""The command line's part for owners: what each may have at once, and how its turns weigh.

Each command works beside a running server, which knows within two seconds, and without one.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from unstill.cli.settings_options import ConfigOption, DataDirOption, folder_of
from unstill.domain.errors import BadSetting
from unstill.domain.limits import UNLIMITED, Limits, amount
from unstill.domain.limits import weight as weight_of
from unstill.domain.owner import owner_named
from unstill.domain.owner_turns import MOST_WEIGHT
from unstill.store.embedded.owners_beside import change_owner_in, owners_in

app = typer.Typer(help="What each owner may have at once.", no_args_is_help=True)
out = Console(highlight=False)

NO_LIMIT = "none"
_LONGEST = 20  # digits; longer ones are no amount of anything


@app.command("set")
def change(
    owner: Annotated[str, typer.Argument(help="As its keys name it.")],
    *,
    in_flight: Annotated[
        str | None, typer.Option(metavar="N|none", help="Jobs that have begun and not ended.")
    ] = None,
    submits_per_minute: Annotated[
        str | None, typer.Option(metavar="N|none", help="New jobs in any minute.")
    ] = None,
    queue: Annotated[
        str | None, typer.Option(metavar="N|none", help="Jobs that no engine has begun.")
    ] = None,
    size: Annotated[
        str | None,
        typer.Option("--bytes", metavar="N|none", help="Stored pictures, videos and uploads."),
    ] = None,
    weight: Annotated[
        str | None, typer.Option(metavar=f"1-{MOST_WEIGHT}", help="Turns in a round; else 1.")
    ] = None,
    data_dir: DataDirOption = None,
    config: ConfigOption = None,
) -> None:
    """Set limits of an owner, or take them away with `none`; what is not named stays."""
    whose = owner_named("OWNER", owner)
    given = {
        "in_flight": ("--in-flight", in_flight),
        "submits_per_minute": ("--submits-per-minute", submits_per_minute),
        "queue": ("--queue", queue),
        "stored_bytes": ("--bytes", size),
    }
    changes = {
        field: amount(option, _number(text), nothing=NO_LIMIT)
        for field, (option, text) in given.items()
        if text is not None
    }
    if weight is not None:
        changes["weight"] = weight_of("--weight", _number(weight))
    if not changes:
        raise BadSetting("owners set", "nothing to set: name at least one option")
    limits = change_owner_in(
        folder_of(data_dir, config),
        whose,
        lambda before: msgspec.structs.replace(before, **changes),
    )
    _say(f"{owner}: {_told(limits)}")


@app.command("list")
def show(*, data_dir: DataDirOption = None, config: ConfigOption = None) -> None:
    """List the owners that something is set for; all others have no limit and the weight 1."""
    folder = folder_of(data_dir, config)
    found = {owner: limits for owner, limits in owners_in(folder).items() if limits != UNLIMITED}
    if not found:
        _say(f"no owner has a limit in {folder}")
        return
    table = Table("owner", "in flight", "submits a minute", "queue", "bytes", "weight", box=None)
    for owner, limits in found.items():
        amounts = (
            limits.in_flight,
            limits.submits_per_minute,
            limits.queue,
            limits.stored_bytes,
        )
        shown_amounts = (NO_LIMIT if each is None else f"{each}" for each in amounts)
        table.add_row(owner, *shown_amounts, f"{limits.weight}")
    out.print(table)


def _number(text: str) -> int | str | None:
    """The number that is written there; other words as they are."""
    if text == NO_LIMIT:
        return None
    is_number = text.isascii() and text.isdecimal() and len(text) < _LONGEST
    return int(text) if is_number else text


def _told(limits: Limits) -> str:
    named = (
        ("in flight", limits.in_flight),
        ("submits a minute", limits.submits_per_minute),
        ("queue", limits.queue),
        ("bytes", limits.stored_bytes),
    )
    told = [f"{name} {most}" for name, most in named if most is not None]
    return ", ".join([*(told or ["no limit"]), f"weight {limits.weight}"])


def _say(line: str) -> None:
    out.print(Text(line), soft_wrap=True)
