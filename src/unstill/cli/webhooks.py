"""The command line's part for webhooks: what is owed to receivers, and sending it again."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from unstill.cli.settings_options import ConfigOption, DataDirOption, folder_of
from unstill.domain.delivery import Delivery, DeliveryState
from unstill.domain.errors import OperatorError
from unstill.store.embedded.deliveries import newest_in, replay_in
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
    folder = folder_of(data_dir, config)
    found = newest_in(folder, limit)
    for delivery in found:
        state = (f"{delivery.state.value:10}", _COLOURS[delivery.state])
        line = Text.assemble(state, f" {delivery.job_id} {_told(delivery, now_ms)}")
        out.print(line, soft_wrap=True)
    if not found:
        out.print(Text(f"no webhooks so far in {folder}"), soft_wrap=True)


@app.command()
def replay(
    job_ids: Annotated[
        list[str] | None, typer.Argument(help="Jobs; without any, all that is owed or given up.")
    ] = None,
    *,
    data_dir: DataDirOption = None,
    config: ConfigOption = None,
) -> None:
    """Send events again: at once if a server runs on the folder, else when the next one starts."""
    asked = list(dict.fromkeys(job_ids or ()))
    folder = folder_of(data_dir, config)
    found = replay_in(folder, asked, now_ms=clock_ms())
    for job_id in found:
        out.print(Text(f"{job_id} is due now"), soft_wrap=True)
    if not asked and not found:
        out.print(Text(f"nothing is owed or given up in {folder}"), soft_wrap=True)
    missing = [job_id for job_id in asked if job_id not in found]
    if missing:
        # It was never asked for one, goes on, is deleted, or is not in this folder.
        raise OperatorError(f"no webhook to replay for {', '.join(missing)} in {folder}")


def _told(delivery: Delivery, now_ms: int) -> str:
    """Without the address's path and query, which may hold a token."""
    tries = "1 try" if delivery.tries == 1 else f"{delivery.tries} tries"
    told = f"{delivery.type} to {delivery.receiver}, {tries}"
    if delivery.state is DeliveryState.OWED:
        told += f", next in {max(0, delivery.due_ms - now_ms) / 1000:.0f} s"
    return told if delivery.last_error is None else f"{told}: {delivery.last_error}"
