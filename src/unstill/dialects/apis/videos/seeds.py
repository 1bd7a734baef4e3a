"""Seeds at /v1/videos: the unified document has a seed without a range, and OpenAI's has none.

So what programs send there is taken: -1, which is random in most of them, and numbers as large as
their own generators make. Those have to become one of the engines' own.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from unstill.domain.request import GivenValue
from unstill.models.card import Card
from unstill.models.field_kinds import Whole, whole
from unstill.models.shared_fields import SEED

RANDOM = -1
MOST = 2**64 - 1  # ComfyUI's, as large as a seed is anywhere
_SEEDS = SEED.most + 1


def freely(fields: Mapping[str, GivenValue]) -> dict[str, GivenValue]:
    """The fields with a seed in the engines' range, the same for the same number; -1 is none."""
    given = fields.get("seed")
    number = None if given is None else whole(given.value)
    if given is None or number is None or not RANDOM <= number <= MOST:
        return dict(fields)
    if number == RANDOM:
        return {name: each for name, each in fields.items() if name != "seed"}
    return {**fields, "seed": GivenValue(given.param, number % _SEEDS)}


def described(card: Card) -> Card:
    """The card with the range of seeds that is taken here."""
    kind = Whole(least=RANDOM, most=MOST)
    fields = [
        msgspec.structs.replace(field, kind=kind) if field.name == "seed" else field
        for field in card.fields
    ]
    return msgspec.structs.replace(card, fields=tuple(fields))
