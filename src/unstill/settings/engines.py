"""The `[engines.NAME]` tables."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Literal, Union, cast, get_args

import msgspec
from msgspec import Meta

from unstill.domain.errors import BadSetting, shown
from unstill.settings.keys import ReadKey
from unstill.settings.models import canonical_id
from unstill.settings.money import CostSettings, Currency
from unstill.settings.paths import path_of
from unstill.settings.proxies import check_proxy
from unstill.settings.tables import NAME
from unstill.upstreams.vocabulary import OwnWords, check_own

NO_ENGINE = "none"  # as `default_engine`
DIRECT = "direct"  # as an engine's `proxy`
_DEVICE = re.compile(r"cpu|cuda:(?:0|[1-9]\d{0,2})")
Guidance = Annotated[float, Meta(ge=0, le=30)]


CPU = "cpu"  # a device


class _OfKind(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", forbid_unknown_fields=True
):
    """`[engines.NAME]`; a kind of engine is a class with its tag, named in `EngineSettings`."""

    currency: Currency = ""  # its costs are in it; empty: the house's
    costs: dict[str, CostSettings] = {}  # by the upstream's name of the model

    @property
    def kind(self) -> str:
        return str(self.__struct_config__.tag)


class LocalSettings(_OfKind, frozen=True):
    """What all kinds are that render on this machine."""


class CameraSettings(LocalSettings, frozen=True, tag="camera"):
    slots: Annotated[int, Meta(ge=0, le=256)] = 0  # processes that render; 0: as many as cores
    loop: bool = False  # each video's last frame meets its first
    compatible: bool = False  # videos for players that know no B-frames
    depth_model: str = ""  # an ONNX file that says what is near; empty: it is guessed


class DiffusersSettings(LocalSettings, frozen=True, kw_only=True, tag="diffusers"):
    # From the folder that the server is started in.
    path: Annotated[str, Meta(description="a folder of weights, with model_index.json in it")]
    devices: tuple[str, ...] = ()  # empty: every CUDA device, else see `allow_cpu`
    allow_cpu: bool = False  # where there is no CUDA device
    memory: Literal["auto", "resident", "block-offload", "block-offload-fp8"] = "auto"
    attention: Literal[
        "auto",
        "native",
        "cudnn",
        "flash",
        "flash-3",
        "efficient",
        "math",
        "flex",
        "xformers",
        "sage",
    ] = "auto"
    compile: bool = False
    # For the first expert and for the second.
    lora: Annotated[tuple[str, ...], Meta(max_length=2, description="a list of at most two")] = ()
    # 0, and without a value: as its folder is made for.
    steps: Annotated[int, Meta(ge=0, le=200)] = 0
    guidance: Guidance | None = None
    guidance_2: Guidance | None = None
    shift: Annotated[float, Meta(gt=0, le=20)] | None = None
    fps: Annotated[int, Meta(ge=0, le=60)] = 0  # 0: the rate that it was trained at
    idle_unload_s: Annotated[float, Meta(ge=0)] = 0.0  # 0: never
    models: tuple[str, ...] = ()  # canonical ids; empty: the engine's own choice


class RemoteSettings(_OfKind, frozen=True):
    """What all kinds have that ask somebody else's server."""

    # It ends where the upstream's own documents end it.
    base_url: Annotated[str, Meta(min_length=1, description="the address that the engine asks")]
    api_key: str = ""  # "env:NAME" takes it from the environment
    models: dict[str, str] = {}  # canonical id -> upstream model, over the engine's own choice
    poll_interval_s: Annotated[float, Meta(ge=0, le=3600)] = 0.0  # 0: as the upstream advises
    callbacks: bool = False  # its upstream is asked to call back when a job has news
    callback_secret: str = ""  # by which it signs these; "env:NAME" as for the key
    free_to_repeat: bool = False  # a job that the upstream loses may be sent again
    proxy: str = ""  # that all its calls go through; empty: the server's, DIRECT: none
    words: OwnWords = OwnWords()  # how the server writes, where it writes as no other


class OpenAiVideosSettings(RemoteSettings, frozen=True, tag="openai_videos"):
    server: Literal["openai", "unified", "sglang", "vllm-omni"] = "openai"


class ComfyUiSettings(RemoteSettings, frozen=True, kw_only=True, tag="comfyui"):
    # From the folder that the server is started in.
    graph: Annotated[str, Meta(description="a file, a workflow in ComfyUI's API format")]
    fps: Annotated[int, Meta(ge=1, le=60)] = 16  # frames a second that the graph makes


# Kinds that have nothing of their own to set. Each is the `ENGINE` of `engines/KIND/engine.py`.
HOSTED_KINDS = (
    "dashscope",
    "modelverse",
    "fal",
    "ark",
    "runware",
    "openrouter",
    "minimax",
    "kling",
    "lightx2v",
    "comfy",
)


# Kinds whose upstreams sign their callbacks, and whether by a secret that the operator has of them.
CALLBACK_KINDS: Mapping[str, bool] = {"fal": False, "openrouter": True, "kling": True}


def _hosted(kind: str) -> type[RemoteSettings]:
    settings = msgspec.defstruct(f"Of_{kind}", [], bases=(RemoteSettings,), frozen=True, tag=kind)
    return cast("type[RemoteSettings]", settings)


HOSTED: Mapping[str, type[RemoteSettings]] = {kind: _hosted(kind) for kind in HOSTED_KINDS}

