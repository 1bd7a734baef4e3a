"""A create call that is right: its model is there, its pictures and fields are within the card's.

What is wrong with a request whatever renders it is found here.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping, Sequence

import msgspec

from unstill.domain.request import (
    CreateCall,
    Frame,
    GivenFrame,
    Role,
    Size,
    VideoRequest,
    says_nothing,
)
from unstill.models.card import Card
from unstill.models.catalogue import Catalogue, resolve
from unstill.models.region_list import RegionList
from unstill.service.pictures import IncomingFrame, check_header, check_sides, take

LARGE_INLINE_CHARS = 256 * 1024  # decoding and hashing more than that would hold up the loop


class CheckedCall(msgspec.Struct, frozen=True):
    """A create call in which nothing is wrong, whatever the settings say to it."""

    model: str  # as catalogued
    card: Card
    request: VideoRequest
    taken: Mapping[Role, IncomingFrame]
    ignored: tuple[str, ...]


async def checked_call(
    create_call: CreateCall, catalogue: Catalogue, *, models: frozenset[str] | None
) -> CheckedCall:
    """Look at its model, its pictures and its fields, in this order; raises CallerError.

    models: those that its caller may use; None: any.
    """
    name, card = catalogue.card_among(models, create_call.model)
    taken = await _taken((*create_call.frames, *_masks(card, create_call)))
    for role, each in taken.items():
        check_header(each, card.rule_of(role))
    return _resolved(name, card, create_call, taken)


def quoted_call(
    create_call: CreateCall,
    sizes: Mapping[Role, Size],
    catalogue: Catalogue,
    *,
    models: frozenset[str] | None,
) -> CheckedCall:
    """The same of a call whose pictures are known by their sizes alone; raises CallerError."""
    name, card = catalogue.card_among(models, create_call.model)
    taken = {role: IncomingFrame(Frame(role, f"{role}_frame"), None) for role in sizes}
    for role, size in sizes.items():
        check_sides(size.width, size.height, None, taken[role].frame, card.frame_rule)
    return _resolved(name, card, create_call, taken)


def _resolved(
    name: str, card: Card, create_call: CreateCall, taken: Mapping[Role, IncomingFrame]
) -> CheckedCall:
    frames = {role: each.frame for role, each in taken.items()}
    # No system call: each hands the interpreter to the writer's thread in mid-submit.
    request, ignored = resolve(card, create_call, frames, random_seed=random.getrandbits(31))
    return CheckedCall(name, card, request, taken, ignored)


def _masks(card: Card, create_call: CreateCall) -> tuple[GivenFrame, ...]:
    """The pictures inside the fields. Raises BadField."""
    return tuple(
        mask
        for name, given in create_call.fields.items()
        if (field := card.field(name)) is not None
        and isinstance(field.kind, RegionList)
        and not says_nothing(given.value)
        for mask in field.kind.masks(given)
    )


async def _taken(given: Sequence[GivenFrame]) -> dict[Role, IncomingFrame]:
    sizes = [len(each.value) for each in given if isinstance(each.value, (str, bytes))]
    if sum(sizes) > LARGE_INLINE_CHARS:
        return await asyncio.to_thread(take, given)
    return take(given)
