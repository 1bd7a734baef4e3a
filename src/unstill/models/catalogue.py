"""The models unstill answers to: one card each, and the making of a canonical request.

To add a model, write its card beside the others and name it in `CARDS`: that line gives it its
place in the lists, and whoever needs the models is handed them.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from difflib import get_close_matches
from math import isclose
from typing import Any, NamedTuple

from unstill.domain.access_errors import ModelNotAllowed
from unstill.domain.errors import BadField, MissingField, UnknownModel
from unstill.domain.request import (
    CreateCall,
    Frame,
    GivenValue,
    MarkedRegion,
    Ratio,
    Role,
    Size,
    VideoRequest,
    says_nothing,
)
from unstill.models.card import REGION, Card, Field, Value
from unstill.models.cards import (
    happyhorse10,
    happyhorse11,
    kling_v3,
    minimax_h3,
    seedance20,
    seedance25,
    sora2_pro,
    wan22,
    wan27,
)
from unstill.models.field_kinds import PictureField, Text
from unstill.models.sizes import SAME_WITHIN, size_in_ratio

CARDS: tuple[Card, ...] = (
    wan22.CARD,
    sora2_pro.CARD,
    wan27.CARD,
    happyhorse10.CARD,
    happyhorse11.CARD,
    seedance20.CARD,
    seedance25.CARD,
    kling_v3.CARD,
    minimax_h3.CARD,
)
USUAL = wan27.CARD  # `unstill generate` makes videos of it, and the description shows its jobs

# Fields of the canonical request that any engine may meet; a card's other fields are its options.
_CANONICAL = frozenset({"prompt", "negative_prompt", "watermark", "generate_audio", "seed"})
_GEOMETRY = frozenset({"resolution", "size", "aspect_ratio", "duration"})
_MOST_NAME_CHARS = 80  # what is longer is near no name, and takes its time
_SHARED = _CANONICAL | _GEOMETRY | {REGION.name}


class Catalogue:
    """Every name that a caller may use for a model, the operator's own names included.

    `likes` maps an operator's name to the canonical id whose contract it has.
    """

    def __init__(
        self, likes: Mapping[str, str] | None = None, *, cards: Sequence[Card] = CARDS
    ) -> None:
        self.cards = tuple(cards)
        self.likes = dict(likes or {})
        self.by_id: Mapping[str, Card] = {card.id: card for card in cards}
        names = {name: card for card in cards for name in card.names}
        names |= {name: self.by_id[like] for name, like in self.likes.items()}
        self.names: Mapping[str, Card] = names
        # The documents' own titles differ from their ids in case only.
        self._folded = {name.casefold(): (name, card) for name, card in names.items()}

    def card(self, given: GivenValue) -> tuple[str, Card]:
        """The name, as catalogued, and the card behind the name asked for; raises UnknownModel."""
        found = self._folded.get(given.value.casefold()) if isinstance(given.value, str) else None
        if found is None:
            allowed = f"one of {', '.join(self.listed())}"
            aliases = [name for name in self.names if name not in self.listed()]
            allowed += f", or an alias: {', '.join(aliases)}"
            raise UnknownModel(given.param, given.value, allowed, self._meant(given.value))
        return found

    def card_among(self, models: frozenset[str] | None, given: GivenValue) -> tuple[str, Card]:
        """As `card`, for a caller who may use these alone, by their names in `listed`; None: any.

        Raises UnknownModel, ModelNotAllowed.
        """
        name, card = self.card(given)
        if models is not None and self.listed_as(name) not in models:
            raise ModelNotAllowed(given.param, name)
        return name, card

    def listed_as(self, name: str) -> str:
        """The name in `listed` of one that is catalogued: an alias is its model."""
        return name if name in self.likes else self.names[name].id

    def _meant(self, name: object) -> str | None:
        """The name that an unknown one is near."""
        if not isinstance(name, str) or len(name) > _MOST_NAME_CHARS:
            return None
        near = {_bare(each.rpartition("/")[2]): each for each in self.names}
        near |= {_bare(each): each for each in self.names}
        for asked in (_bare(name.rpartition("/")[2]), _bare(name)):
            begun = sorted((each for each in near if asked and each.startswith(asked)), key=len)
            close = begun or get_close_matches(asked, near, n=1)
            if close:
                return near[close[0]]
        return None

    def listed(self) -> tuple[str, ...]:
        """The canonical ids and the operator's own names, without aliases."""
        return (*self.by_id, *self.likes)


def default_at(dialect: str, cards: Sequence[Card]) -> str | None:
    """The name that a call without a model stands for; None where it has to name one."""
    return next((card.default_at[dialect] for card in cards if dialect in card.default_at), None)


def named_by_none(names: Collection[str], cards: Sequence[Card]) -> dict[str, str]:
    """The cards' fields that a dialect has no name for, each under its own."""
    fields = (field for card in cards for field in card.fields)
    return {field.name: field.name for field in fields if field.name not in names}


def _bare(name: str) -> str:
    """Case and punctuation say nothing, nor does who made a model."""
    return re.sub(r"[-_. ]", "", name.casefold())


class Explicit(NamedTuple):
    values: dict[str, Value]  # as read, by canonical name
    others: tuple[str, ...]  # the caller's names of fields that the model does not have


