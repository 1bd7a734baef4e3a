"""What the settings charge: a tariff, made of what is written of money."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import get_args

from unstill.domain.engine import Engine
from unstill.domain.errors import BadSetting, shown
from unstill.domain.money import MILLION, CostRate, UnitRate, shown_amount
from unstill.domain.request import TierName
from unstill.domain.tariff import ANY_TIER, Tariff, in_house
from unstill.models.card import Card
from unstill.models.catalogue import Catalogue
from unstill.models.sample_requests import sample_requests
from unstill.settings.engines import EngineSettings, LocalSettings
from unstill.settings.models import ModelSettings, canonical_id
from unstill.settings.money import (
    CURRENCY,
    CostSettings,
    MoneySettings,
    RateSettings,
    amount_in,
    unit_rate,
)
from unstill.settings.tables import did_you_mean
from unstill.upstreams.port import Remote

MOST = 10**6 * MILLION  # in the house currency, a unit: the sums of many jobs stay whole numbers
TIERS: tuple[TierName, ...] = get_args(TierName)


def tariff_of(
    money: MoneySettings | None,
    *,
    engines: Mapping[str, EngineSettings],
    models: Mapping[str, ModelSettings],
    catalogue: Catalogue,
) -> Tariff:
    """Empty where nothing is written of money. Raises BadSetting."""
    house = money or MoneySettings()
    worths = _worths(house)
    costs = {
        name: found
        for name, engine in engines.items()
        if (found := _costs(name, engine, house.currency, worths))
    }
    prices = _prices(models, catalogue)
    is_in_force = money is not None or costs or prices
    return Tariff(house.currency, prices, costs, worths) if is_in_force else Tariff()


def check_costs(
    tariff: Tariff,
    engines: Mapping[str, Engine],
    remotes: Mapping[str, Remote],
    cards: Sequence[Card],
) -> None:
    """Raises BadSetting for a cost of what its engine never asks for, and for a tier without one.

    remotes: those of the engines that ask an upstream, which names the models.
    """
    for name, costs in tariff.costs.items():
        asked = _asked(engines[name], remotes.get(name), cards)
        for model, by_tier in costs.items():
            where = f'engines.{name}.costs."{model}"'
            if model not in asked:
                reason = f"{name} never asks for it, but for {', '.join(sorted(asked))}"
                raise BadSetting(where, reason + did_you_mean(model, asked))
            for tier in by_tier:
                if tier not in (*asked[model], ANY_TIER):
                    reason = f"{name} never asks for it, but for {_or(asked[model])}"
                    raise BadSetting(f'{where}.tiers."{tier}"', reason)
            missing = [tier for tier in asked[model] if tier not in by_tier]
            if missing and ANY_TIER not in by_tier:
                reason = "must have per_second or per_video, for tiers without one of their own"
                raise BadSetting(where, f"{reason}: {', '.join(missing)}")


def _asked(
    engine: Engine, remote: Remote | None, cards: Sequence[Card]
) -> Mapping[str, Sequence[TierName]]:
    """By the names of models that the engine asks for: the tiers that it may ask of each."""
    asked: dict[str, set[TierName]] = defaultdict(set)
    for request in (each for card in cards for each in sample_requests(card)):
        if engine.misfit(request) is None:
            model = request.model if remote is None else remote.upstream_model(request)
            asked[model].add(request.tier)
    return {model: [tier for tier in TIERS if tier in tiers] for model, tiers in asked.items()}


def _worths(money: MoneySettings) -> Mapping[str, int]:
    """By currency: millionths of the house currency that one of it is worth."""
    worths = {money.currency: MILLION}
    for currency, written in money.rates.items():
        setting = f"money.rates.{currency}"
        if not CURRENCY.fullmatch(currency):
            reason = f"must be named in three capital letters, such as CNY, got {shown(currency)}"
            raise BadSetting(setting, reason)
        worth = amount_in(written, setting)
        if not worth:
            reason = f"must be more than 0: it is what one {currency} is worth in {money.currency}"
            raise BadSetting(setting, reason)
        if currency == money.currency and worth != MILLION:
            reason = f"is of the house currency, of which one is worth 1, got {shown(written)}"
            raise BadSetting(setting, reason)
        worths[currency] = worth
    return worths


def _costs(
    name: str, engine: EngineSettings, house: str, worths: Mapping[str, int]
) -> dict[str, dict[str, CostRate]]:
    """By the upstream's name of the model, or unstill's for an engine of this machine; by tier."""
    where = f"engines.{name}"
    currency = engine.currency or house
    if currency not in worths:
        mend = f'write what one {currency} is worth in {house}: [money.rates] {currency} = "..."'
        raise BadSetting(f"{where}.currency", f"{currency} has no rate; {mend}")
    costs: dict[str, dict[str, CostRate]] = {}
    for written, charged in engine.costs.items():
        setting = f'{where}.costs."{written}"'
        is_local = isinstance(engine, LocalSettings)
        model = canonical_id(written, setting) if is_local else written
        if model in costs:
            raise BadSetting(setting, f"is {model}, which is there already")
        costs[model] = {
            tier: CostRate(rate, currency, worths[currency])
            for tier, rate in _cost_by_tier(charged, setting).items()
        }
        for cost in costs[model].values():
            _check_most(in_house(cost), house, setting)
    return costs


def _cost_by_tier(charged: CostSettings, setting: str) -> Mapping[str, UnitRate]:
    found = _by_tier(charged.tiers, TIERS, f"{setting}.tiers").items()
    of_tiers = {str(tier): rate for tier, rate in found}
    if of_tiers and charged.per_second is None and charged.per_video is None:
        return of_tiers
    return {ANY_TIER: unit_rate(charged, setting)} | of_tiers


def _prices(
    models: Mapping[str, ModelSettings], catalogue: Catalogue
) -> Mapping[str, Mapping[TierName, UnitRate]]:
    """By every name that has any: its own, else those of the model that it is like."""
    written: dict[str, dict[TierName, UnitRate]] = {}
    for name, model in models.items():
        if not model.prices:
            continue
        where, listed = f'models."{name}".prices', catalogue.listed_as(name)
        if listed in written:
            raise BadSetting(where, f"{name} is {listed}, which has prices already")
        written[listed] = _by_tier(model.prices, catalogue.names[name].tiers, where)
        for tier, rate in written[listed].items():
            _check_most(rate, "the house currency", f'{where}."{tier}"')
    found = {
        name: written.get(catalogue.listed_as(name)) or written.get(card.id)
        for name, card in catalogue.names.items()
    }
    return {name: prices for name, prices in found.items() if prices}


def _by_tier(
    written: Mapping[str, RateSettings], tiers: Sequence[TierName], where: str
) -> dict[TierName, UnitRate]:
    rates: dict[TierName, UnitRate] = {}
    for name, rate in written.items():
        setting = f'{where}."{name}"'
        tier = next((each for each in tiers if each == name.strip().upper()), None)
        if tier is None:
            raise BadSetting(setting, f"must be for {_or(tiers)}, got {shown(name)}")
        if tier in rates:
            raise BadSetting(setting, f"is {tier}, which is there already")
        rates[tier] = unit_rate(rate, setting)
    return rates


def _check_most(rate: UnitRate, currency: str, setting: str) -> None:
    if rate.millionths > MOST:
        reason = f"must be at most {shown_amount(MOST)} in {currency} a {rate.unit}"
        raise BadSetting(setting, f"{reason}, got {shown_amount(rate.millionths)}")


def _or(tiers: Iterable[str]) -> str:
    return " or ".join(tiers)
