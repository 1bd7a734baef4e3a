"""The command line: serve, models, emulate, doctor; each other command is in a cli_*.py."""

from __future__ import annotations

import io
import logging
import os
import sys
from contextlib import nullcontext, suppress
from typing import Annotated, TextIO, cast

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
    usage,
    webhooks,
    weights,
)
from unstill.cli.command_stores import store_of
from unstill.cli.settings_options import ConfigOption, DataDirOption, settings_of, told_place
from unstill.cli.temporary_server import FOLLOWS, following_stdin
from unstill.domain.errors import UnstillError
from unstill.emulators import KINDS, Options
from unstill.emulators import serve as serve_emulator
from unstill.settings.engines import NO_ENGINE
from unstill.settings.model_engines import routes_of
from unstill.settings.reader import Settings
from unstill.settings.server import ANY_ORIGIN
from unstill.system.log_context import add_job

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


@app.command()
def serve(
    *,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0 picks a free one.")] = None,
    data_dir: DataDirOption = None,
    config: ConfigOption = None,
    follows_stdin: Annotated[bool, typer.Option(FOLLOWS, hidden=True)] = False,
) -> None:
    """Serve the documented image-to-video APIs."""
    with (
        settings_of(config, host=host, port=port, data_dir=data_dir) as settings,
        following_stdin(settings.server.data_dir) if follows_stdin else nullcontext(),
    ):
        _serve(settings)


def _serve(settings: Settings) -> None:
    # The heavy parts load here, so that the other commands start at once.
    from unstill.product import Product  # noqa: PLC0415
    from unstill.server.lifecycle import Server, listen  # noqa: PLC0415

    _log_to_stderr(settings)
    has_keys = bool(settings.api_keys) or store_of(settings.server).has_keys()
    if ANY_ORIGIN in settings.server.cors_origins and not has_keys:
        # It was asked for, so it is done; but a page that is open somewhere may spend money now.
        log.warning("any_page_may_call", setting="server.cors_origins", mend="unstill keys create")
    os.umask(0o077)  # whatever its children and libraries make in the data folder is private
    listener = listen(settings.server.host, settings.server.port, has_keys=has_keys)
    product = Product(settings)
    Server(product.app, product, listener, _say_ready).serve_forever()


def _say_ready(address: str) -> None:
    _say(f"unstill {__version__} is ready at {address} (docs: {address}/docs)")


def _say(line: str) -> None:
    # The first line of stdout, alone and plain: programs that start a server read it.
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


@app.command()
def emulate(
    kind: Annotated[str, typer.Argument(help=f"One of {', '.join(KINDS)}.")],
    *,
    port: Annotated[int, typer.Option(help="Port to listen on; 0 picks a free one.")] = 0,
    key: Annotated[list[str] | None, typer.Option(help="A key that is let in; repeatable.")] = None,
    job_seconds: Annotated[float, typer.Option(help="From a submit to its video.")] = 5.0,
    faults: Annotated[str, typer.Option(help="Such as submit.drop_after=0.02,poll.503=0.1")] = "",
    seed: Annotated[int, typer.Option(help="Of the faults' chance.")] = 0,
    state: Annotated[str | None, typer.Option(help="File where jobs outlive a restart.")] = None,
) -> None:
    """Stand in for a paid upstream on this machine: its protocol, and no bill."""
    options = Options(
        port=port,
        keys=tuple(key or ()),
        job_s=job_seconds,
        faults=faults,
        seed=seed,
        state=state,
    )
    serve_emulator(kind, options, lambda address: _say(f"{kind} is emulated at {address}"))


@app.command()
def models(*, config: ConfigOption = None) -> None:
    """List the models, what they take, and the engines behind them."""
    with settings_of(config) as settings:
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


def _log_to_stderr(settings: Settings) -> None:
    renderer: structlog.typing.Processor = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    if settings.server.log_format == "json":
        renderer = structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[
            add_job,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.format_exc_info,
            renderer,
        ],
        # A line is one write: whatever thread it comes from, another's does not begin within it.
        logger_factory=structlog.WriteLoggerFactory(cast("TextIO", Forgiving(sys.stderr))),
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        cache_logger_on_first_use=True,
    )


class Forgiving(io.TextIOBase):
    """A stream for the log: a line that finds no room or no reader is lost, and no job with it."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        with suppress(OSError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError):
            self._stream.flush()