def resolve(
    card: Card, create_call: CreateCall, frames: Mapping[Role, Frame], *, random_seed: int
) -> tuple[VideoRequest, tuple[str, ...]]:
    """The canonical request, complete and checked, and the caller's fields that were ignored.

    Raises BadField, in the caller's own name of the field.
    """
    _refuse_strays(card, create_call)
    _demand(card, create_call, frames)
    values, others = explicit(card, create_call)
    ignored = [*create_call.unknown, *(each.given.param for each in create_call.strays), *others]
    last_frame = frames.get("last")
    if last_frame is not None and card.field("last_frame") is None:
        ignored.append(last_frame.param)
        last_frame = None
    settled = {**card.defaults, **values}
    geometry = _geometry(card, create_call, settled, values, ignored)
    regions: tuple[MarkedRegion, ...] = settled.get(REGION.name, ())  # type: ignore[assignment]
    request = VideoRequest(
        model=card.id,
        first_frame=frames["first"],
        last_frame=last_frame,
        regions=regions,
        # a quote knows of none
        masks=tuple(frames[r.mask] for r in regions if r.mask is not None and r.mask in frames),
        frame_rate=card.frame_rate,
        options={k: v for k, v in settled.items() if k not in _SHARED},  # type: ignore[misc]
        **geometry,
        **_canonical(settled, random_seed),
    )
    return request, tuple(ignored)


def explicit(card: Card, create_call: CreateCall) -> Explicit:
    """What the caller gave, before any default; raises BadField."""
    values: dict[str, Value] = {}
    others: list[str] = []
    for name, given in create_call.fields.items():
        field = card.by_name.get(name)
        if says_nothing(given.value) and not _is_written(given.value, field):
            continue
        if field is None or isinstance(field.kind, PictureField):
            others.append(given.param)
        else:
            value = field.kind.read(given)
            if value is not None:
                values[name] = value
    return Explicit(values, tuple(others))


def _is_written(value: object, field: Field | None) -> bool:
    """Whether a value that says nothing is a text: there, spaces are what was written."""
    return isinstance(value, str) and field is not None and isinstance(field.kind, Text)


def _refuse_strays(card: Card, create_call: CreateCall) -> None:
    """Raises BadField for a field that the model has, but the dialect has elsewhere."""
    for stray in create_call.strays:
        if card.field(stray.name) is None:
            continue
        there = create_call.fields.get(stray.name)
        if there is not None and str(there.value) == str(stray.given.value):
            continue  # said twice, and once where it belongs
        section, _, own = _documented(card, create_call, stray.name).rpartition(".")
        place = f"into {section}" if section else "to the top level of the body"
        called = "" if own == stray.name else f", as {own}"
        allowed = f"absent: {stray.name} belongs {place}{called}"
        raise BadField(stray.given.param, allowed, stray.given.value)


def _demand(card: Card, create_call: CreateCall, frames: Mapping[Role, Frame]) -> None:
    for field in card.required:
        if isinstance(field.kind, PictureField):
            is_there = frames.get("first") is not None
        else:
            given = create_call.fields.get(field.name)
            is_there = given is not None and not says_nothing(given.value)
        if not is_there:
            raise _missing(card, create_call, field)


def _missing(card: Card, create_call: CreateCall, field: Field) -> MissingField:
    """By the caller's name of it where it is there and empty, else by the documented one."""
    documented = _documented(card, create_call, field.name)
    of_dialect = create_call.names.get(field.name, documented)
    allowed = field.kind.allowed
    if documented != of_dialect:
        allowed += f"; {of_dialect} is read too"
    return MissingField(create_call.unfilled.get(field.name, documented), allowed)


def _documented(card: Card, create_call: CreateCall, name: str) -> str:
    """What the model's own document calls a field in the caller's dialect, else the dialect's."""
    own = card.own_names.get(create_call.dialect, {})
    return own.get(name) or create_call.names.get(name, name)


def _geometry(
    card: Card,
    create_call: CreateCall,
    settled: Mapping[str, Any],
    values: Mapping[str, Value],
    ignored: list[str],
) -> dict[str, Any]:
    """Duration, tier and exact size; an exact size decides over a tier, a ratio makes one."""
    tier = settled["resolution"]
    size = values.get("size")
    ratio = _ratio(create_call, values)
    if isinstance(size, Size):
        if "resolution" in values:
            ignored.append(create_call.fields["resolution"].param)
        return {"duration_s": settled["duration"], "tier": tier, "size": size}
    if isinstance(size, str):
        if values.get("resolution", size) != size:
            given = create_call.fields["size"]
            allowed = f"the same as {create_call.fields['resolution'].param}"
            raise BadField(given.param, allowed, given.value)
        tier = size
    exact = None if ratio is None else size_in_ratio(card, tier, ratio)
    return {"duration_s": settled["duration"], "tier": tier, "size": exact}


def _ratio(create_call: CreateCall, values: Mapping[str, Value]) -> Ratio | None:
    """The ratio asked for, which an exact size and a ratio as size must have too."""
    size, ratio = values.get("size"), values.get("aspect_ratio")
    if (
        isinstance(ratio, Ratio)
        and isinstance(size, Size | Ratio)
        and not isclose(size.width * ratio.height, size.height * ratio.width, rel_tol=SAME_WITHIN)
    ):
        given = create_call.fields["aspect_ratio"]
        allowed = f"the ratio of {create_call.fields['size'].param}, {size}"
        raise BadField(given.param, allowed, given.value)
    found = ratio or size
    return found if isinstance(found, Ratio) else None


def _canonical(settled: Mapping[str, Any], random_seed: int) -> dict[str, Any]:
    present = {name: value for name, value in settled.items() if name in _CANONICAL}
    return {"prompt": "", "seed": random_seed} | present
