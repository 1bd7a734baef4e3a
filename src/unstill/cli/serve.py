"""The command line's servers: one that answers and works, and either of it alone."""

from __future__ import annotations

import os
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import structlog
import typer

from unstill import __version__
from unstill.cli.command_stores import store_of
from unstill.cli.log_output import log_to_stderr, say
from unstill.cli.settings_options import ConfigOption, DataDirOption, settings_of
from unstill.cli.temporary_server import FOLLOWS, following_stdin
from unstill.domain.errors import BadSetting
from unstill.domain.server_role import ALL_WORK, NO_WORK, ServerRole, WorkKind
from unstill.settings.reader import Settings
from unstill.settings.server import ANY_ORIGIN, ServerSettings

log = structlog.get_logger()


def serve(
    *,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0 picks a free one.")] = None,
    data_dir: DataDirOption = None,
    config: ConfigOption = None,
    no_work: Annotated[
        bool, typer.Option("--no-work", help="Only answer: workers on the same database work.")
    ] = False,
    follows_stdin: Annotated[bool, typer.Option(FOLLOWS, hidden=True)] = False,
) -> None:
    """Serve the documented image-to-video APIs."""
    with (
        settings_of(config, host=host, port=port, data_dir=data_dir) as settings,
        following_stdin(settings.server.data_dir) if follows_stdin else nullcontext(),
    ):
        if no_work:
            _check_shared(settings.server, "serve --no-work")
        _serve(settings, NO_WORK if no_work else ALL_WORK)


def _serve(settings: Settings, role: ServerRole) -> None:
    # The heavy parts load here, so that the other commands start at once.
    from unstill.product import Product  # noqa: PLC0415
    from unstill.server.lifecycle import Server, listen  # noqa: PLC0415

    log_to_stderr(settings)
    server = settings.server
    has_keys = bool(settings.api_keys) or _has_keys(server)
    if ANY_ORIGIN in server.cors_origins and not has_keys:
        # It was asked for, so it is done; but a page that is open somewhere may spend money now.
        log.warning("any_page_may_call", setting="server.cors_origins", mend="unstill keys create")
    os.umask(0o077)  # whatever its children and libraries make in the data folder is private
    listener = listen(server.host, server.port, has_keys=has_keys)
    product = Product(settings, role=role)
    Server(product.app, product, listener, _say_ready).serve_forever()


def _has_keys(server: ServerSettings) -> bool:
    """Raises StorageFailed of a database that is away: nobody knows then that there are none."""
    store = store_of(server)
    return store.has_keys() or (bool(server.database) and bool(store.all_keys()))


def _say_ready(address: str) -> None:
    say(f"unstill {__version__} is ready at {address} (docs: {address}/docs)")


def worker(
    *,
    lanes: Annotated[
        str | None,
        typer.Option(metavar="LANE,...", help=f"Of {', '.join(WorkKind)}; else all."),
    ] = None,
    engines: Annotated[
        str | None,
        typer.Option(metavar="ENGINE,...", help="Work for these alone: render, calls and polls."),
    ] = None,
    health_file: Annotated[
        Path | None,
        typer.Option(help="Made when it is ready, and touched every 5 seconds while it lives."),
    ] = None,
    data_dir: DataDirOption = None,
    config: ConfigOption = None,
) -> None:
    """Work for the servers on the same database, and open no port."""
    with settings_of(config, data_dir=data_dir) as settings:
        _check_shared(settings.server, "worker")
        known = {"camera", *settings.engines}
        role = ServerRole.of_words(_names(lanes), _names(engines), known=known)
        _work(settings, role, health_file)


def _work(settings: Settings, role: ServerRole, health_file: Path | None) -> None:
    from unstill.cli.worker_process import HealthFile, WorkerProcess  # noqa: PLC0415
    from unstill.product import Product  # noqa: PLC0415

    log_to_stderr(settings)
    os.umask(0o077)
    health = None if health_file is None else HealthFile(health_file)

    def ready() -> None:
        of = [] if role.engines is None else sorted(role.engines)
        lanes = [each for each in WorkKind if each in role.work]
        log.info("worker_ready", lanes=lanes, engines=of or "all")
        whose = f" of {', '.join(of)}" if of else ""
        say(f"unstill {__version__} is ready to work: {', '.join(lanes)}{whose}")

    WorkerProcess(Product(settings, role=role), ready, health).work_until_ended()


def _names(text: str | None) -> list[str]:
    return [] if text is None else [each.strip() for each in text.split(",")]


def _check_shared(server: ServerSettings, command: str) -> None:
    """A data folder is one process's: nobody else could work on its jobs, or see its files."""
    if not server.database:
        reason = f"is needed by unstill {command}, whose jobs are also other servers': set it to"
        raise BadSetting("server.database", f"{reason} postgresql://... of all of them")
    if not server.files:
        reason = f"is needed by unstill {command}, whose jobs' files others see too: set it to"
        raise BadSetting("server.files", f"{reason} s3://... of all of them")
