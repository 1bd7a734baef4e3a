"""The only reader of unstill.toml and `UNSTILL_*`: frozen values, errors that name a setting.

The command line is stronger than the environment, the environment than the file.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any, Literal

import msgspec

from unstill.errors import BadSetting
from unstill.models import CARDS

DEFAULT_FILE = Path("unstill.toml")
ENVIRONMENT_PREFIX = "UNSTILL_"
KEYS_VARIABLE = "UNSTILL_API_KEYS"
CLIENT_KEY_VARIABLE = "UNSTILL_CLIENT_KEY"  # read by `unstill generate`, no setting of the server
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


class ServerSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The `[server]` table; each is also an environment variable, `UNSTILL_` and its name."""

    host: str = "127.0.0.1"
    port: int = 8000
    public_url: str = ""  # empty: the caller's own scheme and host
    data_dir: str = "unstill-data"
    allow_networks: tuple[str, ...] = ()  # CIDRs besides the public internet
    default_engine: str = "camera"  # or "none"
    videos_states: Literal["auto", "unified", "openai"] = "auto"
    link_hours: int = 24
    log_format: Literal["console", "json"] = "console"

    @property
    def networks(self) -> tuple[IPv4Network | IPv6Network, ...]:
        return tuple(ip_network(text.strip()) for text in self.allow_networks)


class CameraSettings(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="camera"
):
    """`[engines.NAME]` of kind camera."""

    slots: int = 0  # renders at once; 0: as many as cores


class ModelSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[models."NAME"]`."""

    like: str = ""  # a canonical id: NAME is the operator's own name for that contract
    engines: tuple[str, ...] = ()  # tried in this order; empty: the default engine


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything the operator decides."""

    server: ServerSettings = ServerSettings()
    engines: dict[str, CameraSettings] = {}
    models: dict[str, ModelSettings] = {}
    api_keys: dict[str, str] = {}  # key -> owner; from the environment only, never from a file


def read_settings(
    *, file: Path | None, environment: Mapping[str, str], command_line: Mapping[str, object]
) -> Settings:
    """The settings in force; raises BadSetting by the name of the first that is wrong."""
    document = _read_file(file)
    table = document.setdefault("server", {})
    if not isinstance(table, dict):
        raise BadSetting("server", "must be a table")
    table |= _from_environment(environment)
    table |= {name: value for name, value in command_line.items() if value is not None}
    settings = _converted(document)
    keys = read_keys(environment.get(KEYS_VARIABLE, ""))
    settings = msgspec.structs.replace(settings, api_keys=keys)
    _check(settings)
    return settings


def read_keys(text: str) -> dict[str, str]:
    """`team-a:sk-1,team-b:sk-2,sk-3` as key -> owner; a bare key's owner is named by its hash."""
    import hashlib  # noqa: PLC0415  - only servers with keys need it

    keys: dict[str, str] = {}
    for part in filter(None, (each.strip() for each in text.split(","))):
        owner, colon, key = part.partition(":")
        if not colon:
            owner, key = f"key-{hashlib.sha256(part.encode()).hexdigest()[:12]}", part
        if not _NAME.fullmatch(owner) or not key:
            # The part itself may hold a key: it stays out of the message.
            raise BadSetting(KEYS_VARIABLE, "must be owner:key, comma-separated")
        if key in keys:
            raise BadSetting("UNSTILL_API_KEYS", f"has the key of {owner} twice")
        keys[key] = owner
    return keys


def _read_file(file: Path | None) -> dict[str, Any]:
    if file is None:
        if not DEFAULT_FILE.exists():
            return {}
        file = DEFAULT_FILE
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadSetting(str(file), f"cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadSetting(str(file), f"is not TOML: {error}") from error


def _from_environment(environment: Mapping[str, str]) -> dict[str, object]:
    known = {field.name: field for field in msgspec.structs.fields(ServerSettings)}
    found: dict[str, object] = {}
    for variable, text in environment.items():
        if not variable.startswith(ENVIRONMENT_PREFIX) or variable in {
            KEYS_VARIABLE,
            CLIENT_KEY_VARIABLE,
        }:
            continue
        field = known.get(variable.removeprefix(ENVIRONMENT_PREFIX).lower())
        if field is None:
            raise BadSetting(variable, "is not a setting of unstill, see the README")
        is_list = field.name == "allow_networks"
        found[field.name] = [t for t in text.split(",") if t.strip()] if is_list else text
    return found


def _converted(document: dict[str, Any]) -> Settings:
    if "api_keys" in document:
        raise BadSetting("api_keys", "keys come from the environment: UNSTILL_API_KEYS")
    for name, engine in document.get("engines", {}).items():
        if isinstance(engine, dict) and engine.get("kind") != "camera":
            raise BadSetting(
                f"engines.{name}.kind", f'must be "camera", got {engine.get("kind")!r}'
            )
    try:
        return msgspec.convert(document, Settings, strict=False)
    except msgspec.ValidationError as error:
        raise _named(error) from error


def _named(error: msgspec.ValidationError) -> BadSetting:
    """msgspec says `Expected ... - at $.server.port`; the setting's name comes first for people."""
    reason, _, where = str(error).partition(" - at `$")
    unknown = re.search(r"unknown field `([^`]+)`", reason)
    setting = where.rstrip("`").lstrip(".")
    if unknown:
        setting = f"{setting}.{unknown[1]}".lstrip(".")
        return BadSetting(setting, "is not a setting of unstill, see the README")
    return BadSetting(setting or "unstill.toml", reason[0].lower() + reason[1:])


def _check(settings: Settings) -> None:
    server = settings.server
    if not 0 <= server.port <= 65_535:
        raise BadSetting("server.port", f"must be 0 to 65535, got {server.port}")
    if server.link_hours < 1:
        raise BadSetting("server.link_hours", f"must be at least 1, got {server.link_hours}")
    if server.public_url and not re.match(r"https?://[^/]+", server.public_url):
        raise BadSetting("server.public_url", "must begin with http:// or https://")
    try:
        _ = server.networks
    except ValueError as error:
        raise BadSetting("server.allow_networks", f"must be CIDRs: {error}") from error
    _check_engines(settings)


def _check_engines(settings: Settings) -> None:
    engines = {"camera", *settings.engines}
    if settings.server.default_engine not in {*engines, "none"}:
        allowed = ", ".join(sorted(engines))
        raise BadSetting("server.default_engine", f'must be one of {allowed}, or "none"')
    for name, engine in settings.engines.items():
        if not _NAME.fullmatch(name):
            raise BadSetting(f"engines.{name}", "must be named in letters, digits, - and _")
        if engine.slots < 0:
            raise BadSetting(f"engines.{name}.slots", f"must be 0 or more, got {engine.slots}")
    known = {name for card in CARDS for name in (card.id, *card.aliases)}
    ids = {card.id for card in CARDS}
    for name, model in settings.models.items():
        where = f'models."{name}"'
        if name not in known and model.like not in ids:
            raise BadSetting(f"{where}.like", f"must be one of {', '.join(sorted(ids))}")
        if name in known and model.like:
            raise BadSetting(f"{where}.like", f"{name} is one of unstill's own names")
        for engine_name in model.engines:
            if engine_name not in engines:
                raise BadSetting(f"{where}.engines", f"names {engine_name!r}, which is no engine")
