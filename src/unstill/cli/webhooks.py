"""The command line's part for webhooks: what is owed to receivers, and sending it again."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from unstill.cli.command_stores import store_at
from unstill.cli.settings_options import ConfigOption, DataDirOption
from unstill.domain.delivery import Delivery, DeliveryState
from unstill.domain.errors import OperatorError
from unstill.system.clock import clock_ms

app = typer.Typer(help="What receivers of webhooks are owed.", no_args_is_help=True)
out = Console(highlight=False)

_COLOURS = {
    DeliveryState.OWED: "yellow",
    DeliveryState.DELIVERED: "green",
    DeliveryState.GIVEN_UP: "red",
}


@app.command("list")
def show(
    *,
    limit: Annotated[int, typer.Option(min=1, help="How many of the newest.")] = 20,
    data_dir: DataDirOption = None,
    config: ConfigOption = None,
) -> None:
    """List what is owed, delivered and given up, newest first."""
    now_ms = clock_ms()
    store = store_at(data_dir, config)
    found = store.newest_deliveries(limit)
    for delivery in found:
        state = (f"{delivery.state.value:10}", _COLOURS[delivery.state])
        line = Text.assemble(state, f" {delivery.job_id} {_told(delivery, now_ms)}")
        out.print(line, soft_wrap=True)
    if not found:
        out.print(Text(f"no webhooks so far in {store.place}"), soft_wrap=True)


@app.command()
def replay(
    job_ids: Annotated[
        list[str] | None, typer.Argument(help="Jobs; without any, all that is owed or given up.")
    ] = None,
    *,
    data_dir: DataDirOption = None,
    config: ConfigOption = None,
) -> None:
    """Send events again: at once if a server is up, else when the next one starts."""
    asked = list(dict.fromkeys(job_ids or ()))
    store = store_at(data_dir, config)
    found = store.replay(asked, now_ms=clock_ms())
    for job_id in found:
        out.print(Text(f"{job_id} is due now"), soft_wrap=True)
    if not asked and not found:
        out.print(Text(f"nothing is owed or given up in {store.place}"), soft_wrap=True)
    missing = [job_id for job_id in asked if job_id not in found]
    if missing:
        # It was never asked for one, goes on, is deleted, or is not in this store.
        raise OperatorError(f"no webhook to replay for {', '.join(missing)} in {store.place}")


def _told(delivery: Delivery, now_ms: int) -> str:
    """Without the address's path and query, which may hold a token."""
    tries = "1 try" if delivery.tries == 1 else f"{delivery.tries} tries"
    told = f"{delivery.type} to {delivery.receiver}, {tries}"
    if delivery.state is DeliveryState.OWED:
        told += f", next in {max(0, delivery.due_ms - now_ms) / 1000:.0f} s"
    return told if delivery.last_error is None else f"{told}: {delivery.last_error}"
