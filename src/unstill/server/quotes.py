"""A quote on the wire: the fields of a create call under their canonical names, and the answer.

A picture is told by its sides alone, as a viewer shows it: the page that asks has it still.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isqrt
from typing import Any

import msgspec

from unstill.dialects.body_fields import WEBHOOK_URL, given_model
from unstill.dialects.body_schemas import wired_schema
from unstill.dialects.call import Call
from unstill.dialects.port import Described
from unstill.dialects.route import Route, Verb
from unstill.domain.access_errors import ModelNotAllowed
from unstill.domain.engine import Engine
from unstill.domain.errors import (
    BadField,
    BadImage,
    BadSetting,
    MissingField,
    ShuttingDown,
    StorageFailed,
    StorageFull,
    UnknownModel,
)
from unstill.domain.money import Charge, PriceBasis, shown_amount
from unstill.domain.request import CreateCall, GivenValue, Role, Size
from unstill.media.picture_limits import MAX_PIXELS
from unstill.models.card import Card
from unstill.models.catalogue import USUAL
from unstill.models.field_kinds import PictureField, Whole
from unstill.models.sizes import Crop, kept_part
from unstill.progress.estimate import Estimate
from unstill.server.account_info import SHOWN_MONEY, BudgetInfo, budgets_info
from unstill.server.admin.bodies import body_with, check_names
from unstill.service.quotes import Quote

# Both prompts at their longest (models/shared_fields.py), in four bytes a character, and the rest.
MOST_BODY_BYTES = 256 * 1024
SHOWN_BODY: dict[str, Any] = {
    "model": USUAL.id,
    "fields": {"prompt": "slow push in", "resolution": "720P", "duration": 5},
    "frames": {"first": {"width": 1600, "height": 1200}},
}

_ROLES: tuple[Role, ...] = ("first", "last")
_SIDE = Whole(least=1, most=MAX_PIXELS)


class QuotedEngine(msgspec.Struct, frozen=True):
    """What would render it. label: its name, and what else it calls itself in answers.

    refusing_until: Unix seconds; its account refuses calls, and is let alone so long.
    """

    name: str
    kind: str
    label: str
    description: str
    is_generative: bool
    refusing_until: int | None


class QuotedCharge(msgspec.Struct, frozen=True):
    """What would be reserved for the whole video, in plain decimals."""

    basis: PriceBasis
    currency: str
    amount: str


class QuoteInfo(msgspec.Struct, frozen=True):
    """What a create call with the same fields and pictures would become; nothing is stored.

    crop: the part of the first picture that is kept, in its pixels; an upstream may cut otherwise.
    charge, budgets: null where the server counts no money. Whether the budgets have room for the
    charge is for the caller to see.
    waiting: how many jobs have their turn before it. expected_end_ms: null where nothing tells.
    ignored: names of fields that would have no effect.
    """

    model: str
    engine: QuotedEngine
    size: Size
    crop: Crop
    duration_s: int
    frame_rate: int
    charge: QuotedCharge | None
    budgets: list[BudgetInfo] | None
    waiting: int | None
    expected_end_ms: int | None
    ignored: list[str]


# --- what is asked -------------------------------------------------------------------------------


def asked_in(call: Call) -> tuple[CreateCall, dict[Role, Size]]:
    """The create call without its pictures, and their sizes.

    Raises BadBody, UnsupportedBody, BadField, MissingField.
    """
    body = body_with(call, ("model", "fields", "frames"))
    fields = _object(body, "fields")
    frames = _object(body, "frames")
    check_names(frames, _ROLES)
    create_call = CreateCall(
        model=given_model(body),
        fields={name: GivenValue(name, value) for name, value in fields.items()},
        frames=(),
        names={},
    )
    sizes = {role: _size(frames[role], role) for role in _ROLES if frames.get(role) is not None}
    return create_call, sizes


def _object(body: Mapping[str, Any], name: str) -> dict[str, Any]:
    value = body.get(name, {})
    if not isinstance(value, dict):
        raise BadField(name, "an object", value)
    return value


def _size(value: object, role: Role) -> Size:
    place = f"frames.{role}"
    if not isinstance(value, dict):
        raise BadField(place, "an object with width and height", value)
    check_names(value, ("width", "height"))
    return Size(_side(value, place, "width"), _side(value, place, "height"))


def _side(frame: Mapping[str, Any], place: str, name: str) -> int:
    param, value = f"{place}.{name}", frame.get(name)
    if value is None:
        raise MissingField(param, f"the picture's {name} in pixels")
    if isinstance(value, str):
        raise BadField(param, _SIDE.allowed, value)
    return _SIDE.read(GivenValue(param, value))


def schema(cards: Sequence[Card]) -> dict[str, Any]:
    return {"oneOf": [_schema_of(card) for card in cards]}


def _schema_of(card: Card) -> dict[str, Any]:
    named = [name for name, each in card.by_name.items() if not isinstance(each.kind, PictureField)]
    wired = wired_schema(card, [(f"fields.{name}", name) for name in named])
    properties = {name: each for name, each in wired["properties"].items() if name != WEBHOOK_URL}
    properties["fields"]["description"] = "By their names in `capabilities.fields` of the model."
    properties["frames"] = _frames_schema(card)
    required = [*wired["required"], "frames"]
    return wired | {
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }


def _frames_schema(card: Card) -> dict[str, Any]:
    """The ratio of the sides, and the pixels in all, no schema can tell."""
    rule = card.frame_rule
    most_px = isqrt(int(MAX_PIXELS * rule.most_ratio))
    side = {"type": "integer", "minimum": rule.least_side_px, "maximum": most_px}
    frame = {
        "type": "object",
        "properties": {"width": side, "height": side},
        "required": ["width", "height"],
        "additionalProperties": False,
    }
    return {
        "type": "object",
        "description": "The sides of each picture in pixels, as a viewer shows it.",
        "properties": {"first": frame, "last": frame | {"type": ["object", "null"]}},
        "required": ["first"],
        "additionalProperties": False,
    }


# --- what is told --------------------------------------------------------------------------------


def quote_told(quote: Quote, engine: Engine, estimate: Estimate) -> QuoteInfo:
    job = quote.job
    if job.size is None:
        raise TypeError("a quote has a size")
    place = estimate.queue_position
    return QuoteInfo(
        model=job.model,
        engine=QuotedEngine(
            name=engine.name,
            kind=engine.kind,
            label=engine.label,
            description=engine.description,
            is_generative=engine.is_generative,
            refusing_until=quote.refusing_until_s,
        ),
        size=job.size,
        crop=quote.crop,
        duration_s=job.request.duration_s,
        frame_rate=job.request.frame_rate,
        charge=None if quote.charge is None else _charge(quote.charge),
        budgets=None if quote.money is None else budgets_info(quote.money),
        waiting=None if place is None else place - 1,
        expected_end_ms=estimate.expected_end_ms,
        ignored=list(quote.ignored),
    )


def _charge(entry: Charge) -> QuotedCharge:
    return QuotedCharge(entry.basis, entry.currency, shown_amount(entry.amount))


SHOWN = QuoteInfo(
    model=USUAL.id,
    engine=QuotedEngine(
        name="camera",
        kind="camera",
        label="camera",
        description="a 2.5D camera move over the photo, not a generative model",
        is_generative=False,
        refusing_until=None,
    ),
    size=Size(1104, 816),
    crop=kept_part(Size(1600, 1200), Size(1104, 816)),
    duration_s=5,
    frame_rate=30,
    charge=QuotedCharge(PriceBasis.PRICE, "EUR", "0.45"),
    budgets=budgets_info(SHOWN_MONEY),
    waiting=0,
    expected_end_ms=None,
    ignored=[],
)

QUOTE = Verb(
    "quote",
    Described,
    errors=(
        BadField,
        MissingField,
        BadImage,
        UnknownModel,
        ModelNotAllowed,
        BadSetting,  # no engine for the model
        StorageFull,
        StorageFailed,
        ShuttingDown,
    ),
    shown=lambda _, __: SHOWN,
)
ROUTE: Route[Any] = Route(
    "POST",
    "/v1/quotes",
    QUOTE,
    "Tell what a create call would become, without making it",
    (QuoteInfo,),
    body=schema,
    shown_bodies={"five seconds of a photo": SHOWN_BODY},
    most_body_bytes=MOST_BODY_BYTES,
)
