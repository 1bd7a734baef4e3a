"""The `[models."NAME"]` tables."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import msgspec

from unstill.domain.errors import BadSetting, shown
from unstill.models.catalogue import CARDS
from unstill.settings.money import RateSettings
from unstill.settings.tables import did_you_mean

OF_CARDS = {name: card.id for card in CARDS for name in card.names}
_IDS = ", ".join(sorted(card.id for card in CARDS))
# Callers' spelling of a name is lenient, and so is an operator's.
_FOLDED = {name.casefold(): name for name in OF_CARDS}


class ModelSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[models."NAME"]`."""

    like: str = ""  # a canonical id: NAME is the operator's own name for that contract
    engines: tuple[str, ...] = ()  # tried in this order; empty: the default engine
    prices: dict[str, RateSettings] = {}  # by tier


def canonical_id(name: str, setting: str) -> str:
    """The id behind one of unstill's own names, aliases included; raises BadSetting for another."""
    if spelt := _FOLDED.get(name.casefold()):
        return OF_CARDS[spelt]
    reason = f"must be one of {_IDS}, got {shown(name)}{did_you_mean(name, OF_CARDS)}"
    raise BadSetting(setting, reason)


def checked_models(models: Mapping[str, ModelSettings]) -> dict[str, ModelSettings]:
    """By name as unstill spells it, and each of the operator's own like a canonical id.

    Raises BadSetting.
    """
    checked: dict[str, ModelSettings] = {}
    for name, model in models.items():
        spelt = _FOLDED.get(name.casefold())
        if (spelt or name) in checked:
            raise BadSetting(f'models."{name}"', f"is {spelt}, which is there already")
        where = f'models."{name}".like'
        if spelt is None:
            checked[name] = msgspec.structs.replace(model, like=_like(name, model.like, where))
        elif model.like:
            raise BadSetting(where, f"{name} is one of unstill's own names")
        else:
            checked[spelt] = model
    return checked


def _like(name: str, like: str, where: str) -> str:
    if like:
        return canonical_id(like, where)
    near = did_you_mean(name, OF_CARDS)
    reason = f"must be one of {_IDS}, for a name of your own; there is no model {name}{near}"
    raise BadSetting(where, reason)


def check_engines(
    models: Mapping[str, ModelSettings], engines: Collection[str], cameras: Collection[str]
) -> None:
    """Each route is one that a job can take; raises BadSetting."""
    for name, model in models.items():
        where = f'models."{name}".engines'
        for place, engine in enumerate(model.engines):
            if engine not in engines:
                there_are = f"there are {', '.join(sorted(engines))}"
                near = did_you_mean(engine, engines)
                raise BadSetting(where, f"names {engine!r}, which is no engine{near} ({there_are})")
            if engine in model.engines[:place]:
                raise BadSetting(where, f"names {engine} twice")
            if place and engine in cameras:
                # It is no generative model: what it makes is no stand-in for what was paid for.
                reason = f"{engine} may only come first: no job falls through to a camera"
                raise BadSetting(where, reason)
