"""What is charged by the settings: the costs of engines and the prices of models."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction

import msgspec

from unstill.domain.money import MILLION, BilledUnit, CostRate, PriceBasis, PriceTerms, UnitRate
from unstill.domain.request import TierName

NOTHING = UnitRate(BilledUnit.VIDEO, 0)
ANY_TIER = ""


class Tariff(msgspec.Struct, frozen=True):
    """Costs and prices; without any of them nothing is written to the book.

    prices: by model, as callers name it, and tier; in the house currency.
    costs: by engine, the upstream's name of the model, and tier (`ANY_TIER`: those without one of
        their own). An engine of this machine names a model as unstill does.
    worths: by currency, the millionths of the house currency that one of it is worth.
    """

    currency: str = ""
    prices: Mapping[str, Mapping[TierName, UnitRate]] = {}
    costs: Mapping[str, Mapping[str, Mapping[str, CostRate]]] = {}
    worths: Mapping[str, int] = {}

    @property
    def is_empty(self) -> bool:
        return not self.currency

    def price(self, model: str, tier: TierName) -> UnitRate | None:
        """What callers are charged for a model by that name; None where its cost is the price."""
        return self.prices.get(model, {}).get(tier)

    def cost(self, engine: str, upstream_model: str, tier: TierName) -> CostRate | None:
        """What an engine charges for an upstream's model; None where that costs nothing."""
        by_tier = self.costs.get(engine, {}).get(upstream_model, {})
        return by_tier.get(tier) or by_tier.get(ANY_TIER)

    def told(self, millionths: int, currency: str) -> CostRate | None:
        """What an upstream says to charge for one video; None where nobody knows its worth."""
        worth = self.worths.get(currency)
        if worth is None:
            return None
        return CostRate(UnitRate(BilledUnit.VIDEO, millionths), currency, worth)

    def terms(
        self, price: UnitRate | None, costs: Iterable[CostRate | None], *, asked_ns: int
    ) -> PriceTerms:
        """What a job is charged with. `costs`: of each engine that may come to make it."""
        if price is not None:
            return PriceTerms(PriceBasis.PRICE, price, self.currency, asked_ns)
        rates = [in_house(each) for each in costs if each is not None]
        if not rates:
            return PriceTerms(PriceBasis.FREE, NOTHING, self.currency, asked_ns)
        dearest = max(rates, key=lambda each: each.exactly(asked_ns))
        return PriceTerms(PriceBasis.COST, dearest, self.currency, asked_ns)


def in_house(cost: CostRate) -> UnitRate:
    """A cost in the house currency, to whole millionths upwards: it is reserved, not settled."""
    exact = Fraction(cost.rate.millionths * cost.worth, MILLION)
    return UnitRate(cost.rate.unit, -(-exact.numerator // exact.denominator))
