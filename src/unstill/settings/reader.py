"""The only reader of unstill.toml and `UNSTILL_*`: frozen values, errors that name a setting.

The command line is stronger than the environment, the environment than the file. What each table
may hold is in a module of its own: server, engines, models, money, keys.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, get_origin

import msgspec

from unstill.domain.errors import BadSetting, shown
from unstill.domain.owner import Owner
from unstill.domain.tariff import Tariff
from unstill.models.card import Card
from unstill.models.catalogue import CARDS, Catalogue
from unstill.settings.engines import (
    NO_ENGINE,
    CameraSettings,
    EngineSettings,
    check_called_back,
    checked_engine,
)
from unstill.settings.keys import (
    CLIENT_KEY_VARIABLE,
    KEYS_VARIABLE,
    SIGNING_VARIABLE,
    ReadKey,
    read_keys,
    read_webhook_secrets,
    upstream_key,
)
from unstill.settings.models import ModelSettings, check_engines, checked_models
from unstill.settings.money import MoneySettings
from unstill.settings.server import ANY_ORIGIN, ServerSettings, checked_server
from unstill.settings.tables import converted, did_you_mean, secret, unknown
from unstill.settings.tariff import tariff_of

DEFAULT_FILE = Path("unstill.toml")
ENVIRONMENT_PREFIX = "UNSTILL_"
_OWN_VARIABLES = (KEYS_VARIABLE, CLIENT_KEY_VARIABLE, SIGNING_VARIABLE)
_OWN_NAMES = tuple(name.removeprefix(ENVIRONMENT_PREFIX).lower() for name in _OWN_VARIABLES)
_ONLY_IN_ENVIRONMENT = {
    "api_keys": f"keys come from the environment only: {KEYS_VARIABLE}",
    "webhook_secret": f"secrets come from the environment only: {SIGNING_VARIABLE}",
    "webhook_secrets": f"secrets come from the environment only: {SIGNING_VARIABLE}",
}
Address = Annotated[str, secret("an address, http:// or https://", r"^https?://[^/]+")]
_UNQUOTED = re.compile(r"\s*\[\s*models\s*\.\s*([^\"'\]\s]*[^A-Za-z0-9_\-\s.\"'\]][^\"'\]]*)\]")
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")  # its marks of byte order
_LINE = re.compile(r"\(at line (\d+), column \d+\)$")
# What a line at fault looks like, and what it was to be; without its value, which may be a key.
_MENDS = (
    (re.compile("[\u2018\u2019\u201c\u201d]"), "; its quotes must be plain ones"),
    (re.compile(r"^\s*([\w.-]+)\s*:"), "; a setting is written with =: {} = ..."),
    (re.compile(r"^\s*([\w.-]+)\s*=\s*True\b"), "; {} = true, in small letters"),
    (re.compile(r"^\s*([\w.-]+)\s*=\s*False\b"), "; {} = false, in small letters"),
    (re.compile(r"^\s*([\w.-]+)\s*=\s*[^\s\"'\[{#]"), '; a text stands in quotes: {} = "..."'),
)


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything the operator decides."""

    server: ServerSettings = ServerSettings()
    engines: dict[str, EngineSettings] = {}
    models: dict[str, ModelSettings] = {}
    money: MoneySettings | None = None  # None: nothing is charged where no table charges either
    webhooks: dict[Owner, Address] = {}  # by owner: what is told of the owner's jobs
    api_keys: dict[str, Owner] = {}  # key -> owner; from the environment only, never from a file
    webhook_secrets: tuple[str, ...] = ()  # likewise; each signs

    def catalogue(self, cards: Sequence[Card] = CARDS) -> Catalogue:
        """All models, with those that the operator gave names of his own."""
        likes = {name: model.like for name, model in self.models.items() if model.like}
        return Catalogue(likes, cards=cards)

    def tariff(self, cards: Sequence[Card] = CARDS) -> Tariff:
        """What is charged. Raises BadSetting."""
        catalogue = self.catalogue(cards)
        return tariff_of(self.money, engines=self.engines, models=self.models, catalogue=catalogue)


