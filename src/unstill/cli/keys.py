"""The command line's part for API keys: who is let in, as whom, until when.

Each command works beside a running server, which knows within two seconds, and without one.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from ipaddress import ip_interface, ip_network
from pathlib import Path
from typing import Annotated

import msgspec
import structlog
import typer
from rich.console import Console
from rich.text import Text

from unstill.cli.settings_options import ConfigOption, DataDirOption, folder_of, settings_of
from unstill.domain.api_key import (
    ID,
    ApiKey,
    KeyState,
    digest_of,
    found,
    free_name,
    is_taken,
    new_key,
    new_key_id,
)
from unstill.domain.caller import Scope
from unstill.domain.errors import BadSetting, OperatorError, shown
from unstill.domain.owner import Owner
from unstill.domain.request import GivenValue
from unstill.models.catalogue import Catalogue
from unstill.settings.tables import NAME
from unstill.store.embedded import keys as key_rows
from unstill.store.embedded.keys_beside import changing_keys_in, keys_in
from unstill.system.clock import clock_ms

app = typer.Typer(help="API keys: who is let in, as whom, until when.", no_args_is_help=True)
out = Console(highlight=False)
err = Console(stderr=True, highlight=False)

MOST_NAME_CHARS = 64
_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_SPAN = re.compile(r"(\d{1,9})([smhd])")
_LAST_MS = int(datetime(9999, 1, 1, tzinfo=UTC).timestamp() * 1000)

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
    data_dir: DataDirOption = None,
    config: ConfigOption = None,
) -> None:
    """Make a key and print it, this once: only its hash is kept."""
    now_ms, key = clock_ms(), new_key()
    if not NAME.fullmatch(owner):
        raise BadSetting("OWNER", f"must be 1 to 64 letters, digits, - and _, got {shown(owner)}")
    if name is not None:
        check_name(name)
    with settings_of(config, data_dir=data_dir) as settings:
        folder, catalogue = Path(settings.server.data_dir), settings.catalogue()
    row = ApiKey(
        id=new_key_id(),
        name=name or owner,
        owner=Owner(owner),
        digest=digest_of(key.encode()).hex(),
        scope=scope,
        created_ms=now_ms,
        models=None if models is None else models_of(models, catalogue),
        networks=() if networks is None else networks_of(networks),
        expires_ms=None if expires is None else moment_ms_of(expires, now_ms),
    )
    _prepare()
    with changing_keys_in(folder) as connection:
        standing = key_rows.all_keys(connection)
        if name is None:
            row = msgspec.structs.replace(row, name=free_name(standing, row.owner, now_ms))
        elif is_taken(standing, name, now_ms):
            raise BadSetting("--name", f"a key is named {shown(name)} already: revoke or rotate it")
        key_rows.add(connection, row)
    _tell_key(key, f"{row.name} ({row.id}) of {owner}: shown this once", folder)


@app.command("list")
def show(*, data_dir: DataDirOption = None, config: ConfigOption = None) -> None:
    """List all keys, oldest first, those that are revoked or have expired too."""
    folder, now_ms = folder_of(data_dir, config), clock_ms()
    rows = [row_of(key, now_ms) for key in keys_in(folder)]
    if not rows:
        out.print(Text(f"no keys so far in {folder}"), soft_wrap=True)
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
    folder, now_ms = folder_of(data_dir, config), clock_ms()
    _check_there(folder, which)
    with changing_keys_in(folder) as connection:
        key = _known(key_rows.all_keys(connection), which, now_ms, folder)
        if key.revoked_ms is None:
            key_rows.revoke(connection, key.id, now_ms)
    since = "" if key.revoked_ms is None else f" since {_told(key.revoked_ms)}"
    out.print(Text(f"{key.name} ({key.id}) of {key.owner} is revoked{since}"), soft_wrap=True)


@app.command()
def rotate(
    which: WhichArgument, *, data_dir: DataDirOption = None, config: ConfigOption = None
) -> None:
    """Make another key in place of this one, and print it, this once; the old one stops."""
    folder, now_ms, new = folder_of(data_dir, config), clock_ms(), new_key()
    _check_there(folder, which)
    with changing_keys_in(folder) as connection:
        key = _known(key_rows.all_keys(connection), which, now_ms, folder)
        standing = key.state(now_ms)
        if standing is not KeyState.GOOD:
            what = "is revoked" if standing is KeyState.REVOKED else "has expired"
            mend = f"make a new one: unstill keys create {key.owner}"
            raise OperatorError(f"{key.name} ({key.id}) {what}; {mend}")
        key_rows.rotate(connection, key.id, digest_of(new.encode()).hex(), now_ms)
    _tell_key(
        new, f"{key.name} ({key.id}) of {key.owner}: shown this once, the old one stops", folder
    )


_HEADS = ("name", "id", "owner", "scope", "expires", "last used", "models", "networks")


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
    return key.name, key.id, key.owner, key.scope.value, expires, used, models, networks


def _told(moment_ms: int | None) -> str:
    if moment_ms is None:
        return "never"
    return datetime.fromtimestamp(moment_ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _tell_key(key: str, about: str, folder: Path) -> None:
    # Plain and alone, so that `$(unstill keys create ...)` is the key.
    sys.stdout.write(f"{key}\n")
    sys.stdout.flush()
    err.print(Text(f"{about}; in {folder}"), soft_wrap=True)


def _prepare() -> None:
    """What makes a store may say so, and not where the key is said; its files are private."""
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    os.umask(0o077)


def _check_there(folder: Path, which: str) -> None:
    """Without a key nothing is made, no store either. Raises OperatorError."""
    if not keys_in(folder):
        raise OperatorError(f"no key {shown(which)}: there are none in {folder}")


def _known(keys: Sequence[ApiKey], which: str, now_ms: int, folder: Path) -> ApiKey:
    key = found(keys, which, now_ms)
    if key is None:
        names = ", ".join(dict.fromkeys(each.name for each in keys))
        raise OperatorError(f"no key {shown(which)} in {folder}; there are: {names}")
    return key


def check_name(name: str) -> None:
    is_plain = name.isprintable() and name == name.strip() and not name.startswith("-")
    if not is_plain or not 0 < len(name) <= MOST_NAME_CHARS or ID.fullmatch(name):
        allowed = f"1 to {MOST_NAME_CHARS} printable characters, and no key's id"
        raise BadSetting("--name", f"must be {allowed}, got {shown(name)}")


def models_of(text: str, catalogue: Catalogue) -> tuple[str, ...]:
    """The models by their names in the list; raises UnknownModel."""
    names = _parts("--models", text)
    cards = [catalogue.card(GivenValue("--models", each))[0] for each in names]
    return tuple(dict.fromkeys(map(catalogue.listed_as, cards)))


def networks_of(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(_network(each) for each in _parts("--networks", text)))


def _network(text: str) -> str:
    try:
        network = ip_network(text, strict=False)
    except ValueError as error:
        reason = f"must be CIDRs: {shown(text)} is none, 10.20.0.0/16 is one"
        raise BadSetting("--networks", reason) from error
    if network.network_address != ip_interface(text).ip:
        reason = f"must be CIDRs: {text} is an address in one; did you mean {network}?"
        raise BadSetting("--networks", reason)
    return str(network)


def _parts(option: str, text: str) -> list[str]:
    parts = list(filter(None, (each.strip() for each in text.split(","))))
    if not parts:
        raise BadSetting(option, "must name at least one; leave it out for any")
    return parts


def moment_ms_of(text: str, now_ms: int) -> int:
    """When a key ends, in Unix milliseconds; a time without a zone is in UTC."""
    allowed = "an ISO 8601 time, or a time from now such as 90d, 12h, 30m or 30s"
    if match := _SPAN.fullmatch(text.strip()):
        moment_ms = now_ms + int(match[1]) * _UNITS_S[match[2]] * 1000
    else:
        try:
            moment = datetime.fromisoformat(text.strip())
        except ValueError as error:
            raise BadSetting("--expires", f"must be {allowed}, got {shown(text)}") from error
        zoned = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        moment_ms = int(zoned.timestamp() * 1000)
    if not now_ms < moment_ms < _LAST_MS:
        raise BadSetting(
            "--expires", f"must be to come, and before the year 9999, got {shown(text)}"
        )
    return moment_ms
