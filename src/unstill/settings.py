"""The only reader of unstill.toml and `UNSTILL_*`: frozen values, errors that name a setting.

The command line is stronger than the environment, the environment than the file.
"""

from __future__ import annotations

import binascii
import re
import tomllib
from base64 import b64decode
from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import msgspec

from unstill.engines.words import OwnWords, check_own
from unstill.errors import BadSetting, shown
from unstill.models import CARDS

DEFAULT_FILE = Path("unstill.toml")
ENVIRONMENT_PREFIX = "UNSTILL_"
KEYS_VARIABLE = "UNSTILL_API_KEYS"
CLIENT_KEY_VARIABLE = "UNSTILL_CLIENT_KEY"  # read by `unstill generate`, no setting of the server
SIGNING_VARIABLE = "UNSTILL_WEBHOOK_SECRET"
_OWN_VARIABLES = (KEYS_VARIABLE, CLIENT_KEY_VARIABLE, SIGNING_VARIABLE)
_OWN_NAMES = tuple(name.removeprefix(ENVIRONMENT_PREFIX) for name in _OWN_VARIABLES)
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
ANY_ORIGIN = "*"
# RFC 6454, 6.2, as a browser writes it; the schemes of desktop and mobile shells too.
_ORIGIN = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.-]*://)(?P<host>[a-z0-9._-]+|\[[0-9a-f:.]+\])(?P<port>:\d{1,5})?"
)
_DEFAULT_PORTS = {"http://": ":80", "https://": ":443"}
_WHSEC = "whsec_"
_SECRET_BYTES = (24, 64)  # Standard Webhooks, "signature scheme" (read 2026-11-20)


class ServerSettings(msgspec.Struct, frozen=True):
    """The `[server]` table; each is also an environment variable, `UNSTILL_` and its name."""

    host: str = "127.0.0.1"
    port: int = 8000
    public_url: str = ""  # empty: the caller's own scheme and host
    data_dir: str = "unstill-data"
    allow_networks: tuple[str, ...] = ()  # CIDRs besides the public internet
    cors_origins: tuple[str, ...] = ()  # of web pages that may call; "*": any
    default_engine: str = "camera"  # or "none"
    videos_states: Literal["auto", "unified", "openai"] = "auto"
    link_hours: int = 24
    log_format: Literal["console", "json"] = "console"

    @property
    def networks(self) -> tuple[IPv4Network | IPv6Network, ...]:
        return tuple(ip_network(text.strip()) for text in self.allow_networks)


REMOTE_KINDS = ("dashscope", "modelverse", "openai_videos")


class CameraSettings(msgspec.Struct, frozen=True):
    """`[engines.NAME]` of kind camera."""

    slots: int = 0  # renders at once; 0: as many as cores


class RemoteSettings(msgspec.Struct, frozen=True):
    """`[engines.NAME]` of a kind that asks somebody else's server."""

    base_url: str  # ends where the upstream's own documents end it
    kind: Literal["dashscope", "modelverse", "openai_videos"] = "dashscope"
    server: Literal["openai", "unified", "sglang", "vllm-omni"] = "openai"  # of openai_videos
    api_key: str = ""  # "env:NAME" takes it from the environment
    models: dict[str, str] = {}  # canonical id -> upstream model, over the engine's own choice
    poll_interval_s: float = 0.0  # 0: as the upstream advises
    free_to_repeat: bool = False  # a job that the upstream loses may be sent again
    words: OwnWords = OwnWords()  # how the server writes, where it writes as no other


class ModelSettings(msgspec.Struct, frozen=True):
    """`[models."NAME"]`."""

    like: str = ""  # a canonical id: NAME is the operator's own name for that contract
    engines: tuple[str, ...] = ()  # tried in this order; empty: the default engine


class Settings(msgspec.Struct, frozen=True):
    """Everything the operator decides."""

    server: ServerSettings = ServerSettings()
    engines: dict[str, CameraSettings | RemoteSettings] = {}
    models: dict[str, ModelSettings] = {}
    webhooks: dict[str, str] = {}  # owner -> address that is told of the owner's jobs
    api_keys: dict[str, str] = {}  # key -> owner; from the environment only, never from a file
    webhook_secrets: tuple[str, ...] = ()  # likewise; each signs


