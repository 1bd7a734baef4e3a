"""The `[engines.NAME]` tables."""

from __future__ import annotations

from collections.abc import Mapping
from math import isnan
from typing import Literal
from urllib.parse import urlsplit

import msgspec

from unstill.domain.errors import BadSetting, shown
from unstill.models.catalogue import CARDS
from unstill.settings.keys import upstream_key
from unstill.settings.models import OF_CARDS, canonical_id
from unstill.settings.tables import NAME, did_you_mean, dotted, spelt_out, table_of, values_of
from unstill.upstreams.vocabulary import OwnWords, check_own

REMOTE_KINDS = ("dashscope", "modelverse", "openai_videos")
MOST_SLOTS = 256  # a process each
MOST_POLL_INTERVAL_S = 3600.0
NO_ENGINE = "none"  # as `default_engine`


class CameraSettings(msgspec.Struct, frozen=True):
    """`[engines.NAME]` of kind camera."""

    slots: int = 0  # renders at once; 0: as many as cores


class RemoteSettings(msgspec.Struct, frozen=True):
    """`[engines.NAME]` of a kind that asks somebody else's server."""

    base_url: str  # ends where the upstream's own documents end it
    kind: Literal["dashscope", "modelverse", "openai_videos"] = "dashscope"
    server: Literal["openai", "unified", "sglang", "vllm-omni"] = "openai"  # openai_videos has it
    api_key: str = ""  # "env:NAME" takes it from the environment
    models: dict[str, str] = {}  # canonical id -> upstream model, over the engine's own choice
    poll_interval_s: float = 0.0  # 0: as the upstream advises
    free_to_repeat: bool = False  # a job that the upstream loses may be sent again
    proxy: str = ""  # that all its calls go through; empty: none
    words: OwnWords = OwnWords()  # how the server writes, where it writes as no other


EngineSettings = CameraSettings | RemoteSettings


def engines_from(
    document: Mapping[str, object], environment: Mapping[str, str]
) -> dict[str, EngineSettings]:
    """Raises BadSetting."""
    return {
        name: _engine(name, engine, environment)
        for name, engine in table_of(document.get("engines", {}), "engines").items()
    }


def _engine(name: str, value: object, environment: Mapping[str, str]) -> EngineSettings:
    where = f"engines.{name}"
    if not NAME.fullmatch(name) or name == NO_ENGINE:
        reason = f'must be named in letters, digits, - and _, and not "{NO_ENGINE}"'
        raise BadSetting(where, reason)
    table = dict(table_of(value, where))
    kind = table.get("kind")
    if kind == "camera":
        del table["kind"]
        return _camera(CameraSettings(**values_of(CameraSettings, table, f"{where}.")), where)
    if kind not in REMOTE_KINDS:
        _refuse_kind(table, where)
    if name == "camera":
        raise BadSetting(f"{where}.kind", "must be camera: give another kind another name")
    return _remote(table, where, environment)


def _refuse_kind(table: Mapping[str, object], where: str) -> None:
    if "kind" not in table and (rest := dotted(table)) is not None:
        name = f"{where}.{rest}".removeprefix("engines.")
        raise BadSetting(where, f"must be named without dots, got {name}")
    kinds = ("camera", *REMOTE_KINDS)
    kind = table.get("kind")
    reason = f"must be {' or '.join(kinds)}, got {shown(kind)}{did_you_mean(kind, kinds)}"
    raise BadSetting(f"{where}.kind", reason)


def _camera(camera: CameraSettings, where: str) -> CameraSettings:
    if camera.slots < 0:
        raise BadSetting(f"{where}.slots", f"must be 0 or more, got {camera.slots}")
    if camera.slots > MOST_SLOTS:
        raise BadSetting(f"{where}.slots", f"must be at most {MOST_SLOTS}, got {camera.slots}")
    return camera


def _remote(
    table: Mapping[str, object], where: str, environment: Mapping[str, str]
) -> RemoteSettings:
    models = table.get("models")
    for name, upstream in models.items() if isinstance(models, dict) else ():
        if isinstance(upstream, dict):
            whole = spelt_out(name, upstream)
            raise BadSetting(f"{where}.models", f'put the name in quotes: "{whole}"')
    # Names first: a base_url with a slip in its own is no missing one.
    plain = {name: value for name, value in table.items() if name != "words"}
    values = values_of(RemoteSettings, {"base_url": "", **plain}, f"{where}.")
    remote = RemoteSettings(**values, words=_words(table.get("words", {}), f"{where}.words"))
    if not remote.base_url:
        raise BadSetting(f"{where}.base_url", "is needed: the address that the engine asks")
    if remote.kind != "openai_videos" and "server" in table:
        raise BadSetting(f"{where}.server", "is of kind openai_videos only")
    if remote.proxy:
        _check_proxy(remote.proxy, f"{where}.proxy")
    if isnan(remote.poll_interval_s) or remote.poll_interval_s < 0:
        raise BadSetting(f"{where}.poll_interval_s", "must be 0 or more")
    if remote.poll_interval_s > MOST_POLL_INTERVAL_S:
        reason = f"must be at most {MOST_POLL_INTERVAL_S:g}, got {remote.poll_interval_s:g}"
        raise BadSetting(f"{where}.poll_interval_s", reason)
    return msgspec.structs.replace(
        remote,
        api_key=upstream_key(remote.api_key, f"{where}.api_key", environment),
        models=_mapping(remote.models, where),
    )


def _check_proxy(proxy: str, setting: str) -> None:
    # Without what came: it may hold a password.
    try:
        url = urlsplit(proxy)
        is_proxy = url.scheme == "http" and bool(url.hostname) and url.port != 0
    except ValueError:
        is_proxy = False
    if not is_proxy or url.path not in ("", "/") or url.query or url.fragment:
        raise BadSetting(setting, "must be http://host:port, also with user:password@ before host")


def _words(value: object, where: str) -> OwnWords:
    words = OwnWords(**values_of(OwnWords, table_of(value, where), f"{where}."))
    check_own(words, where)
    return words


def _mapping(models: Mapping[str, str], where: str) -> dict[str, str]:
    """Canonical id -> upstream model."""
    mapping: dict[str, str] = {}
    for name, upstream in models.items():
        setting = f'{where}.models."{name}"'
        model = canonical_id(name)
        if model is None:
            ids = sorted(card.id for card in CARDS)
            near = did_you_mean(name, OF_CARDS)
            raise BadSetting(setting, f"must be one of {', '.join(ids)}, got {shown(name)}{near}")
        if model in mapping:
            raise BadSetting(setting, f"is {model}, which is there already")
        if not upstream.strip():
            raise BadSetting(setting, "must be the name of an upstream model, got ''")
        mapping[model] = upstream
    return mapping
