"""A model as the engines behind its name serve it: its card without what none of them does."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import msgspec

from unstill.domain.errors import BadField
from unstill.domain.request import VideoRequest
from unstill.models.card import Card, Field
from unstill.models.field_kinds import Exact, Flag, Tier, Whole
from unstill.models.sample_requests import sample_requests

Misfit = Callable[[VideoRequest], BadField | None]


def served_card(card: Card, misfits: Sequence[Misfit]) -> Card:
    """The card with the lengths, tiers, fields, sound and mark that at least one engine serves.

    misfits: of each engine that may come to make its jobs. A default that none serves is none, and
    has to be chosen. The card as it is where they serve nothing at all.
    """
    requests = [each for each in sample_requests(card) if _is_served(each, misfits)]
    if not requests:
        return card
    fields = tuple(_served(card, requests, misfits))
    return card if fields == card.fields else msgspec.structs.replace(card, fields=fields)


def _is_served(request: VideoRequest, misfits: Sequence[Misfit]) -> bool:
    return any(misfit(request) is None for misfit in misfits)


def _served(
    card: Card, requests: Sequence[VideoRequest], misfits: Sequence[Misfit]
) -> Iterator[Field]:
    tiers = tuple(tier for tier in card.tiers if any(each.tier == tier for each in requests))
    for field in card.fields:
        if not _is_taken(field.name, requests, misfits):
            continue
        match field.kind:
            case Tier():
                yield _narrowed(field, Tier(tiers), is_served=field.default in tiers)
            case Exact():
                yield _narrowed(field, Exact(tiers), is_served=True)
            case Whole() as kind if field.name == "duration":
                lengths_s = sorted({each.duration_s for each in requests})
                is_served = field.default in lengths_s
                yield _narrowed(field, _within(kind, lengths_s), is_served=is_served)
            case Flag() if field.name == "generate_audio":
                yield _with_sound(field, requests, misfits)
            case Flag() if field.name == "watermark":
                yield _with_mark(field, requests, misfits)
            case _:
                yield field


def _is_taken(name: str, requests: Sequence[VideoRequest], misfits: Sequence[Misfit]) -> bool:
    """Whether a field that may be left out is worth anything."""
    match name:
        case "last_frame":
            return any(each.last_frame is not None for each in requests)
        case "negative_prompt":
            asked = (msgspec.structs.replace(each, negative_prompt="blurred") for each in requests)
            return any(_is_served(each, misfits) for each in asked)
        case _:
            return True


def _narrowed(field: Field, kind: Tier | Exact | Whole | Flag, *, is_served: bool) -> Field:
    if is_served or field.default is None:
        return msgspec.structs.replace(field, kind=kind)
    return msgspec.structs.replace(field, kind=kind, default=None, is_required=True)


def _within(kind: Whole, lengths_s: Sequence[int]) -> Whole:
    """These alone; a range where they are one."""
    least, most = lengths_s[0], lengths_s[-1]
    if kind.choices or len(lengths_s) <= most - least:
        return Whole(choices=tuple(lengths_s))
    return Whole(least=least, most=most)


def _with_mark(field: Field, requests: Sequence[VideoRequest], misfits: Sequence[Misfit]) -> Field:
    """A default that nobody draws gives way: the field is never needed."""
    asked = (msgspec.structs.replace(each, watermark=True) for each in requests)
    if any(_is_served(each, misfits) for each in asked):
        return field
    return msgspec.structs.replace(field, kind=Flag(only=False), default=False)


def _with_sound(field: Field, requests: Sequence[VideoRequest], misfits: Sequence[Misfit]) -> Field:
    asked = (msgspec.structs.replace(each, generate_audio=True) for each in requests)
    if any(_is_served(each, misfits) for each in asked):
        return field
    return _narrowed(field, Flag(only=False), is_served=field.default is not True)
