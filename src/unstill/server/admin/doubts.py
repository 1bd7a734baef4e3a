"""Calls in doubt as operators see them, and the word that they say of one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from unstill.domain.continuation import (
    MOST_TICKET_CHARS,
    Continuation,
    known_ticket,
    may_be_ticket,
)
from unstill.domain.errors import BadField, MissingField
from unstill.domain.owner import Owner
from unstill.domain.resolution import DoubtWord, Resolution
from unstill.models.card import Card
from unstill.server.admin.money import AdminMoney
from unstill.store.ports.doubts import CallInDoubt

MOST_TOLD = 1_000  # calls in one answer
FIELDS = ("charged", "ticket")
SHOWN: dict[str, Any] = {"charged": True}
SHOWN_TICKET: dict[str, Any] = {
    "charged": True,
    "ticket": "0385dc79-5ff8-4d82-bcb6-7f0f1c4b9d3a",
}
_ALLOWED = "true, if the provider has billed the call, or false"
_TICKET = f"1 to {MOST_TICKET_CHARS} characters of visible ASCII, or absent"


class AdminDoubt(msgspec.Struct, frozen=True, kw_only=True):
    """A call that may have been billed. Times are Unix milliseconds.

    id: of its job. model: as it was asked for. message: what is known of the call's end. ticket:
    what the upstream, which has the call, knows it by; null where it is not known.
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
    ticket: str | None


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
    """What stands of a job, and what its money comes to; null where the settings had none.

    continued_by: the job that goes on from the call, whose video is brought home; null: none does.
    """

    id: str
    resolution: AdminResolution
    continued_by: str | None
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
            ticket=known_ticket(each.call),
        )
        for each in found
    ]
    return AdminDoubts(told, max(len(told), sum(counted.values())))


def resolution_told(said: Resolution) -> AdminResolution:
    return AdminResolution(said.is_charged, said.n, said.at_ms)


def following_in(continuation: Continuation | None) -> str | None:
    return None if continuation is None else continuation.continued_by


def word_in(body: Mapping[str, Any]) -> DoubtWord:
    """The word that a body says. Raises BadField."""
    if "charged" not in body:
        raise MissingField("charged", _ALLOWED)
    word, ticket = body["charged"], body.get("ticket")
    if not isinstance(word, bool):
        raise BadField("charged", _ALLOWED, word)
    if ticket is not None and not (isinstance(ticket, str) and may_be_ticket(ticket)):
        raise BadField("ticket", _TICKET, ticket)
    return DoubtWord(word, ticket)


def schema(cards: Sequence[Card]) -> dict[str, Any]:
    del cards
    charged = {
        "description": (
            "Whether the provider has billed the call. Its price is released; where a job "
            "goes on from the call, that has it."
        ),
        "type": "boolean",
    }
    ticket = {
        "description": (
            "What the upstream knows the call by, where the provider's console says so: a new job "
            "goes on from it. With `charged` false: the ticket that is known of the call."
        ),
        "type": ["string", "null"],
        "minLength": 1,
        "maxLength": MOST_TICKET_CHARS,
        "pattern": "^[!-~]+$",
    }
    return {
        "type": "object",
        "properties": {"charged": charged, "ticket": ticket},
        "required": ["charged"],
        "additionalProperties": False,
    }
