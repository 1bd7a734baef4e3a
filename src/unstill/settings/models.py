"""The `[models."NAME"]` tables."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import msgspec

from unstill.domain.errors import BadSetting, shown
from unstill.models.catalogue import CARDS
from unstill.settings.tables import did_you_mean, dotted, table_of, values_of

OF_CARDS = {name: card.id for card in CARDS for name in card.names}
# Callers' spelling of a name is lenient, and so is an operator's.
_FOLDED = {name.casefold(): name for name in OF_CARDS}


class ModelSettings(msgspec.Struct, frozen=True):
    """`[models."NAME"]`."""

    like: str = ""  # a canonical id: NAME is the operator's own name for that contract
    engines: tuple[str, ...] = ()  # tried in this order; empty: the default engine


def canonical_id(name: str) -> str | None:
    """The id behind one of unstill's own names, aliases included."""
    spelt = _FOLDED.get(name.casefold())
    return None if spelt is None else OF_CARDS[spelt]


def models_from(document: Mapping[str, object]) -> dict[str, ModelSettings]:
    """By name as unstill spells it; raises BadSetting."""
    models: dict[str, ModelSettings] = {}
    for name, value in table_of(document.get("models", {}), "models").items():
        spelt = _FOLDED.get(name.casefold(), name)
        if spelt in models:
            raise BadSetting(f'models."{name}"', f"is {spelt}, which is there already")
        models[spelt] = _model(name, value)
    return models


def _model(name: str, value: object) -> ModelSettings:
    where = f'models."{name}"'
    table = table_of(value, where)
    rest = dotted(table)
    if rest is not None:
        # TOML reads a dot as one table inside another.
        whole = f"{name}.{rest}"
        raise BadSetting(f"models.{whole}", f'put the name in quotes: [models."{whole}"]')
    model = ModelSettings(**values_of(ModelSettings, table, f"{where}."))
    is_ours = name.casefold() in _FOLDED
    if is_ours and model.like:
        raise BadSetting(f"{where}.like", f"{name} is one of unstill's own names")
    return model if is_ours else msgspec.structs.replace(model, like=_like(model.like, name))


def _like(like: str, name: str) -> str:
    where = f'models."{name}".like'
    model = canonical_id(like)
    if model is not None:
        return model
    allowed = f"must be one of {', '.join(sorted(card.id for card in CARDS))}"
    if not like:
        near = did_you_mean(name, OF_CARDS)
        reason = f"{allowed}, for a name of your own; there is no model {name}{near}"
        raise BadSetting(where, reason)
    raise BadSetting(where, f"{allowed}, got {shown(like)}{did_you_mean(like, OF_CARDS)}")


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
