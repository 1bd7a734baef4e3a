"""Requests of each kind that a card allows: what an engine is asked that may do none of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import product

from unstill.domain.request import Frame, VideoRequest
from unstill.models.card import Card
from unstill.models.field_kinds import Whole


def sample_requests(card: Card) -> Iterator[VideoRequest]:
    """One of each length and tier, plain otherwise, with and without a picture to end on."""
    lasts = (None, Frame("last", "last_frame")) if card.field("last_frame") else (None,)
    for duration_s, tier, last_frame in product(_lengths_s(card), card.tiers, lasts):
        yield VideoRequest(
            model=card.id,
            prompt="a prompt",
            first_frame=Frame("first", "first_frame"),
            last_frame=last_frame,
            duration_s=duration_s,
            frame_rate=card.frame_rate,
            seed=0,
            tier=tier,
        )


def _lengths_s(card: Card) -> Iterable[int]:
    field = card.field("duration")
    if field is None or not isinstance(field.kind, Whole):
        return ()
    return field.kind.choices or range(field.kind.least, field.kind.most + 1)