def read_settings(
    *,
    file: Path | None,
    environment: Mapping[str, str],
    command_line: Mapping[str, object],
    read_key: ReadKey = upstream_key,
) -> Settings:
    """The settings in force; raises BadSetting by the name of the first that is wrong."""
    written = converted(Settings, _document(file), "")
    options = {name: value for name, value in command_line.items() if value is not None}
    settings = Settings(
        server=_server_in_force(written.server, _variables(environment), options),
        engines={
            name: checked_engine(name, engine, environment, read_key)
            for name, engine in written.engines.items()
        },
        models=checked_models(written.models),
        money=written.money,
        webhooks=written.webhooks,
        api_keys=read_keys(environment.get(KEYS_VARIABLE, "")),
        webhook_secrets=read_webhook_secrets(environment.get(SIGNING_VARIABLE, "")),
    )
    check_called_back(settings.engines, settings.server.public_url)
    _check_routes(settings)
    settings.tariff()
    return settings


def _document(file: Path | None) -> dict[str, Any]:
    document = _read_file(file)
    server = document.get("server", {})
    for name in (*document, *server) if isinstance(server, dict) else ():
        if name in _ONLY_IN_ENVIRONMENT:
            raise BadSetting(name, _ONLY_IN_ENVIRONMENT[name])
        if name in document and name in ServerSettings.__struct_fields__:
            raise BadSetting(name, "is not a setting of unstill up here: write it under [server]")
        if name == "cors_origins" and server[name] == ANY_ORIGIN:
            document["server"] = server | {name: [ANY_ORIGIN]}
    return document


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
    except ValueError as error:  # Python reads no number of thousands of digits
        raise BadSetting(str(file), "has a number without end") from error
    except RecursionError as error:
        raise BadSetting(str(file), "is nested too deeply") from error


def _mend(text: str, fault: str) -> str:
    lines = text.splitlines()
    # A model's name often has what TOML takes in quotes only.
    if unquoted := next(filter(None, map(_UNQUOTED.match, lines)), None):
        return f'; put the name in quotes: [models."{unquoted[1]}"]'
    place = _LINE.search(fault)
    line = lines[int(place[1]) - 1] if place is not None and int(place[1]) <= len(lines) else ""
    found = ((pattern.search(line), mend) for pattern, mend in _MENDS)
    return next((mend.format(*match.groups()) for match, mend in found if match), "")


def _variables(environment: Mapping[str, str]) -> dict[str, Any]:
    """The settings of the server that are variables, by their names in the file."""
    given: dict[str, Any] = {
        variable.removeprefix(ENVIRONMENT_PREFIX).lower(): text
        for variable, text in environment.items()
        if variable.startswith(ENVIRONMENT_PREFIX) and variable not in _OWN_VARIABLES
    }
    fields = {field.name: field.type for field in msgspec.structs.fields(ServerSettings)}
    for name, text in given.items():
        if name not in fields:
            raise unknown(name, (*fields, *_OWN_NAMES), _variable)
        if get_origin(fields[name]) is tuple:
            given[name] = [each.strip() for each in text.split(",") if each.strip()]
    return given


def _variable(name: str) -> str:
    return f"{ENVIRONMENT_PREFIX}{name.upper()}"


def _server_in_force(
    written: ServerSettings, variables: Mapping[str, Any], options: Mapping[str, object]
) -> ServerSettings:
    values = {**msgspec.structs.asdict(written), **variables, **options}
    try:
        server = converted(ServerSettings, values, "server")
    except BadSetting as error:
        name = error.setting.removeprefix("server.")
        if name in options:
            raise
        raise BadSetting(_variable(name), error.reason) from error
    return checked_server(server)


def _check_routes(settings: Settings) -> None:
    engines = {"camera", *settings.engines}
    default = settings.server.default_engine
    if default not in {*engines, NO_ENGINE}:
        allowed = f'must be one of {", ".join(sorted(engines))}, or "{NO_ENGINE}"'
        near = did_you_mean(default, engines)
        raise BadSetting("server.default_engine", f"{allowed}, got {shown(default)}{near}")
    cameras = {n for n, each in settings.engines.items() if isinstance(each, CameraSettings)}
    check_engines(settings.models, engines, {"camera", *cameras})
