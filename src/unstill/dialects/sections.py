"""The body that Modelverse took over from DashScope: a model, its `input` and its `parameters`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from unstill.dialects import pictures
from unstill.dialects.route import wired_schema
from unstill.models.card import Card


def sectioned_schema(
    cards: Sequence[Card], inputs: Mapping[str, str], parameters: Mapping[str, str]
) -> dict[str, Any]:
    """The JSON Schema of such a body for any of the models; both maps are wire -> canonical."""
    wires = [(f"input.{wire}", name) for wire, name in inputs.items()]
    wires += [(f"parameters.{wire}", name) for wire, name in parameters.items()]
    return {"oneOf": [_of_card(card, wires) for card in cards]}


def _of_card(card: Card, wires: Sequence[tuple[str, str]]) -> dict[str, Any]:
    schema = wired_schema(card, wires)
    pictures.describe(schema["properties"]["input"])
    return schema | {"required": ["model", "input"]}
