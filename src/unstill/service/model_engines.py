"""Which engines are behind a model's name, and which of them makes a request's video."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec

from unstill.domain.engine import Changing, Engine
from unstill.domain.errors import BadField, BadSetting, MissingField, shown
from unstill.domain.request import CreateCall, VideoRequest
from unstill.models.card import Card
from unstill.models.served import served_card


class FirstChoice(NamedTuple):
    """Which engine makes a video first, and of what."""

    engine: str
    request: VideoRequest


class ModelEngines:
    """The engines behind each name that callers may use, in the order they are tried."""

    def __init__(
        self, engines: Mapping[str, Engine], *, routes: Mapping[str, Sequence[str]]
    ) -> None:
        """`routes`: the engines' names, for each name of a model."""
        self._engines_of = {
            name: tuple(engines[each] for each in tried) for name, tried in routes.items()
        }
        self._served: dict[str, tuple[Sequence[int], Card]] = {}

    def engines_of(self, model: str) -> tuple[Engine, ...]:
        return self._engines_of.get(model, ())

    def served_card(self, model: str, card: Card) -> Card:
        """What of the model at least one of its engines serves; asked once of each edition."""
        engines = self.engines_of(model)
        editions = tuple(each.edition for each in engines if isinstance(each, Changing))
        asked = self._served.get(model)
        if asked is not None and asked[0] == editions:
            return asked[1]
        found = served_card(card, [engine.misfit for engine in engines])
        self._served[model] = (editions, found)
        return found

    def engine_for(
        self, model: str, request: VideoRequest, *, create_call: CreateCall
    ) -> FirstChoice:
        """The first engine that the request fits, as it is or without a mark nobody asked for.

        If none does, raises the first one's misfit in the caller's name of the field.
        Raises BadSetting if the model has no engine.
        """
        misfits: list[BadField] = []
        as_wanted = list(_as_wanted(request, create_call))
        for engine in self.engines_of(model):
            refused = []
            for each in as_wanted:
                if (misfit := engine.misfit(each)) is None:
                    return FirstChoice(engine.name, each)
                refused.append(misfit)
            misfits.append(refused[-1])
        if misfits:
            raise _in_callers_words(misfits[0], request, create_call)
        raise BadSetting(f'models."{model}".engines', "no engine is configured for this model")


def _as_wanted(request: VideoRequest, create_call: CreateCall) -> Iterator[VideoRequest]:
    """The request; and without its model's own default mark, which an engine may not draw."""
    yield request
    if request.watermark and "watermark" not in create_call.fields:
        yield msgspec.structs.replace(request, watermark=False)


def _in_callers_words(misfit: BadField, request: VideoRequest, create_call: CreateCall) -> BadField:
    """An engine names fields canonically, a frame also as it was sent; callers hear it as sent."""
    name = misfit.param
    frames = {f"{frame.role}_frame": frame.param for frame in request.frames}
    given = create_call.fields.get(name)
    if given is None and name == "size":
        given = create_call.fields.get("aspect_ratio")  # which made it
    param = (
        given.param if given is not None else frames.get(name, create_call.names.get(name, name))
    )
    if isinstance(misfit, MissingField):
        return MissingField(param, misfit.allowed)
    if given is not None:
        return BadField(param, misfit.allowed, given.value)
    if name in frames or name in frames.values():
        return BadField(param, misfit.allowed, misfit.got, found=misfit.found)
    # Nobody sent it, so that nothing is quoted.
    default = misfit.found or shown(misfit.got).strip("'")
    return BadField(param, misfit.allowed, found=f"the model's own default, {default}")
