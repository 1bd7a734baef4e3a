"""The command line's part for API keys: who is let in, as whom, until when.

Each command works beside a running server, which knows within two seconds, and without one.
"""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from typing import Annotated

import structlog
import typer
from rich.console import Console
from rich.text import Text

from unstill.cli.command_stores import store_at, store_of
from unstill.cli.limit_options import (
    NO_LIMIT,
    BytesOption,
    InFlightOption,
    QueueOption,
    RequestsOption,
    SubmitsOption,
    changes_of,
    told,
)
from unstill.cli.settings_options import ConfigOption, DataDirOption, settings_without_keys_of
from unstill.domain.access_errors import NoSuchKey
from unstill.domain.api_key import ApiKey, KeyState, digest_of, new_key, new_key_id
from unstill.domain.caller import Scope
from unstill.domain.errors import BadSetting
from unstill.domain.limits import UNLIMITED, with_changes
from unstill.domain.owner import owner_named
from unstill.service import key_rules
from unstill.store.ports.command_store import CommandStore
from unstill.system.clock import clock_ms

app = typer.Typer(help="API keys: who is let in, as whom, until when.", no_args_is_help=True)
out = Console(highlight=False)
err = Console(stderr=True, highlight=False)

WhichArgument = Annotated[str, typer.Argument(metavar="NAME|ID", help="As `keys list` shows it.")]


@app.command()
def create(
    owner: Annotated[str, typer.Argument(help="Whose jobs its calls make and see.")],
    *,
    name: Annotated[
        str | None, typer.Option(help="What you call it; else its owner's name.")
    ] = None,
    scope: Annotated[Scope, typer.Option(help="admin: what operators may ask, too.")] = Scope.USER,
    models: Annotated[str | None, typer.Option(help="Only these, comma-separated.")] = None,
    networks: Annotated[str | None, typer.Option(help="Only from these CIDRs.")] = None,
    expires: Annotated[
        str | None, typer.Option(help="An ISO 8601 time, or 90d, 12h, 30m, 30s from now.")
    ] = None,
    in_flight: InFlightOption = None,
    submits_per_minute: SubmitsOption = None,
    requests_per_minute: RequestsOption = None,
    queue: QueueOption = None,
    size: BytesOption = None,
    data_dir: DataDirOption = None,
    config: ConfigOption = None,
) -> None:
    """Make a key and print it, this once: only its hash is kept."""
    now_ms, key = clock_ms(), new_key()
    changes = changes_of(
        in_flight=in_flight,
        submits_per_minute=submits_per_minute,
        requests_per_minute=requests_per_minute,
        queue=queue,
        bytes=size,
    )
    with settings_without_keys_of(config, data_dir=data_dir) as settings:
        store, catalogue = store_of(settings.server), settings.catalogue()
    wanted = ApiKey(
        id=new_key_id(),
        name="" if name is None else key_rules.checked_name("--name", name),
        owner=owner_named("OWNER", owner),
        digest=digest_of(key.encode()).hex(),
        scope=scope,
        created_ms=now_ms,
        models=None
        if models is None
        else key_rules.models_of("--models", _parts(models), catalogue),
        networks=() if networks is None else key_rules.networks_of("--networks", _parts(networks)),
        expires_ms=None
        if expires is None
        else key_rules.moment_ms_of("--expires", expires, now_ms),
        limits=with_changes(UNLIMITED, changes),
    )
    _prepare()
    row = store.change_key(key_rules.created(wanted, param="--name"))
    _tell_key(key, f"{row.name} ({row.id}) of {owner}: shown this once", store.place)