def read_settings(
    *, file: Path | None, environment: Mapping[str, str], command_line: Mapping[str, object]
) -> Settings:
    """The settings in force; raises BadSetting by the name of the first that is wrong."""
    document = _read_file(file)
    server = _table(document.get("server", {}), "server")
    if "api_keys" in document or "api_keys" in server:
        raise BadSetting("api_keys", f"keys come from the environment only: {KEYS_VARIABLE}")
    if "webhook_secret" in document or "webhook_secret" in server:
        reason = f"secrets come from the environment only: {SIGNING_VARIABLE}"
        raise BadSetting("webhook_secret", reason)
    _check_names(document, ("server", "engines", "models", "webhooks"), prefix="")
    given = {name: value for name, value in command_line.items() if value is not None}
    if server.get("cors_origins") == ANY_ORIGIN:
        server = server | {"cors_origins": [ANY_ORIGIN]}
    values = _values(ServerSettings, server, "server.") | _from_environment(environment) | given
    settings = Settings(
        server=ServerSettings(**values),
        engines={
            name: _engine(engine, f"engines.{name}", environment)
            for name, engine in _table(document.get("engines", {}), "engines").items()
        },
        models={
            name: _model(model, f'models."{name}"')
            for name, model in _table(document.get("models", {}), "models").items()
        },
        webhooks=_webhooks(document.get("webhooks", {})),
        api_keys=read_keys(environment.get(KEYS_VARIABLE, "")),
        webhook_secrets=read_webhook_secrets(environment.get(SIGNING_VARIABLE, "")),
    )
    _check(settings)
    return settings


def read_keys(text: str) -> dict[str, str]:
    """`team-a:sk-1,team-b:sk-2,sk-3` as key -> owner; a bare key's owner is named by its hash."""
    import hashlib  # noqa: PLC0415  - only servers with keys need it

    keys: dict[str, str] = {}
    for part in filter(None, (each.strip() for each in text.split(","))):
        owner, colon, key = (each.strip() for each in part.partition(":"))
        if not colon:
            owner, key = f"key-{hashlib.sha256(part.encode()).hexdigest()[:12]}", part
        if not _NAME.fullmatch(owner) or not key:
            # The part itself may hold a key: it stays out of the message.
            raise BadSetting(
                KEYS_VARIABLE,
                "must be owner:key, comma-separated, owners in letters, digits, - and _",
            )
        if key in keys:
            raise BadSetting(KEYS_VARIABLE, f"has the key of {owner} twice")
        keys[key] = owner
    return keys


def read_webhook_secrets(text: str) -> tuple[str, ...]:
    """`whsec_...,whsec_...`, each with the base64 of 24 to 64 bytes."""
    secrets = tuple(filter(None, (each.strip() for each in text.split(","))))
    least, most = _SECRET_BYTES
    for secret in secrets:
        if not secret.startswith(_WHSEC) or not least <= _decoded_size(secret) <= most:
            # Without what came: it may be a secret with a slip of the pen.
            allowed = f"{_WHSEC} and the base64 of {least} to {most} random bytes"
            raise BadSetting(SIGNING_VARIABLE, f"must be {allowed}, comma-separated")
    return secrets


def _decoded_size(secret: str) -> int:
    """How many bytes a secret has; 0 if it is not base64."""
    try:
        return len(b64decode(secret.removeprefix(_WHSEC), validate=True))
    except (binascii.Error, ValueError):
        return 0


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


def _from_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    given = {
        variable.removeprefix(ENVIRONMENT_PREFIX).lower(): text
        for variable, text in environment.items()
        if variable.startswith(ENVIRONMENT_PREFIX) and variable not in _OWN_VARIABLES
    }
    known = (*ServerSettings.__struct_fields__, *(name.lower() for name in _OWN_NAMES))
    _check_names(given, known, prefix=ENVIRONMENT_PREFIX, spell=str.upper)
    lists = {"allow_networks", "cors_origins"} & given.keys()
    table = given | {
        name: [t.strip() for t in given[name].split(",") if t.strip()] for name in lists
    }
    return _values(ServerSettings, table, ENVIRONMENT_PREFIX, spell=str.upper)


