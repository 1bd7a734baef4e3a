"""The body that Modelverse took over from DashScope: a model, its `input` and its `parameters`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from unstill.dialects import picture_schemas
from unstill.dialects.bodies import Wires, form_schema, wired_schema
from unstill.models.card import Card

Names = Mapping[str, str]  # wire -> canonical


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
