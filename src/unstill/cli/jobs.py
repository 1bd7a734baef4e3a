"""The command line's part for jobs that wait for an operator's word.

Those held after a store was recovered, and those that failed in doubt.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from unstill.cli.command_stores import store_at, store_of
from unstill.cli.settings_options import ConfigOption, DataDirOption, settings_without_keys_of
from unstill.domain.continuation import (
    MOST_TICKET_CHARS,
    NextJob,
    known_ticket,
    may_be_ticket,
)
from unstill.domain.errors import OperatorError
from unstill.domain.job_ids import new_id
from unstill.domain.money import shown_amount
from unstill.domain.resolution import CallCosts, DoubtWord, Resolution
from unstill.models.costs import Costs
from unstill.service.new_jobs import DEADLINE_MS
from unstill.system.clock import clock_ms

app = typer.Typer(help="Jobs that wait for your word.", no_args_is_help=True)
out = Console(highlight=False)


@app.command()
def held(*, data_dir: DataDirOption = None, config: ConfigOption = None) -> None:
    """List the jobs of a recovered store that may have been paid for already, oldest first."""
    store = store_at(data_dir, config)
    found = store.held()
    for job_id in found:
        _say(job_id)
    if not found:
        _say(f"no job is held in {store.place}")


@app.command()
def release(
    job_ids: Annotated[
        list[str] | None, typer.Argument(help="Jobs; without any, all that are held.")
    ] = None,
    *,
    data_dir: DataDirOption = None,
    config: ConfigOption = None,
) -> None:
    """Let held jobs be sent: at once if a server is up, else when one starts."""
    asked = list(dict.fromkeys(job_ids or ()))
    store = store_at(data_dir, config)
    found = store.release(asked, now_ms=clock_ms(), within_ms=DEADLINE_MS)
    for job_id in found.job_ids:
        _say(f"{job_id} is released")
    if not asked and not found.job_ids:
        _say(f"no job is held in {store.place}")
    wrongs = [
        f"{job_id} was sent to {engine}: it goes on there, and is not sent again"
        for job_id, engine in found.sent.items()
    ]
    missing = [job_id for job_id in asked if job_id not in {*found.job_ids, *found.sent}]
    if missing:
        wrongs.append(f"not held in {store.place}: {', '.join(missing)}")
    if wrongs:
        raise OperatorError("; ".join(wrongs))


@app.command()
def doubts(*, data_dir: DataDirOption = None, config: ConfigOption = None) -> None:
    """List the calls that may have been billed without anybody knowing, oldest first."""
    store = store_at(data_dir, config)
    found = store.doubts()
    for call in found:
        made = datetime.fromtimestamp(call.intent_ms / 1000, UTC)
        line = f"{call.job_id} {call.engine} {call.upstream_model} {made:%Y-%m-%d %H:%M:%S} UTC"
        ticket = known_ticket(call)
        _say(line if ticket is None else f"{line}, taken as {ticket}")
    if not found:
        _say(f"no call is in doubt in {store.place}")


@app.command()
def resolve(
    job_id: Annotated[str, typer.Argument(help="A job that `unstill jobs doubts` lists.")],
    *,
    is_charged: Annotated[
        bool, typer.Option("--charged", help="The provider has billed the call.")
    ] = False,
    is_free: Annotated[bool, typer.Option("--free", help="It has not.")] = False,
    ticket: Annotated[
        str | None,
        typer.Option(help="What the provider knows the call by: a new job goes on from it."),
    ] = None,
    data_dir: DataDirOption = None,
    config: ConfigOption = None,
) -> None:
    """Say what a call in doubt came to. Its price is released.

    --charged settles what it cost, or, where its ticket is known, makes a job of the same owner
    that goes on from it with that price: the video comes home.
    """
    if is_charged == is_free:
        raise OperatorError(
            f"say what the call of {job_id} came to: --charged or --free, one of them"
        )
    if ticket is not None and not may_be_ticket(ticket):
        raise OperatorError(f"--ticket: 1 to {MOST_TICKET_CHARS} characters of visible ASCII")
    with settings_without_keys_of(config, data_dir=data_dir) as settings:
        store = store_of(settings.server)
        tariff = settings.tariff()
        costs = CallCosts(Costs(tariff, settings.catalogue().by_id).of, tariff.currency)
    now_ms = clock_ms()
    resolved = store.resolve(
        job_id,
        DoubtWord(is_charged, ticket),
        costs=costs,
        next_job=NextJob(new_id(now_ms), DEADLINE_MS),
        now_ms=now_ms,
    )
    resolved.check(is_charged=is_charged)
    said = resolved.resolution
    _say(_told(said) if resolved.is_new else f"{_told(said)} already, at {_time(said.at_ms)}")
    if resolved.released is not None:
        _say(f"released: {shown_amount(resolved.released)} {resolved.currency}")
    if resolved.cost is not None:
        _say(f"cost: {shown_amount(resolved.cost)} {resolved.currency}")
    if resolved.continuation is not None:
        following = resolved.continuation
        _say(f"the job {following.continued_by} goes on from it, as {following.ticket}")


def _told(said: Resolution) -> str:
    word = "was billed" if said.is_charged else "was not billed"
    return f"{said.job_id} is resolved: its call {word}"


def _time(at_ms: int) -> str:
    return f"{datetime.fromtimestamp(at_ms / 1000, UTC):%Y-%m-%d %H:%M:%S} UTC"


def _say(line: str) -> None:
    out.print(Text(line), soft_wrap=True)
