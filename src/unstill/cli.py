"""The command line: serve, generate, models, doctor; `webhooks` is in cli_webhooks.py."""

from __future__ import annotations

import io
import logging
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Annotated, NoReturn, TextIO, cast

import structlog
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from unstill import __version__, cli_jobs, cli_recover, cli_webhooks
from unstill.engines.emulate import KINDS, Options
from unstill.engines.emulate import serve as serve_emulator
from unstill.errors import BadSetting, OperatorError, UnstillError
from unstill.models import Catalogue
from unstill.settings import (
    ANY_ORIGIN,
    CLIENT_KEY_VARIABLE,
    KEYS_VARIABLE,
    Settings,
    read_settings,
)
from unstill.settings_places import place_of

log = structlog.get_logger()
app = typer.Typer(
    name="unstill",
    help="A self-hosted image-to-video server.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(cli_jobs.app, name="jobs")
app.add_typer(cli_webhooks.app, name="webhooks")
app.add_typer(cli_recover.app)
out = Console(highlight=False)
err = Console(stderr=True, highlight=False)

SERVER_ENDS_WITHIN_S = 10.0  # it ends its renders within a second

ConfigOption = Annotated[
    Path | None, typer.Option(help="Settings file; ./unstill.toml is read if it is there.")
]
DataDirOption = Annotated[str | None, typer.Option(help="Folder of jobs and videos.")]


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
) -> None:
    """Serve the documented image-to-video APIs."""
    with _settings(config, host=host, port=port, data_dir=data_dir) as settings:
        _serve(settings)


def _serve(settings: Settings) -> None:
    # The heavy parts load here, so that the other commands start at once.
    from unstill.product import Product  # noqa: PLC0415
    from unstill.server.life import Server, listen  # noqa: PLC0415

    _log_to_stderr(settings)
    has_keys = bool(settings.api_keys)
    if ANY_ORIGIN in settings.server.cors_origins and not has_keys:
        # It was asked for, so it is done; but a page that is open somewhere may spend money now.
        log.warning("any_page_may_call", setting="server.cors_origins", mend=KEYS_VARIABLE)
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
def generate(
    image: Annotated[Path, typer.Argument(help="First frame: a photo.")],
    prompt: Annotated[str, typer.Argument(help="What should happen.")] = "",
    *,
    output: Annotated[Path, typer.Option("-o", "--output", help="The mp4.")] = Path("out.mp4"),
    model: Annotated[str, typer.Option(help="See `unstill models`.")] = "wan2.7-i2v",
    resolution: Annotated[str, typer.Option(help="480P, 720P or 1080P.")] = "720P",
    duration: Annotated[int | None, typer.Option(help="Seconds.")] = None,
    seed: Annotated[int | None, typer.Option(help="The same seed, the same video.")] = None,
    last_frame: Annotated[Path | None, typer.Option(help="A photo to end on.")] = None,
    server: Annotated[str | None, typer.Option(help="A running server's address.")] = None,
    api_key: Annotated[
        str | None, typer.Option(envvar=CLIENT_KEY_VARIABLE, help="Where that server wants one.")
    ] = None,
) -> None:
    """Make one video, with a running server or one started for it."""
    from unstill.client import Client, picture, writable  # noqa: PLC0415

    fields = {"model": model, "prompt": prompt, "resolution": resolution}
    if duration is not None:
        fields["seconds"] = str(duration)
    if seed is not None:
        fields["seed"] = str(seed)
    pictures = {"input_reference": picture(image)}
    if last_frame is not None:
        pictures["last_frame_url"] = picture(last_frame)
    output = writable(output)  # before a render that could not be kept
    with _server(server) as address, Client(address, key=api_key) as client:
        video = client.create(fields, pictures)
        with _bars() as bars:
            bar = bars.add_task(model, total=100)
            video = client.wait(video["id"], lambda percent: bars.update(bar, completed=percent))
        size_bytes = client.download(f"/v1/videos/{video['id']}/content", output)
    made = f"{output}: {video['size']}, {video['seconds']} s, {size_bytes / 1e6:.1f} MB"
    out.print(Text(made), soft_wrap=True)


@contextmanager
def _server(address: str | None) -> Iterator[str]:
    """A running server's address, or that of one started for this one video."""
    if address is not None:
        yield address
        return
    # Ended by its terminal or by a service manager, it must still end that server.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _leave)
    with tempfile.TemporaryDirectory(prefix="unstill-") as folder, started_server(folder) as own:
        yield own


def _leave(number: int, frame: FrameType | None) -> NoReturn:
    del frame
    raise SystemExit(128 + number)


@contextmanager
def started_server(data_dir: str) -> Iterator[str]:
    """`unstill serve` on a free port of this machine; ended when the block is left."""
    command = [sys.executable, "-m", "unstill", "serve", "--data-dir", data_dir]
    # Whatever an unstill.toml here says: this server is for this machine, and open.
    command += ["--host", "127.0.0.1", "--port", "0"]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("UNSTILL_")}
    with (
        tempfile.TemporaryFile("w+") as log,
        subprocess.Popen(  # noqa: S603  - our own program
            command, stdout=subprocess.PIPE, stderr=log, text=True, env=environment
        ) as process,
    ):
        try:
            line = process.stdout.readline() if process.stdout else ""
            if " is ready at " not in line:
                log.seek(0)
                raise OperatorError(_last_line(log.read()) or "the server did not start")
            yield line.split(" is ready at ")[1].split()[0]
        finally:
            _end(process)


def _last_line(log: str) -> str:
    lines = log.strip().splitlines() or [""]
    return lines[-1].removeprefix("unstill: ")


def _end(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.wait(SERVER_ENDS_WITHIN_S)
    except (subprocess.TimeoutExpired, KeyboardInterrupt):
        process.kill()


def _bars() -> Progress:
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
    )
    return Progress(*columns, TimeElapsedColumn(), console=err)


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
    with _settings(config) as settings:
        _list_models(settings)


def _list_models(settings: Settings) -> None:
    likes = {name: model.like for name, model in settings.models.items() if model.like}
    catalogue = Catalogue(likes)
    for name in catalogue.listed():
        card = catalogue.names[name]
        own = settings.models.get(name)
        engines = own.engines if own and own.engines else (settings.server.default_engine,)
        title = Text(f"{name}  ({', '.join(engines)})")
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
    from unstill.doctor import examine  # noqa: PLC0415

    is_well = True
    with _settings(config, data_dir=data_dir) as settings:
        findings = examine(settings)
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


@contextmanager
def _settings(config: Path | None, **command_line: object) -> Iterator[Settings]:
    """The settings; one that turns out wrong in the block is told with the place where it is."""
    try:
        yield read_settings(file=config, environment=os.environ, command_line=command_line)
    except BadSetting as error:
        place = place_of(
            error.setting, file=config, environment=os.environ, command_line=command_line
        )
        if not place:
            raise
        raise BadSetting(error.setting, f"{error.reason} ({place})") from error


def _log_to_stderr(settings: Settings) -> None:
    renderer: structlog.typing.Processor = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    if settings.server.log_format == "json":
        renderer = structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.format_exc_info,
            renderer,
        ],
        logger_factory=structlog.PrintLoggerFactory(cast("TextIO", Forgiving(sys.stderr))),
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
