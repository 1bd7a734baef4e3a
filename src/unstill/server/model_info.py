"""What the list of models tells of each: its fields, its sizes, its engines, where to post."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import isqrt
from typing import Any, Literal

import msgspec

from unstill.dialects.port import Dialect
from unstill.dialects.route import Route
from unstill.domain.money import BilledUnit, PriceBasis, shown_amount
from unstill.domain.request import TierName
from unstill.media.picture_limits import MAX_PIXELS
from unstill.models.card import REGION, Card
from unstill.models.field_kinds import (
    SIZE_LEAST_SIDE_PX,
    SIZE_MOST_RATIO,
    SIZE_STEP_PX,
)
from unstill.models.tiers import NAMED_SIZES
from unstill.service.charging import Charged


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


class RateInfo(msgspec.Struct, frozen=True):
    """An amount for each of a unit, in plain decimals."""

    per: BilledUnit
    amount: str
    engine: str | None  # that makes the video; null: any


class ChargeInfo(msgspec.Struct, frozen=True):
    """What a video is charged with: its model's price, else what its engine costs, else nothing."""

    basis: PriceBasis
    currency: str
    rates: list[RateInfo]  # empty: it is free


class TierInfo(msgspec.Struct, frozen=True):
    """A resolution: its pixels, lying; of an upright frame the sides are exchanged."""

    name: str
    width: int
    height: int
    follows_frame: bool  # the video has the frame's own ratio, at most as many pixels
    sizes: list[str]  # else the one of them that is nearest to the frame's ratio
    charge: ChargeInfo | None  # null: this server counts no money


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


def model_info(
    name: str,
    card: Card,
    *,
    engines: Sequence[EngineInfo],
    dialects: Sequence[Dialect],
    charged: Mapping[TierName, Charged],
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
            tiers=[_tier(card, tier, charged.get(tier)) for tier in card.tiers],
            exact_size=SizeInfo(
                SIZE_LEAST_SIDE_PX,
                card.size_limits.most_side_px,
                step_px=SIZE_STEP_PX,
                most_ratio=SIZE_MOST_RATIO,
                most_pixels=card.size_limits.most_pixels,
            ),
            frame_rate=card.frame_rate,
            frame_side_px=(rule.least_side_px, isqrt(int(MAX_PIXELS * rule.most_ratio))),
            frame_ratio=f"1:{rule.most_ratio:g} to {rule.most_ratio:g}:1",
            usage=list(card.usage),
        ),
    )


def _creates(dialects: Sequence[Dialect]) -> Iterator[tuple[Dialect, Route[Any]]]:
    for dialect in dialects:
        for route in dialect.routes:
            if route.makes_job:
                yield dialect, route


def _post(card: Card, dialect: Dialect, route: Route[Any]) -> Post:
    known = dialect.form_names
    # the last is of every model, where the engine takes it
    fields = (*(field.name for field in card.fields), REGION.name)
    names = {name: known[name] for name in fields if name in known}
    needed = (each for each in route.in_place("header") if each.is_needed)
    headers: dict[str, str] = {each.name: each.schema["enum"][0] for each in needed}
    return Post(dialect.name, route.path, headers, {"model": "model"} | names)


def _tier(card: Card, name: TierName, charged: Charged | None) -> TierInfo:
    sizes = card.tier_sizes.get(name, ())
    widest = sizes[0] if sizes else NAMED_SIZES[name]
    return TierInfo(
        name,
        widest.width,
        widest.height,
        follows_frame=not sizes,
        sizes=[str(size) for size in sizes],
        charge=None if charged is None else _charge(charged),
    )


def _charge(charged: Charged) -> ChargeInfo:
    rates = [
        RateInfo(each.rate.unit, shown_amount(each.rate.millionths), each.engine or None)
        for each in charged.rates
    ]
    return ChargeInfo(charged.basis, charged.currency, rates)