@app.command("set")
def change(
    which: WhichArgument,
    *,
    in_flight: InFlightOption = None,
    submits_per_minute: SubmitsOption = None,
    requests_per_minute: RequestsOption = None,
    queue: QueueOption = None,
    size: BytesOption = None,
    data_dir: DataDirOption = None,
    config: ConfigOption = None,
) -> None:
    """Set limits of a key, or take them away with `none`; its owner's hold as well."""
    changes = changes_of(
        in_flight=in_flight,
        submits_per_minute=submits_per_minute,
        requests_per_minute=requests_per_minute,
        queue=queue,
        bytes=size,
    )
    if not changes:
        raise BadSetting("keys set", "nothing to set: name at least one option")
    store, now_ms = store_at(data_dir, config), clock_ms()
    _check_there(store, which)
    key = store.change_key(key_rules.limited(which, changes, now_ms))
    limits = ", ".join(told(key.limits)) or "no limit of its own"
    out.print(Text(f"{key.name} ({key.id}) of {key.owner}: {limits}"), soft_wrap=True)


@app.command("list")
def show(*, data_dir: DataDirOption = None, config: ConfigOption = None) -> None:
    """List all keys, oldest first, those that are revoked or have expired too."""
    store, now_ms = store_at(data_dir, config), clock_ms()
    rows = [row_of(key, now_ms) for key in store.all_keys()]
    if not rows:
        out.print(Text(f"no keys so far in {store.place}"), soft_wrap=True)
        return
    table = [_HEADS, *rows]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for row in table:
        line = "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True))
        out.print(Text(line.rstrip()), soft_wrap=True)


@app.command()
def revoke(
    which: WhichArgument, *, data_dir: DataDirOption = None, config: ConfigOption = None
) -> None:
    """Let nobody in by this key any more; what is open by it ends."""
    store, now_ms = store_at(data_dir, config), clock_ms()
    _check_there(store, which)
    key = store.change_key(key_rules.revoked(which, now_ms))
    since = "" if key.revoked_ms == now_ms else f" since {_told(key.revoked_ms)}"
    out.print(Text(f"{key.name} ({key.id}) of {key.owner} is revoked{since}"), soft_wrap=True)


@app.command()
def rotate(
    which: WhichArgument, *, data_dir: DataDirOption = None, config: ConfigOption = None
) -> None:
    """Make another key in place of this one, and print it, this once; the old one stops."""
    store, now_ms, new = store_at(data_dir, config), clock_ms(), new_key()
    _check_there(store, which)
    digest = digest_of(new.encode()).hex()
    key = store.change_key(key_rules.rotated(which, digest, now_ms))
    _tell_key(
        new,
        f"{key.name} ({key.id}) of {key.owner}: shown this once, the old one stops",
        store.place,
    )


_HEADS = ("name", "id", "owner", "scope", "expires", "last used", "models", "networks", "limits")


def row_of(key: ApiKey, now_ms: int) -> tuple[str, ...]:
    match key.state(now_ms):
        case KeyState.REVOKED:
            expires = f"revoked {_told(key.revoked_ms)}"
        case KeyState.EXPIRED:
            expires = f"expired {_told(key.expires_ms)}"
        case KeyState.GOOD:
            expires = _told(key.expires_ms)
    models = "any" if key.models is None else ",".join(key.models)
    networks = ",".join(key.networks) or "any"
    used = _told(key.used_ms)
    limits = ", ".join(told(key.limits)) or NO_LIMIT
    return key.name, key.id, key.owner, key.scope.value, expires, used, models, networks, limits


def _told(moment_ms: int | None) -> str:
    if moment_ms is None:
        return "never"
    return datetime.fromtimestamp(moment_ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _tell_key(key: str, about: str, place: str) -> None:
    # Plain and alone, so that `$(unstill keys create ...)` is the key.
    sys.stdout.write(f"{key}\n")
    sys.stdout.flush()
    err.print(Text(f"{about}; in {place}"), soft_wrap=True)


def _prepare() -> None:
    """What makes a store may say so, and not where the key is said; its files are private."""
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    os.umask(0o077)


def _check_there(store: CommandStore, which: str) -> None:
    """Without a key nothing is made, no store either. Raises NoSuchKey."""
    if not store.all_keys():
        raise NoSuchKey(which)


def _parts(text: str) -> list[str]:
    return list(filter(None, (each.strip() for each in text.split(","))))
