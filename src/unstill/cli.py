"""The command line: serve, generate, models, doctor."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import structlog
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from unstill import __version__
from unstill.errors import BadSetting, UnstillError
from unstill.models import Catalogue
from unstill.settings import CLIENT_KEY_VARIABLE, Settings, read_settings

app = typer.Typer(
    name="unstill",
    help="A self-hosted image-to-video server.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
out = Console()
err = Console(stderr=True)

ConfigOption = Annotated[
    Path | None, typer.Option(help="Settings file; ./unstill.toml is read if it is there.")
]
DataDirOption = Annotated[str | None, typer.Option(help="Folder of jobs and videos.")]


def main() -> None:
    """Run a command; an error that somebody can mend is one line, not a trace."""
    try:
        app()
    except UnstillError as error:
        err.print(f"[bold red]unstill:[/] {error.message}", highlight=False)
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
    settings = _settings(config, host=host, port=port, data_dir=data_dir)
    # The heavy parts load here, so that the other commands start at once.
    from unstill.product import Product  # noqa: PLC0415
    from unstill.server.life import Server, listen  # noqa: PLC0415

    _log_to_stderr(settings)
    has_keys = bool(settings.api_keys)
    listener = listen(settings.server.host, settings.server.port, has_keys=has_keys)
    product = Product(settings)
    Server(product.app, product, listener, _say_ready).serve_forever()


def _say_ready(address: str) -> None:
    # The first line of stdout, alone and plain: programs that start a server read it.
    sys.stdout.write(f"unstill {__version__} is ready at {address} (docs: {address}/docs)\n")
    sys.stdout.flush()


@app.command()
def generate(
    image: Annotated[Path, typer.Argument(help="First frame: a photo.", exists=True)],
    prompt: Annotated[str, typer.Argument(help="What should happen.")] = "",
    *,
    output: Annotated[Path, typer.Option("-o", "--output", help="The mp4.")] = Path("out.mp4"),
    model: Annotated[str, typer.Option(help="See `unstill models`.")] = "wan2.7-i2v",
    resolution: Annotated[str, typer.Option(help="480P, 720P or 1080P.")] = "720P",
    duration: Annotated[int | None, typer.Option(help="Seconds.")] = None,
    seed: Annotated[int | None, typer.Option(help="The same seed, the same video.")] = None,
    last_frame: Annotated[Path | None, typer.Option(help="End on this.", exists=True)] = None,
    server: Annotated[str | None, typer.Option(help="A running server's address.")] = None,
    api_key: Annotated[str | None, typer.Option(envvar=CLIENT_KEY_VARIABLE)] = None,
) -> None:
    """Make one video, with a running server or one started for it."""
    from unstill.client import Client  # noqa: PLC0415

    fields = {"model": model, "prompt": prompt, "resolution": resolution}
    if duration is not None:
        fields["seconds"] = str(duration)
    if seed is not None:
        fields["seed"] = str(seed)
    pictures = {"input_reference": image}
    if last_frame is not None:
        pictures["last_frame_url"] = last_frame
    with _server(server) as address, Client(address, key=api_key) as client, _bars() as bars:
        bar = bars.add_task(model, total=100)
        video = client.create(fields, pictures)
        video = client.wait(video["id"], lambda percent: bars.update(bar, completed=percent))
        size_bytes = client.download(f"/v1/videos/{video['id']}/content", output)
    out.print(
        f"{output}: {video['size']}, {video['seconds']} s, {size_bytes / 1e6:.1f} MB",
        highlight=False,
    )


@contextmanager
def _server(address: str | None) -> Iterator[str]:
    """A running server's address, or that of one started for this one video."""
    if address is not None:
        yield address
        return
    with tempfile.TemporaryDirectory(prefix="unstill-") as folder, started_server(folder) as own:
        yield own


@contextmanager
def started_server(data_dir: str) -> Iterator[str]:
    """`unstill serve` on a free port of this machine; ended when the block is left."""
    command = [sys.executable, "-m", "unstill", "serve", "--port", "0", "--data-dir", data_dir]
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
                raise BadSetting("unstill serve", f"did not start: {log.read()[-2000:]}")
            yield line.split(" is ready at ")[1].split()[0]
        finally:
            process.terminate()


def _bars() -> Progress:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
    )
    return Progress(*columns, TimeElapsedColumn(), console=err)


@app.command()
def models(*, config: ConfigOption = None) -> None:
    """List the models, what they take, and the engines behind them."""
    settings = _settings(config)
    likes = {name: model.like for name, model in settings.models.items() if model.like}
    catalogue = Catalogue(likes)
    for name in catalogue.listed():
        card = catalogue.names[name]
        own = settings.models.get(name)
        engines = own.engines if own and own.engines else (settings.server.default_engine,)
        table = Table(title=f"{name}  ({', '.join(engines)})", title_justify="left")
        for column in ("field", "allowed", "default"):
            table.add_column(column)
        for field in card.fields:
            mark = " *" if field.is_required else ""
            default = "" if field.default is None else str(field.default)
            table.add_row(field.name + mark, field.kind.allowed, default)
        out.print(table)
        if card.aliases:
            out.print(f"also: {', '.join(card.aliases)}\n", highlight=False)


@app.command()
def doctor(*, data_dir: DataDirOption = None, config: ConfigOption = None) -> None:
    """Say what works on this machine, and what to install or set where it does not."""
    from unstill.doctor import examine  # noqa: PLC0415

    is_well = True
    for finding in examine(_settings(config, data_dir=data_dir)):
        is_well = is_well and (finding.is_well or not finding.is_needed)
        colour = "green" if finding.is_well else "red" if finding.is_needed else "yellow"
        word = "ok" if finding.is_well else "missing" if finding.is_needed else "absent"
        out.print(f"[{colour}]{word:8}[/] {finding.what}: {finding.detail}", highlight=False)
        if not finding.is_well:
            out.print(f"         {finding.mend}", highlight=False)
    if not is_well:
        raise typer.Exit(1)


def _settings(config: Path | None, **command_line: object) -> Settings:
    return read_settings(file=config, environment=os.environ, command_line=command_line)


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
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        cache_logger_on_first_use=True,
    )