def _engine(
    value: object, where: str, environment: Mapping[str, str]
) -> CameraSettings | RemoteSettings:
    table = dict(_table(value, where))
    kind = table.get("kind")
    if kind == "camera":
        del table["kind"]
        return CameraSettings(**_values(CameraSettings, table, f"{where}."))
    if kind not in REMOTE_KINDS:
        allowed = " or ".join(("camera", *REMOTE_KINDS))
        raise BadSetting(f"{where}.kind", f"must be {allowed}, got {shown(kind)}")
    if not table.get("base_url"):
        raise BadSetting(f"{where}.base_url", "is needed: the address that the engine asks")
    if kind != "openai_videos" and "server" in table:
        raise BadSetting(f"{where}.server", "is of kind openai_videos only")
    words = _words(table.pop("words", {}), f"{where}.words")
    remote = RemoteSettings(**_values(RemoteSettings, table, f"{where}."), words=words)
    return msgspec.structs.replace(remote, api_key=_key(remote.api_key, where, environment))


def _words(value: object, where: str) -> OwnWords:
    words = OwnWords(**_values(OwnWords, _table(value, where), f"{where}."))
    check_own(words, where)
    return words


def _key(api_key: str, where: str, environment: Mapping[str, str]) -> str:
    """The key itself; `env:NAME` keeps it out of the file."""
    variable = api_key.removeprefix("env:")
    if variable == api_key:
        return api_key
    if not environment.get(variable):
        raise BadSetting(f"{where}.api_key", f"the environment variable {variable} is not set")
    return environment[variable]


def _model(value: object, where: str) -> ModelSettings:
    return ModelSettings(**_values(ModelSettings, _table(value, where), f"{where}."))


def _webhooks(value: object) -> dict[str, str]:
    table = _table(value, "webhooks")
    for owner, url in table.items():
        if not isinstance(url, str) or not re.match(r"https?://[^/]+", url):
            # Without what came: an address may hold a token.
            raise BadSetting(f"webhooks.{owner}", "must be an address, http:// or https://")
    return table


