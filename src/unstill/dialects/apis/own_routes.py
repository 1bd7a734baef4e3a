"""Unstill's own routes: models, health, signed links, the description of the API."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import isqrt
from typing import Any, Literal

import msgspec

from unstill.dialects.openai_errors import Error, enveloped
from unstill.dialects.port import Call, Dialect, Route
from unstill.domain.errors import UnknownModel, UnstillError
from unstill.domain.request import TierName
from unstill.media.picture_limits import MAX_PIXELS
from unstill.models.card import (
    SIZE_MOST_PIXELS,
    SIZE_MOST_RATIO,
    SIZE_SIDES_PX,
    SIZE_STEP_PX,
    Card,
    Tier,
)
from unstill.models.sizes import NAMED_SIZES


class EngineInfo(msgspec.Struct, frozen=True):
    """What renders behind a model name."""

    name: str
    kind: str
    is_generative: bool
    description: str
    refusing_until: int | None  # Unix seconds; its account refuses calls, and is let alone so long


class FieldInfo(msgspec.Struct, frozen=True):
    """One field of a model, under its canonical name."""

    name: str
    required: bool
    default: str | int | bool | None
    allowed: str
    source: str  # the document that the rule is from


class TierInfo(msgspec.Struct, frozen=True):
    """A resolution: its pixels, lying; of an upright frame the sides are exchanged."""

    name: str
    width: int
    height: int
    follows_frame: bool  # the video has the frame's own ratio, at most as many pixels


class SizeInfo(msgspec.Struct, frozen=True):
    """Which exact sizes there are."""

    least_side_px: int
    most_side_px: int
    step_px: int
    most_ratio: float  # the longer side is so many times the shorter
    most_pixels: int


class Post(msgspec.Struct, frozen=True):
    """Where a filled form can be posted as JSON; a dot in a name makes an object."""

    dialect: str
    path: str
    headers: dict[str, str]  # besides key and content type
    names: dict[str, str]  # field -> its name in the body


class Capabilities(msgspec.Struct, frozen=True):
    """What may be asked of a model; `input_schema` is the fields once more as JSON Schema."""

    fields: list[FieldInfo]
    input_schema: dict[str, Any]
    posts: list[Post]
    tiers: list[TierInfo]
    exact_size: SizeInfo
    frame_rate: int
    frame_side_px: tuple[int, int]  # the longest is what the ratio and the pixels allow
    frame_ratio: str
    usage: list[str]


class ModelInfo(msgspec.Struct, frozen=True):
    """OpenAI's model object, with what unstill adds to it."""

    id: str
    object: Literal["model"]
    created: int  # Unix seconds
    owned_by: str
    title: str
    aliases: list[str]
    engines: list[EngineInfo]
    capabilities: Capabilities


class ModelList(msgspec.Struct, frozen=True):
    data: list[ModelInfo]
    object: Literal["list"] = "list"


class Health(msgspec.Struct, frozen=True, omit_defaults=True):
    status: Literal["ok", "stopping", "failing"]
    version: str
    reason: str = ""  # says why it fails
    held: int = 0  # jobs that wait for `unstill jobs release`


class EngineStall(msgspec.Struct, frozen=True):
    """Trouble of an engine on somebody else's server, which its jobs wait out."""

    engine: str
    holds_up: Literal["submits", "polls"]
    code: str
    message: str
    since: int  # Unix seconds


class Ready(msgspec.Struct, frozen=True):
    """What holds up jobs now. The server takes new ones in any case, until it is stopping."""

    status: Literal["ready", "held_up", "stopping"]
    engines: list[EngineStall]
    jobs_held_up: int  # by what is wrong with them alone


class OwnRoutes:
    """The routes that belong to no vendor; errors in OpenAI's envelope."""

    name = "house"
    refusal = Error

    def __init__(self) -> None:
        self.routes = _ROUTES

    def job_id(self, call: Call) -> str:
        return call.path["job_id"]

    def model(
        self, name: str, card: Card, engines: Sequence[EngineInfo], dialects: Sequence[Dialect]
    ) -> ModelInfo:
        rule = card.frame_rule
        return ModelInfo(
            id=name,
            object="model",
            created=card.created,
            owned_by="unstill",
            title=card.title,
            aliases=list(card.aliases) if name == card.id else [],
            engines=list(engines),
            capabilities=Capabilities(
                fields=[
                    FieldInfo(f.name, f.is_required, f.default, f.kind.allowed, f.source)
                    for f in card.fields
                ],
                input_schema=card.schema(),
                posts=[_post(card, dialect, route) for dialect, route in _creates(dialects)],
                tiers=_tiers(card),
                exact_size=SizeInfo(
                    *SIZE_SIDES_PX,
                    step_px=SIZE_STEP_PX,
                    most_ratio=SIZE_MOST_RATIO,
                    most_pixels=SIZE_MOST_PIXELS,
                ),
                frame_rate=card.frame_rate,
                frame_side_px=(rule.least_side_px, isqrt(int(MAX_PIXELS * rule.most_ratio))),
                frame_ratio=f"1:{rule.most_ratio:g} to {rule.most_ratio:g}:1",
                usage=list(card.usage),
            ),
        )

    def error(self, error: UnstillError, request_id: str) -> Error:  # noqa: ARG002  - port's shape
        return enveloped(error)

    def error_status(self, kind: type[UnstillError]) -> int:
        # OpenAI, GET /models/{model}: what is asked for is not there.
        return 404 if issubclass(kind, UnknownModel) else kind.status

    def error_code(self, kind: type[UnstillError]) -> str:
        return kind.code


def _creates(dialects: Sequence[Dialect]) -> Iterator[tuple[Dialect, Route]]:
    for dialect in dialects:
        for route in dialect.routes:
            if route.verb == "submit":
                yield dialect, route


def _post(card: Card, dialect: Dialect, route: Route) -> Post:
    names = {field.name: dialect.form_names[field.name] for field in card.fields}
    headers = dict.fromkeys(route.switches[:1], "enable")
    return Post(dialect.name, route.path, headers, {"model": "model"} | names)


def _tiers(card: Card) -> list[TierInfo]:
    field = card.field("resolution")
    names = field.kind.choices if field is not None and isinstance(field.kind, Tier) else ()
    return [_tier(card, name) for name in names]


def _tier(card: Card, name: TierName) -> TierInfo:
    size = card.tier_sizes.get(name, NAMED_SIZES[name])
    return TierInfo(name, size.width, size.height, follows_frame=name not in card.tier_sizes)


def _models(prefix: str = "") -> tuple[Route, ...]:
    path = f"{prefix}/v1/models"
    return (
        Route("GET", path, "models", "List the models and what they take", (ModelList,)),
        Route("GET", path + "/{model:path}", "model", "Show one model", (ModelInfo,)),
    )


_ROUTES: tuple[Route, ...] = (
    *_models(),
    *_models("/openai"),  # where OpenAI's Azure client asks for them
    Route("GET", "/health", "health", "Say whether the server is well", (Health,), is_open=True),
    Route("GET", "/ready", "ready", "Say what holds up jobs now", (Ready,)),
    Route(
        "GET",
        "/files/{job_id}/{variant}.mp4",
        "link",
        "Download a video by its signed link",
        (),
        query=("expires", "signature"),
        needed=("expires", "signature"),
        is_open=True,
    ),
    Route("GET", "/openapi.json", "openapi", "Describe this API", (), is_open=True),
    Route("GET", "/", "home", "Lead a browser to the page of this API", (), is_open=True),
    Route("GET", "/docs", "docs", "Describe this API as a page", (), is_open=True),
)
