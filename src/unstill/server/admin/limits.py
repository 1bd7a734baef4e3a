"""Limits as operators see and change them: the same of an owner and of a key, by the same names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from unstill.domain.limits import MOST, OF_KEYS, SETTABLE, Limits, Settable
from unstill.domain.money import AMOUNT_PATTERN, MOST_UNITS
from unstill.domain.owner_turns import MOST_WEIGHT
from unstill.models.card import Card

Told = int | str | None  # a number, or of money the text of one

NOTHING = "null"
SHOWN_OF_OWNER: dict[str, Any] = {"queue": 100, "in_flight": None, "weight": 2}
SHOWN_OF_KEY: dict[str, Any] = {"submits_per_minute": 10}


def name_of(settable: Settable) -> str:
    """Its field in a body: the option's name, as JSON has names."""
    return settable.name.replace("-", "_")


def limits_told(limits: Limits, among: Sequence[Settable]) -> dict[str, Told]:
    return {name_of(each): each.of(limits) for each in among}


def changes_in(body: Mapping[str, Any], among: Sequence[Settable]) -> dict[str, int | None]:
    """What a body changes, by the fields of `Limits`; raises BadField."""
    return {
        each.field: each.taken(name, body[name], nothing=NOTHING)
        for each in among
        if (name := name_of(each)) in body
    }


def schema_of_owner(cards: Sequence[Card]) -> dict[str, Any]:
    del cards
    return _schema(SETTABLE) | {"minProperties": 1}


def schema_of_key(cards: Sequence[Card]) -> dict[str, Any]:
    del cards
    return _schema(OF_KEYS) | {"minProperties": 1}


def optional_schema() -> dict[str, Any]:
    """What limits a new key may be given, which need not have any."""
    return _schema(OF_KEYS) | {"type": ["object", "null"]}


def _schema(among: Sequence[Settable]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {name_of(each): _property(each) for each in among},
        "additionalProperties": False,
    }


def _property(settable: Settable) -> dict[str, Any]:
    about: dict[str, Any] = {"description": f"{settable.about} null: as if it had never been set."}
    if settable.is_money:
        # Other numbers are taken too, where they are exact; no schema says which those are.
        kinds = {"type": ["string", "integer", "null"], "pattern": AMOUNT_PATTERN}
        return about | kinds | {"minimum": 0, "maximum": MOST_UNITS}
    least, most = (1, MOST_WEIGHT) if settable.field == "weight" else (0, MOST)
    return about | {"type": ["integer", "null"], "minimum": least, "maximum": most}
