"""The body that Modelverse took over from DashScope: a model, its `input` and its `parameters`."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from unstill.dialects import picture_schemas, pictures
from unstill.dialects.body_fields import (
    WEBHOOK_URL,
    add_field,
    as_object,
    given_model,
    given_webhook,
    read_fields,
)
from unstill.dialects.body_schemas import Wires, form_schema, wired_schema
from unstill.dialects.misplaced_fields import Known, known, known_with_pictures, unread
from unstill.domain.errors import MissingField
from unstill.domain.request import CreateCall, GivenValue, says_nothing
from unstill.models.card import Card

Names = Mapping[str, str]  # wire -> canonical

_KNOWN = known("model", "input", "parameters", WEBHOOK_URL)


class Section(NamedTuple):
    """A part of the body: its fields, and all the names that it is read by."""

    fields: Names
    known: Known


def inputs_of(fields: Names) -> Section:
    return Section(fields, known_with_pictures(*fields))


def parameters_of(fields: Names) -> Section:
    return Section(fields, known(*fields))


def read_sections(
    body: Mapping[str, Any],
    *,
    dialect: str,
    inputs: Section,
    parameters: Section,
    names: Mapping[str, str],
    own: Collection[str],
) -> CreateCall:
    """What such a body asks for; `names` is wire by canonical, for what is missing.

    own: names of fields that one model has, and no table.

    Raises MissingField, BadField.
    """
    model = given_model(body)
    if says_nothing(body.get("input")):
        raise MissingField("input", "an object with the picture and the prompt")
    given = as_object(body["input"], "input")
    settings = as_object(body.get("parameters"), "parameters")
    found = pictures.pictures_in(given, "input.")
    left = unread(
        ("", _KNOWN.left_of(body)),
        ("input.", inputs.known.left_of(given)),
        ("parameters.", parameters.known.left_of(settings)),
        own=own,
    )
    return CreateCall(
        model=model,
        fields=both(
            read_fields(given, inputs.fields, "input."),
            read_fields(settings, parameters.fields, "parameters."),
        ),
        frames=found.frames,
        names=names,
        unfilled=found.empty,
        dialect=dialect,
        unknown=(*left.unknown, *found.left_out),
        strays=left.strays,
        webhook_url=given_webhook(body),
    )


def both(first: dict[str, GivenValue], second: dict[str, GivenValue]) -> dict[str, GivenValue]:
    """The fields of two places; raises BadField where they disagree."""
    found = {**first, **second}
    if len(found) < len(first) + len(second):
        found = dict(first)
        for name, given in second.items():
            add_field(found, name, given)
    return found


def sectioned_schema(cards: Sequence[Card], inputs: Names, parameters: Names) -> dict[str, Any]:
    """The JSON Schema of such a body for any of the models."""
    return {"oneOf": [_of_card(card, _wires(inputs, parameters)) for card in cards]}


def sectioned_form(cards: Sequence[Card], inputs: Names, parameters: Names) -> dict[str, Any]:
    """The same as a form."""
    wires = _wires(inputs, parameters)
    return {
        "oneOf": [
            form_schema(card, wires, pictures="input[{}]", has_default=False) for card in cards
        ]
    }


def _wires(inputs: Names, parameters: Names) -> Wires:
    return (
        *((f"input.{wire}", name) for wire, name in inputs.items()),
        *((f"parameters.{wire}", name) for wire, name in parameters.items()),
    )


def _of_card(card: Card, wires: Wires) -> dict[str, Any]:
    schema = wired_schema(card, wires)
    picture_schemas.describe(schema["properties"]["input"])
    schema["properties"]["parameters"]["type"] = ["object", "null"]
    return schema | {"required": ["model", "input"]}
