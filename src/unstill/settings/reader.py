"""The only reader of unstill.toml and `UNSTILL_*`: frozen values, errors that name a setting.

The command line is stronger than the environment, the environment than the file. What each table
may hold is in a module of its own: settings_server, settings_engines, settings_models,
settings_keys.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from unstill.domain.errors import BadSetting, shown
from unstill.domain.owner import Owner
from unstill.settings.engines import (
    NO_ENGINE,
    REMOTE_KINDS,
    CameraSettings,
    EngineSettings,
    RemoteSettings,
    engines_from,
)
from unstill.settings.keys import (
    CLIENT_KEY_VARIABLE,
    KEYS_VARIABLE,
    SIGNING_VARIABLE,
    read_keys,
    read_webhook_secrets,
)
from unstill.settings.models import ModelSettings, check_engines, models_from
from unstill.settings.server import ANY_ORIGIN, ServerSettings, server_from
from unstill.settings.tables import check_names, did_you_mean, spelt_out, table_of, values_of

__all__ = [
    "ANY_ORIGIN",
    "CLIENT_KEY_VARIABLE",
    "DEFAULT_FILE",
    "KEYS_VARIABLE",
    "NO_ENGINE",
    "REMOTE_KINDS",
    "SIGNING_VARIABLE",
    "CameraSettings",
    "ModelSettings",
    "RemoteSettings",
    "ServerSettings",
    "Settings",
    "read_settings",
]

DEFAULT_FILE = Path("unstill.toml")
ENVIRONMENT_PREFIX = "UNSTILL_"
TABLES = ("server", "engines", "models", "webhooks")
_OWN_VARIABLES = (KEYS_VARIABLE, CLIENT_KEY_VARIABLE, SIGNING_VARIABLE)
_OWN_NAMES = tuple(name.removeprefix(ENVIRONMENT_PREFIX) for name in _OWN_VARIABLES)
_LISTS = frozenset({"allow_networks", "cors_origins"})
_ONLY_IN_ENVIRONMENT = {
    "api_keys": f"keys come from the environment only: {KEYS_VARIABLE}",
    "webhook_secret": f"secrets come from the environment only: {SIGNING_VARIABLE}",
}
_UNQUOTED = re.compile(r"\s*\[\s*models\s*\.\s*([^\"'\]\s]*[^A-Za-z0-9_\-\s.\"'\]][^\"'\]]*)\]")
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")  # its marks of byte order
_LINE = re.compile(r"\(at line (\d+), column \d+\)$")
_CURLY_QUOTES = frozenset("\u2018\u2019\u201c\u201d")
_COLON = re.compile(r"\s*([\w.-]+)\s*:")
_BARE = re.compile(r"\s*([\w.-]+)\s*=\s*([^\s\"'\[{#][^\s#]*)")


class Settings(msgspec.Struct, frozen=True):
    """Everything the operator decides."""

    server: ServerSettings = ServerSettings()
    engines: dict[str, EngineSettings] = {}
    models: dict[str, ModelSettings] = {}
    webhooks: dict[Owner, str] = {}  # owner -> address that is told of the owner's jobs
    api_keys: dict[str, Owner] = {}  # key -> owner; from the environment only, never from a file
    webhook_secrets: tuple[str, ...] = ()  # likewise; each signs


def read_settings(
    *, file: Path | None, environment: Mapping[str, str], command_line: Mapping[str, object]
) -> Settings:
    """The settings in force; raises BadSetting by the name of the first that is wrong."""
    document = _read_file(file)
    server = table_of(document.get("server", {}), "server")
    for name, reason in _ONLY_IN_ENVIRONMENT.items():
        if name in document or name in server:
            raise BadSetting(name, reason)
    _check_tables(document)
    if server.get("cors_origins") == ANY_ORIGIN:
        server = server | {"cors_origins": [ANY_ORIGIN]}
    given = {name: value for name, value in command_line.items() if value is not None}
    values = values_of(ServerSettings, server, "server.") | _from_environment(environment) | given
    settings = Settings(
        server=server_from(values),
        engines=engines_from(document, environment),
        models=models_from(document),
        webhooks=_webhooks(document.get("webhooks", {})),
        api_keys=read_keys(environment.get(KEYS_VARIABLE, "")),
        webhook_secrets=read_webhook_secrets(environment.get(SIGNING_VARIABLE, "")),
    )
    _check_routes(settings)
    return settings


def _read_file(file: Path | None) -> dict[str, Any]:
    if file is None:
        if not DEFAULT_FILE.exists():
            return {}
        file = DEFAULT_FILE
    try:
        data = file.read_bytes()
        # Windows PowerShell's > and Notepad's "Unicode" write UTF-16.
        text = data.decode("utf-16" if data.startswith(_UTF_16) else "utf-8-sig")
        return tomllib.loads(text.replace("\r\n", "\n"))
    except OSError as error:
        raise BadSetting(str(file), f"cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise BadSetting(str(file), f"is not UTF-8, at byte {error.start}: save it so") from error
    except tomllib.TOMLDecodeError as error:
        raise BadSetting(str(file), f"is not TOML: {error}{_mend(text, str(error))}") from error


def _mend(text: str, fault: str) -> str:
    """What the line at fault was to be; without its value, which may be a key."""
    lines = text.splitlines()
    # A model's name often has what TOML takes in quotes only.
    unquoted = next(filter(None, map(_UNQUOTED.match, lines)), None)
    if unquoted is not None:
        return f'; put the name in quotes: [models."{unquoted[1]}"]'
    place = _LINE.search(fault)
    line = lines[int(place[1]) - 1] if place is not None and int(place[1]) <= len(lines) else ""
    if _CURLY_QUOTES & set(line):
        return "; its quotes must be plain ones"
    if match := _COLON.match(line):
        return f"; a setting is written with =: {match[1]} = ..."
    match = _BARE.match(line)
    if match is None:
        return ""
    if match[2].lower() in {"true", "false"}:
        return f"; {match[1]} = {match[2].lower()}, in small letters"
    return f'; a text stands in quotes: {match[1]} = "..."'


def _check_tables(document: Mapping[str, object]) -> None:
    for name in document:
        if name not in TABLES and name in ServerSettings.__struct_fields__:
            raise BadSetting(name, "is not a setting of unstill up here: write it under [server]")
    check_names(document, TABLES, prefix="")


def _from_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    given = {
        variable.removeprefix(ENVIRONMENT_PREFIX).lower(): text
        for variable, text in environment.items()
        if variable.startswith(ENVIRONMENT_PREFIX) and variable not in _OWN_VARIABLES
    }
    known = (*ServerSettings.__struct_fields__, *(name.lower() for name in _OWN_NAMES))
    check_names(given, known, prefix=ENVIRONMENT_PREFIX, spell=str.upper)
    table = given | {
        name: [t.strip() for t in given[name].split(",") if t.strip()]
        for name in _LISTS & given.keys()
    }
    return values_of(ServerSettings, table, ENVIRONMENT_PREFIX, spell=str.upper)


def _webhooks(value: object) -> dict[Owner, str]:
    table = table_of(value, "webhooks")
    for owner, url in table.items():
        if isinstance(url, dict):
            whole = spelt_out(owner, url)
            raise BadSetting(f"webhooks.{owner}", f'put the owner in quotes: "{whole}"')
        if not isinstance(url, str) or not re.match(r"https?://[^/]+", url):
            # Without what came: an address may hold a token.
            raise BadSetting(f"webhooks.{owner}", "must be an address, http:// or https://")
    return {Owner(owner): url for owner, url in table.items()}


def _check_routes(settings: Settings) -> None:
    engines = {"camera", *settings.engines}
    default = settings.server.default_engine
    if default not in {*engines, NO_ENGINE}:
        allowed = f'must be one of {", ".join(sorted(engines))}, or "{NO_ENGINE}"'
        near = did_you_mean(default, engines)
        raise BadSetting("server.default_engine", f"{allowed}, got {shown(default)}{near}")
    remotes = {n for n, each in settings.engines.items() if isinstance(each, RemoteSettings)}
    check_engines(settings.models, engines, engines - remotes)
