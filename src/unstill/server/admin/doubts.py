"""Calls in doubt as operators see them, and the word that they say of one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from unstill.domain.errors import BadField, MissingField
from unstill.domain.owner import Owner
from unstill.domain.resolution import Resolution
from unstill.models.card import Card
from unstill.server.admin.money import AdminMoney
from unstill.store.ports.doubts import CallInDoubt

MOST_TOLD = 1_000  # calls in one answer
FIELDS = ("charged",)
SHOWN: dict[str, Any] = {"charged": True}
_ALLOWED = "true, if the provider has billed the call, or false"


class AdminDoubt(msgspec.Struct, frozen=True, kw_only=True):
    """A call that may have been billed. Times are Unix milliseconds.

    id: of its job. model: as it was asked for. message: what is known of the call's end.
    """

    id: str
    owner: Owner
    key_id: str
    model: str
    engine: str
    upstream_model: str
    attempt: int
    sent_ms: int
    message: str


class AdminDoubts(msgspec.Struct, frozen=True):
    """The oldest of those that nothing was said of, and how many there are of them."""

    data: list[AdminDoubt]
    count: int


class AdminResolution(msgspec.Struct, frozen=True):
    """What an operator has said of the call in doubt of that attempt."""

    charged: bool
    attempt: int
    at_ms: int


class AdminResolved(msgspec.Struct, frozen=True):
    """What stands of a job, and what its money comes to; null where the settings had none."""

    id: str
    resolution: AdminResolution
    money: AdminMoney | None


def doubts_told(found: Sequence[CallInDoubt], counted: Mapping[str, int]) -> AdminDoubts:
    told = [
        AdminDoubt(
            id=each.call.job_id,
            owner=each.owner,
            key_id=each.key_id,
            model=each.model,
            engine=each.call.engine,
            upstream_model=each.call.upstream_model,
            attempt=each.call.n,
            sent_ms=each.call.intent_ms,
            message=each.call.message,
        )
        for each in found
    ]
    return AdminDoubts(told, max(len(told), sum(counted.values())))


def resolution_told(said: Resolution) -> AdminResolution:
    return AdminResolution(said.is_charged, said.n, said.at_ms)


def is_charged_in(body: Mapping[str, Any]) -> bool:
    """The word that a body says. Raises BadField."""
    if "charged" not in body:
        raise MissingField("charged", _ALLOWED)
    word = body["charged"]
    if not isinstance(word, bool):
        raise BadField("charged", _ALLOWED, word)
    return word


def schema(cards: Sequence[Card]) -> dict[str, Any]:
    del cards
    charged = {
        "description": "Whether the provider has billed the call; its price is released anyway.",
        "type": "boolean",
    }
    return {
        "type": "object",
        "properties": {"charged": charged},
        "required": ["charged"],
        "additionalProperties": False,
    }
