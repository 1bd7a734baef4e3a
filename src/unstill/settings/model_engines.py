"""Which engines do a model's jobs, by the settings; and that each of them can do any at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from unstill.domain.engine import Engine
from unstill.domain.errors import BadField, BadSetting
from unstill.models.card import Card
from unstill.models.catalogue import Catalogue
from unstill.models.sample_requests import sample_requests
from unstill.settings.engines import NO_ENGINE, RemoteSettings
from unstill.settings.reader import Settings

Routes = Mapping[str, Sequence[str]]  # engines by every name of a model, in the order of their turn


def routes_of(settings: Settings, catalogue: Catalogue) -> Routes:
    """Engines by every name, aliases included: what is set for the name, else for its card."""
    default = settings.server.default_engine
    fallback: tuple[str, ...] = () if default == NO_ENGINE else (default,)
    routes: dict[str, Sequence[str]] = {}
    for name, card in catalogue.names.items():
        own = settings.models.get(name)
        of_card = settings.models.get(card.id) if name not in catalogue.likes else None
        routes[name] = next(
            (model.engines for model in (own, of_card) if model is not None and model.engines),
            fallback,
        )
    return routes


def check_routes(settings: Settings, catalogue: Catalogue, engines: Mapping[str, Engine]) -> None:
    """Raises BadSetting for an engine that a model names and that refuses all of its requests."""
    for name, model in settings.models.items():
        card = catalogue.names[name]
        for engine in model.engines:
            why = never(engines[engine], card)
            if why is not None:
                is_remote = isinstance(settings.engines.get(engine), RemoteSettings)
                needed = _needed(why, engine, card, is_remote=is_remote)
                reason = f"{engine} can never serve it: {needed}"
                raise BadSetting(f'models."{name}".engines', reason)


def unserved(settings: Settings, catalogue: Catalogue, engines: Mapping[str, Engine]) -> list[str]:
    """The models that fall to the default engine, which can do none of their requests."""
    routes = routes_of(settings, catalogue)
    return [
        name
        for name in catalogue.listed()
        if not any(never(engines[each], catalogue.names[name]) is None for each in routes[name])
    ]


def never(engine: Engine, card: Card) -> BadField | None:
    """Why the engine does nothing that the card allows; None if it does something."""
    why = None
    for request in sample_requests(card):
        why = engine.misfit(request)
        if why is None:
            return None
    return why


def _needed(why: BadField, engine: str, card: Card, *, is_remote: bool) -> str:
    if why.param == "model":
        mend = f"engines.{engine}.models may name it"
        if is_remote:
            mend = f'engines.{engine}.models."{card.id}" may name an upstream model for it'
        return f"its models are {why.allowed.removeprefix('one of ')}; {mend}"
    return why.message
