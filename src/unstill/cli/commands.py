"""The command line: models, emulate, doctor; each other command is in a module of its own."""

from __future__ import annotations

import sys
from typing import Annotated

import structlog
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from unstill import __version__
from unstill.cli import (
    backup,
    generate,
    jobs,
    keys,
    migrate,
    owners,
    recover,
    serve,
    usage,
    webhooks,
    weights,
)
from unstill.cli.log_output import say
from unstill.cli.settings_options import (
    ConfigOption,
    DataDirOption,
    settings_of,
    settings_without_keys_of,
    told_place,
)
from unstill.domain.errors import UnstillError
from unstill.emulators import KINDS, Options
from unstill.emulators.process import serve as serve_emulator
from unstill.settings.engines import NO_ENGINE
from unstill.settings.model_engines import routes_of
from unstill.settings.reader import Settings

log = structlog.get_logger()
app = typer.Typer(
    name="unstill",
    help="A self-hosted image-to-video server.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(jobs.app, name="jobs")
app.add_typer(keys.app, name="keys")
app.add_typer(owners.app, name="owners")
app.add_typer(usage.app, name="usage")
app.add_typer(webhooks.app, name="webhooks")
app.add_typer(weights.app, name="weights")
app.add_typer(recover.app)
app.add_typer(migrate.app)
app.add_typer(backup.app)
app.add_typer(generate.app)
out = Console(highlight=False)
err = Console(stderr=True, highlight=False)


def main() -> None:
    """Run a command; an error that somebody can mend is one line, not a trace."""
    try:
        app()
    except UnstillError as error:
        # As text: a setting's name or an address may have brackets in it. Never broken into lines.
        err.print(Text.assemble(("unstill:", "bold red"), " ", error.message), soft_wrap=True)
        sys.exit(1)


@app.callback(invoke_without_command=True)
def root(
    *, version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False
) -> None:
    if version:
        out.print(f"unstill {__version__}")
        raise typer.Exit


app.command()(serve.serve)
app.command()(serve.worker)


@app.command()
def emulate(
    kind: Annotated[str, typer.Argument(help=f"One of {', '.join(KINDS)}.")],
    *,
    port: Annotated[int, typer.Option(help="Port to listen on; 0 picks a free one.")] = 0,
    key: Annotated[list[str] | None, typer.Option(help="A key that is let in; repeatable.")] = None,
    job_seconds: Annotated[float, typer.Option(help="From a submit to its video.")] = 5.0,
    faults: Annotated[str, typer.Option(help="Such as submit.drop_after=0.02,poll.503=0.1")] = "",
    seed: Annotated[int, typer.Option(help="Of the faults' chance.")] = 0,
    callback_secret: Annotated[
        str, typer.Option(help="Signs callbacks, where the upstream signs by a secret.")
    ] = "",
    state: Annotated[str | None, typer.Option(help="File where jobs outlive a restart.")] = None,
) -> None:
    """Stand in for a paid upstream on this machine: its protocol, and no bill."""
    options = Options(
        port=port,
        keys=tuple(key or ()),
        job_s=job_seconds,
        faults=faults,
        seed=seed,
        callback_secret=callback_secret,
        state=state,
    )
    serve_emulator(kind, options, lambda address: say(f"{kind} is emulated at {address}"))


@app.command()
def models(*, config: ConfigOption = None) -> None:
    """List the models, what they take, and the engines behind them."""
    with settings_without_keys_of(config) as settings:
        _list_models(settings)


def _list_models(settings: Settings) -> None:
    catalogue = settings.catalogue()
    routes = routes_of(settings, catalogue)
    for name in catalogue.listed():
        card = catalogue.names[name]
        title = Text(f"{name}  ({', '.join(routes[name]) or NO_ENGINE})")
        table = Table(title=title, title_justify="left")
        for column in ("field", "allowed", "default"):
            table.add_column(column)
        for field in card.fields:
            mark = " *" if field.is_required else ""
            default = "" if field.default is None else str(field.default)
            table.add_row(field.name + mark, field.kind.allowed, default)
        out.print(table)
        if card.aliases:
            out.print(Text(f"also: {', '.join(card.aliases)}\n"))


@app.command()
def doctor(*, data_dir: DataDirOption = None, config: ConfigOption = None) -> None:
    """Say what works on this machine, and what to install or set where it does not."""
    from unstill.cli.doctor import examine  # noqa: PLC0415

    is_well = True
    with settings_of(config, data_dir=data_dir) as settings:
        findings = examine(settings, lambda setting: told_place(setting, config, data_dir=data_dir))
    for finding in findings:
        is_well = is_well and (finding.is_well or not finding.is_needed)
        colour = "green" if finding.is_well else "red" if finding.is_needed else "yellow"
        word = "ok" if finding.is_well else "missing" if finding.is_needed else "absent"
        line = Text.assemble((f"{word:8}", colour), f" {finding.what}: {finding.detail}")
        out.print(line, soft_wrap=True)
        if not finding.is_well:
            out.print(Text(f"         {finding.mend}"), soft_wrap=True)
    if not is_well:
        raise typer.Exit(1)
