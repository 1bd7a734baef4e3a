"""The command line's part for owners: what each may have at once, and how its turns weigh.

Each command works beside a running server, which knows within two seconds, and without one.
"""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from unstill.cli.command_stores import store_at
from unstill.cli.limit_options import (
    NO_LIMIT,
    BudgetDayOption,
    BudgetMonthOption,
    BytesOption,
    InFlightOption,
    QueueOption,
    RequestsOption,
    SubmitsOption,
    WeightOption,
    changes_of,
    told,
)
from unstill.cli.settings_options import ConfigOption, DataDirOption
from unstill.domain.errors import BadSetting
from unstill.domain.limits import SETTABLE, UNLIMITED, with_changes
from unstill.domain.owner import owner_named

app = typer.Typer(help="What each owner may have at once.", no_args_is_help=True)
out = Console(highlight=False)


@app.command("set")
def change(
    owner: Annotated[str, typer.Argument(help="As its keys name it.")],
    *,
    in_flight: InFlightOption = None,
    submits_per_minute: SubmitsOption = None,
    requests_per_minute: RequestsOption = None,
    queue: QueueOption = None,
    size: BytesOption = None,
    budget_day: BudgetDayOption = None,
    budget_month: BudgetMonthOption = None,
    weight: WeightOption = None,
    data_dir: DataDirOption = None,
    config: ConfigOption = None,
) -> None:
    """Set limits of an owner, or take them away with `none`; what is not named stays."""
    whose = owner_named("OWNER", owner)
    changes = changes_of(
        in_flight=in_flight,
        submits_per_minute=submits_per_minute,
        requests_per_minute=requests_per_minute,
        queue=queue,
        bytes=size,
        budget_day=budget_day,
        budget_month=budget_month,
        weight=weight,
    )
    if not changes:
        raise BadSetting("owners set", "nothing to set: name at least one option")
    store = store_at(data_dir, config)
    limits = store.change_owner(whose, lambda before: with_changes(before, changes))
    _say(
        f"{owner}: {', '.join([*(list(told(limits)) or ['no limit']), f'weight {limits.weight}'])}"
    )


@app.command("list")
def show(*, data_dir: DataDirOption = None, config: ConfigOption = None) -> None:
    """List the owners that something is set for; all others have no limit and the weight 1."""
    store = store_at(data_dir, config)
    found = {owner: limits for owner, limits in store.owners().items() if limits != UNLIMITED}
    if not found:
        _say(f"no owner has a limit in {store.place}")
        return
    table = Table("owner", *(each.heading for each in SETTABLE), box=None)
    for owner, limits in found.items():
        amounts = (each.of(limits) for each in SETTABLE)
        table.add_row(owner, *(NO_LIMIT if each is None else f"{each}" for each in amounts))
    out.print(table)


def _say(line: str) -> None:
    out.print(Text(line), soft_wrap=True)