def _table(value: object, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise BadSetting(where, f"must be a table, got {shown(value)}")
    return value


def _values(
    struct: type[msgspec.Struct],
    table: Mapping[str, object],
    prefix: str,
    *,
    spell: Callable[[str], str] = str,
) -> dict[str, Any]:
    """The table's values in the types of the struct's fields.

    `prefix` and `spell` make a field's name what the operator calls it. Raises BadSetting.
    """
    fields = {field.name: field for field in msgspec.structs.fields(struct)}
    _check_names(table, fields, prefix=prefix, spell=spell)
    values: dict[str, Any] = {}
    for name, value in table.items():
        try:
            values[name] = msgspec.convert(value, fields[name].type, strict=False)
        except msgspec.ValidationError as error:
            allowed = _allowed(fields[name].type)
            reason = f"must be {allowed}, got {shown(value)}"
            raise BadSetting(prefix + spell(name), reason) from error
    return values


def _check_names(
    table: Iterable[str],
    known: Iterable[str],
    *,
    prefix: str,
    spell: Callable[[str], str] = str,
) -> None:
    for name in table:
        if name not in known:
            close = get_close_matches(name, known, n=1)
            meant = f"did you mean {prefix}{spell(close[0])}?" if close else "see the README"
            raise BadSetting(prefix + spell(name), f"is not a setting of unstill, {meant}")


def _allowed(type_: Any) -> str:
    if get_origin(type_) is Literal:
        return " or ".join(get_args(type_))
    words = {int: "a whole number", float: "a number", str: "text", bool: "true or false"}
    return words.get(type_, "a table of texts" if get_origin(type_) is dict else "a list of texts")


def _check(settings: Settings) -> None:
    server = settings.server
    if not 0 <= server.port <= 65_535:
        raise BadSetting("server.port", f"must be 0 to 65535, got {server.port}")
    if server.link_hours < 1:
        raise BadSetting("server.link_hours", f"must be at least 1, got {server.link_hours}")
    for name in ("host", "data_dir"):
        if not getattr(server, name).strip():
            raise BadSetting(f"server.{name}", "must not be empty")
    if server.public_url and not re.match(r"https?://[^/]+", server.public_url):
        raise BadSetting("server.public_url", "must begin with http:// or https://")
    for origin in server.cors_origins:
        _check_origin(origin, server.cors_origins)
    try:
        _ = server.networks
    except ValueError as error:
        raise BadSetting("server.allow_networks", f"must be CIDRs: {error}") from error
    _check_engines(settings)


def _check_origin(origin: str, among: tuple[str, ...]) -> None:
    where = "server.cors_origins"
    if origin == ANY_ORIGIN:
        if len(among) > 1:
            raise BadSetting(where, 'must be "*" alone, or a list without it')
        return
    match = _ORIGIN.match(origin.lower())
    if match is None:
        example = "origins as browsers send them, such as http://localhost:3000"
        raise BadSetting(where, f"must be {example}, got {shown(origin)}")
    port = "" if match["port"] == _DEFAULT_PORTS.get(match["scheme"]) else match["port"] or ""
    sent = match["scheme"] + match["host"] + port
    if sent != origin:
        raise BadSetting(where, f"a browser sends {sent}: write it so, got {shown(origin)}")


def _check_engines(settings: Settings) -> None:
    engines = {"camera", *settings.engines}
    if settings.server.default_engine not in {*engines, "none"}:
        allowed = ", ".join(sorted(engines))
        raise BadSetting("server.default_engine", f'must be one of {allowed}, or "none"')
    for name, engine in settings.engines.items():
        if not _NAME.fullmatch(name):
            raise BadSetting(f"engines.{name}", "must be named in letters, digits, - and _")
        if isinstance(engine, CameraSettings) and engine.slots < 0:
            raise BadSetting(f"engines.{name}.slots", f"must be 0 or more, got {engine.slots}")
        if isinstance(engine, RemoteSettings):
            _check_remote(engine, f"engines.{name}")
    _check_models(settings, engines)


def _check_remote(engine: RemoteSettings, where: str) -> None:
    if engine.poll_interval_s < 0:
        raise BadSetting(f"{where}.poll_interval_s", "must be 0 or more")
    ids = sorted(card.id for card in CARDS)
    for name in engine.models:
        if name not in ids:
            allowed = ", ".join(ids)
            raise BadSetting(f'{where}.models."{name}"', f"must be one of {allowed}")


def _check_models(settings: Settings, engines: Iterable[str]) -> None:
    known = {name for card in CARDS for name in (card.id, *card.aliases)}
    folded = {name.casefold() for name in known}  # callers' spelling of a name is lenient
    ids = sorted(card.id for card in CARDS)
    for name, model in settings.models.items():
        where = f'models."{name}"'
        if name not in known and model.like not in ids:
            allowed = ", ".join(ids)
            raise BadSetting(f"{where}.like", f"must be one of {allowed}, got {shown(model.like)}")
        if name.casefold() in folded and model.like:
            raise BadSetting(f"{where}.like", f"{name} is one of unstill's own names")
        for engine_name in model.engines:
            if engine_name not in engines:
                raise BadSetting(f"{where}.engines", f"names {engine_name!r}, which is no engine")
        for engine_name in model.engines[1:]:
            if _is_camera(settings, engine_name):
                # It is no generative model: what it makes is no stand-in for what was paid for.
                reason = f"{engine_name} may only come first: no job falls through to a camera"
                raise BadSetting(f"{where}.engines", reason)


def _is_camera(settings: Settings, name: str) -> bool:
    return isinstance(settings.engines.get(name, CameraSettings()), CameraSettings)