if TYPE_CHECKING:
    EngineSettings = CameraSettings | DiffusersSettings | RemoteSettings
else:
    _REMOTE = (*HOSTED.values(), OpenAiVideosSettings, ComfyUiSettings)
    EngineSettings = Union[(CameraSettings, DiffusersSettings, *_REMOTE)]
ENGINE_KINDS = tuple(str(each.__struct_config__.tag) for each in get_args(EngineSettings))


def local_names(engines: Mapping[str, EngineSettings]) -> frozenset[str]:
    """The engines of this machine, whose jobs cost nothing; `camera` is always one."""
    remotes = {name for name, engine in engines.items() if isinstance(engine, RemoteSettings)}
    return frozenset({"camera", *engines} - remotes)


def checked_engine(
    name: str, engine: EngineSettings, environment: Mapping[str, str], read_key: ReadKey
) -> EngineSettings:
    """What its types do not say of it, its key from the environment; raises BadSetting."""
    where = f"engines.{name}"
    if not NAME.fullmatch(name) or name == NO_ENGINE:
        reason = f'must be named in letters, digits, - and _, and not "{NO_ENGINE}"'
        raise BadSetting(where, reason)
    if name == "camera" and not isinstance(engine, CameraSettings):
        raise BadSetting(f"{where}.kind", "must be camera: give another kind another name")
    if isinstance(engine, DiffusersSettings):
        return _checked_diffusers(engine, where)
    if isinstance(engine, LocalSettings):
        return engine
    if engine.proxy and engine.proxy != DIRECT:
        check_proxy(engine.proxy, f"{where}.proxy")
    check_own(engine.words, f"{where}.words")
    if isinstance(engine, ComfyUiSettings):
        graph = path_of(engine.graph, f"{where}.graph")
        engine = msgspec.structs.replace(engine, graph=graph)
    _check_callbacks(engine, where)
    secret = engine.callback_secret
    return msgspec.structs.replace(
        engine,
        api_key=read_key(engine.api_key, f"{where}.api_key", environment),
        callback_secret=read_key(secret, f"{where}.callback_secret", environment),
        models=_mapping(engine.models, where),
    )


def _check_callbacks(engine: RemoteSettings, where: str) -> None:
    if engine.callbacks and engine.kind not in CALLBACK_KINDS:
        kinds = ", ".join(CALLBACK_KINDS)
        raise BadSetting(f"{where}.callbacks", f"is for kinds that sign theirs: {kinds}")
    needs_secret = engine.callbacks and CALLBACK_KINDS[engine.kind]
    if needs_secret and not engine.callback_secret:
        mend = 'the secret that the upstream signs by, such as "env:NAME"'
        raise BadSetting(f"{where}.callback_secret", f"is needed by callbacks: {mend}")
    if engine.callback_secret and not needs_secret:
        kinds = ", ".join(kind for kind, by_secret in CALLBACK_KINDS.items() if by_secret)
        reason = f"is for callbacks = true of kinds that sign by a secret: {kinds}"
        raise BadSetting(f"{where}.callback_secret", reason)


def check_called_back(engines: Mapping[str, EngineSettings], public_url: str) -> None:
    """Raises BadSetting where upstreams are to call back, and could not do so safely.

    http is for what stands in for an upstream on this machine.
    """
    if re.match(r"https://|http://(127\.\d+\.\d+\.\d+|\[::1\]|localhost)(:|/|$)", public_url):
        return
    for name, engine in engines.items():
        if isinstance(engine, RemoteSettings) and engine.callbacks:
            reason = "needs server.public_url to begin with https://: it is where upstreams call"
            raise BadSetting(f"engines.{name}.callbacks", reason)


def _checked_diffusers(engine: DiffusersSettings, where: str) -> DiffusersSettings:
    setting = f"{where}.devices"
    for place, device in enumerate(engine.devices):
        if not _DEVICE.fullmatch(device):
            reason = f"must be cuda:0, cuda:1 and so on, or cpu, got {shown(device)}"
            raise BadSetting(setting, reason)
        # A CPU has room for several children, a card for one.
        if device in engine.devices[:place] and device != CPU:
            raise BadSetting(setting, f"names {device} twice")
    if CPU in engine.devices and set(engine.devices) != {CPU}:
        reason = "names cpu beside others: a job takes hours there, give it an engine of its own"
        raise BadSetting(setting, reason)
    return msgspec.structs.replace(
        engine,
        path=path_of(engine.path, f"{where}.path"),
        lora=tuple(path_of(each, f"{where}.lora") for each in engine.lora),
        models=_served(engine.models, f"{where}.models"),
    )


def _served(models: Sequence[str], setting: str) -> tuple[str, ...]:
    """Canonical ids, each once."""
    served: list[str] = []
    for name in models:
        model = canonical_id(name, setting)
        if model in served:
            raise BadSetting(setting, f"names {model} twice")
        served.append(model)
    return tuple(served)


def _mapping(models: Mapping[str, str], where: str) -> dict[str, str]:
    """Canonical id -> upstream model."""
    mapping: dict[str, str] = {}
    for name, upstream in models.items():
        setting = f'{where}.models."{name}"'
        model = canonical_id(name, setting)
        if model in mapping:
            raise BadSetting(setting, f"is {model}, which is there already")
        if not upstream.strip():
            raise BadSetting(
                setting, f"must be the name of an upstream model, got {shown(upstream)}"
            )
        mapping[model] = upstream
    return mapping
