"""The bodies of create calls in the description of the API: JSON, and the form of the same fields.

What JSON Schema cannot say is left out or stands in words: of one field under two names, the
schemas allow one name only, while the server takes both where they agree.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from unstill.dialects import picture_schemas
from unstill.dialects.body_fields import UNTOLD, WEBHOOK_SCHEMA, WEBHOOK_URL
from unstill.models.card import Card
from unstill.models.field_kinds import NOTHING

Wires = Sequence[tuple[str, str]]  # wire name and canonical name; a dot makes an object
_NULL = {"enum": list(NOTHING)}
# A name and what is in brackets behind it; the server takes other indexes in their order too.
_FORM_NAME = r"^[^\[\]]+(\[[a-z_]*\]|\[0\]){0,11}$"
_EXACT_SIZE = {"type": "string", "pattern": "[xX*:]"}  # or a ratio


def wired_schema(card: Card, wires: Wires) -> dict[str, Any]:
    """The card's fields but its pictures as JSON Schema under their wire names.

    A required field is required under the first of its wire names.
    """
    wires = _told(wires)
    schema: dict[str, Any] = {"type": "object", "properties": {}, "required": ["model"]}
    schema["title"] = card.id
    schema["properties"]["model"] = {"enum": list(card.names)}
    required = {field.name for field in card.fields if field.is_required}
    for wire, name in wires:
        field = card.field(name)
        if field is not None:
            _place(schema, wire.split("."), field.wire_schema(), is_required=name in required)
            required.discard(name)
    schema["properties"][WEBHOOK_URL] = WEBHOOK_SCHEMA
    rules = [*_one_name_only(card, wires), *_one_size_only(card, wires), *_one_shape(card, wires)]
    return schema | ({"allOf": rules} if rules else {})


def form_schema(card: Card, wires: Wires, *, pictures: str, has_default: bool) -> dict[str, Any]:
    """The same fields as a form has them, all of them text or files, with bracketed names.

    `pictures`: how a picture's name is spelt, with a `{}`. `has_default`: the model may be left
    out.
    """
    wires = _told(wires)
    fields: dict[str, Any] = {"model": {"type": "string", "enum": list(card.names)}}
    required = [] if has_default else ["model"]
    needed = {field.name for field in card.fields if field.is_required}
    for wire, name in wires:
        field = card.field(name)
        if field is None:
            continue
        fields[_spelt(wire)] = _as_text(field.wire_schema())
        if name in needed:
            required.append(_spelt(wire))
            needed.discard(name)
    fields[WEBHOOK_URL] = _as_text(WEBHOOK_SCHEMA)
    firsts = picture_schemas.describe_form(fields, pictures)
    pairs = [(_spelt(one), _spelt(other)) for one, other in _pairs(card, wires)]
    pairs += [(_spelt(ratio), _spelt(size)) for ratio, size in _shapes(card, wires)]
    # A text and an object under one name contradict each other.
    pairs.append((pictures.format("input_reference"), picture_schemas.in_object(pictures)))
    schema = {
        "type": "object",
        "title": card.id,
        "description": "Lists and objects are spelt with brackets: a[b], a[0], a[][b].",
        "properties": fields,
        "propertyNames": {"pattern": _FORM_NAME},
        "additionalProperties": {"type": "string"},
        "required": required,
        "anyOf": [{"required": [name]} for name in firsts],
    }
    rules: list[dict[str, Any]] = [{"not": {"required": pair}} for pair in pairs]
    for tier, size in _sizes(card, wires):
        exact = {"properties": {_spelt(size): _EXACT_SIZE}}
        rules.append({"anyOf": [{"not": {"required": [_spelt(tier)]}}, exact]})
    return schema | {"allOf": rules}


def _told(wires: Wires) -> Wires:
    return [(wire, name) for wire, name in wires if wire.rpartition(".")[2] not in UNTOLD]


def _spelt(wire: str) -> str:
    head, *rest = wire.split(".")
    return head + "".join(f"[{step}]" for step in rest)


def _as_text(schema: Mapping[str, Any]) -> dict[str, Any]:
    """What is left of a field's schema where every value is text."""
    kept = {k: v for k, v in schema.items() if k not in {"type", "minimum", "maximum", "default"}}
    if "enum" in kept:
        kept["enum"] = [value for value in kept["enum"] if isinstance(value, str)]
    if "anyOf" in kept:
        texts = [each for each in kept["anyOf"] if each.get("type") != "array"]
        return kept | {"anyOf": [_as_text(each) for each in texts]}
    return {"type": "string"} | kept


def _place(
    schema: dict[str, Any], path: Sequence[str], field: dict[str, Any], *, is_required: bool
) -> None:
    head, *rest = path
    if is_required and head not in schema.setdefault("required", []):
        schema["required"].append(head)
    if not rest:
        schema["properties"][head] = field
        return
    inner = schema["properties"].setdefault(head, {"type": "object", "properties": {}})
    _place(inner, rest, field, is_required=is_required)


def _one_name_only(card: Card, wires: Wires) -> list[dict[str, Any]]:
    return [_not_both((one, _NULL), (other, _NULL)) for one, other in _pairs(card, wires)]


def _pairs(card: Card, wires: Wires) -> list[tuple[str, str]]:
    """Wire names of one field, two by two."""
    return [
        (one, other)
        for n, (one, name) in enumerate(wires)
        for other, same in wires[n + 1 :]
        if name == same and card.field(name) is not None
    ]


def _one_size_only(card: Card, wires: Wires) -> list[dict[str, Any]]:
    """Beside a resolution, a size is an exact one: another resolution would contradict it."""
    return [
        _not_both((tier, _NULL), (size, {"anyOf": [_EXACT_SIZE, _NULL]}))
        for tier, size in _sizes(card, wires)
    ]


def _one_shape(card: Card, wires: Wires) -> list[dict[str, Any]]:
    """Beside a size, a ratio could contradict it; the server takes both where they agree."""
    return [_not_both((ratio, _NULL), (size, _NULL)) for ratio, size in _shapes(card, wires)]


def _shapes(card: Card, wires: Wires) -> list[tuple[str, str]]:
    """The wire names of a model's ratio, each with that of its size."""
    sizes = [wire for wire, name in wires if name == "size" and card.field(name) is not None]
    return [(wire, size) for wire, name in wires if name == "aspect_ratio" for size in sizes]


def _sizes(card: Card, wires: Wires) -> list[tuple[str, str]]:
    """The wire names of a model's resolution, each with that of its size."""
    at = {name: wire for wire, name in wires if card.field(name) is not None}
    return [(at["resolution"], at["size"])] if {"resolution", "size"} <= at.keys() else []


def _not_both(*sides: tuple[str, dict[str, Any]]) -> dict[str, Any]:
    """That at least one of two wire names has what its side says, or is absent."""
    return {"anyOf": [_under(wire.split("."), schema) for wire, schema in sides]}


def _under(path: Sequence[str], schema: dict[str, Any]) -> dict[str, Any]:
    for step in reversed(path):
        schema = {"properties": {step: schema}}
    return schema
