"""What a new job is charged with, by the tariff of now, and what callers are told of that."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence

import msgspec

from unstill.domain.book import BudgetLeft, budgets_left, check_budgets
from unstill.domain.engine import Engine
from unstill.domain.errors import BadSetting
from unstill.domain.job import Job
from unstill.domain.money import (
    MILLION,
    SECOND_NS,
    Budgets,
    BudgetUse,
    Charge,
    ChargeKind,
    ChargeReserve,
    CostRate,
    PriceBasis,
    PriceTerms,
    UnitRate,
    day_of,
)
from unstill.domain.owner import Owner
from unstill.domain.request import TierName, VideoRequest
from unstill.domain.tariff import NOTHING, Tariff, in_house
from unstill.models.card import Card
from unstill.models.costs import Costs
from unstill.models.sample_requests import sample_requests
from unstill.models.sizes import charged_tier
from unstill.store.ports.charges import Charges

UNBOUNDED, UNUSED = Budgets(), BudgetUse()


async def check_currency(tariff: Tariff, charges: Charges, now_ms: int) -> None:
    """Raises BadSetting for another house currency than that of jobs that still count."""
    if tariff.is_empty:
        return
    other = await charges.other_currency(tariff.currency, day_of(now_ms))
    if other is not None:
        reason = (
            f"must stay {other} for now, got {tariff.currency}: jobs of this month, or that have "
            f"not ended or are in doubt, are charged in {other} (see docs/money.md)"
        )
        raise BadSetting("money.currency", reason)


class EngineRate(msgspec.Struct, frozen=True):
    """What a unit is charged with where an engine makes the video, in the house currency."""

    engine: str  # empty: whichever does
    rate: UnitRate


class Charged(msgspec.Struct, frozen=True):
    """What videos of a model and tier are charged with."""

    basis: PriceBasis
    currency: str
    rates: tuple[EngineRate, ...]  # with the basis FREE, none


class OwnMoney(msgspec.Struct, frozen=True):
    """What an owner may yet have charged: its budgets, of which there may be none."""

    currency: str
    budgets: tuple[BudgetLeft, ...]


class Charging:
    """Terms of jobs, by the settings."""

    def __init__(
        self,
        tariff: Tariff,
        *,
        cards: Mapping[str, Card],
        upstream_model: Callable[[str, VideoRequest], str],
        budgets_of: Callable[[Owner], Budgets],
        used: Callable[[Owner, int], Awaitable[BudgetUse]],
    ) -> None:
        """upstream_model: what an engine, by its name, calls the model of a request.

        used: what of an owner's is settled and reserved on a day, and in its month.
        """
        self._tariff = tariff
        self._cards = cards
        self._costs = Costs(tariff, cards)
        self._upstream_model = upstream_model
        self._budgets_of = budgets_of
        self._used = used

    async def reserve(self, job: Job, engines: Sequence[Engine]) -> ChargeReserve | None:
        """What is reserved with a new job, which `engines` may come to make.

        None where the settings charge nothing: no book is kept then.

        Raises OverBudget where its owner's budgets have no room for it now: before anything of it
        is stored. Whoever stores it decides that again, of all that come at once.
        """
        reserve = self.wanted(job, engines)
        if reserve is not None and reserve.budgets != UNBOUNDED:
            check_budgets(reserve, await self._used(job.owner, reserve.entry.day))
        return reserve

    def wanted(self, job: Job, engines: Sequence[Engine]) -> ChargeReserve | None:
        """The same, whether its owner's budgets have room for it or not."""
        if self._tariff.is_empty:
            return None
        entry = self._entry(job, self._terms(job, engines))
        return ChargeReserve(entry, self._budgets_of(job.owner))

    def _terms(self, job: Job, engines: Sequence[Engine]) -> PriceTerms:
        request = job.request
        price = self._tariff.price(job.model, charged_tier(self._cards[request.model], request))
        costs = () if price is not None else self._each_cost(engines, request)
        return self._tariff.terms(price, costs, asked_ns=request.duration_s * SECOND_NS)

    def _each_cost(
        self, engines: Iterable[Engine], request: VideoRequest
    ) -> Iterator[CostRate | None]:
        for engine in engines:
            # To ask what has no costs for its misfits would be for nothing.
            if engine.name in self._tariff.costs and engine.misfit(request) is None:
                yield self._cost(engine.name, request)

    def _cost(self, engine: str, request: VideoRequest) -> CostRate | None:
        return self._costs.of(engine, self._upstream_model(engine, request), request)

    def _entry(self, job: Job, terms: PriceTerms) -> Charge:
        return Charge(
            job_id=job.id,
            kind=ChargeKind.RESERVE,
            n=0,
            at_ms=job.created_ms,
            day=day_of(job.created_ms),
            owner=job.owner,
            key_id=job.key_id,
            model=job.model,
            engine=job.engine,
            upstream_model=self._upstream_model(job.engine, job.request),
            basis=terms.basis,
            unit=terms.rate.unit,
            rate=terms.rate.millionths,
            billed_ns=terms.asked_ns,
            currency=terms.currency,
            own_amount=terms.amount,
            worth=MILLION,
            amount=terms.amount,
        )

    # --- what callers are told -----------------------------------------------------------------

    async def money_of(self, owner: Owner, now_ms: int) -> OwnMoney | None:
        """What is left of an owner's budgets; None where the settings charge nothing."""
        budgets, day = self._budgets_of(owner), day_of(now_ms)
        if self._tariff.is_empty or budgets == UNBOUNDED:
            return self.money_by(budgets, UNUSED, day)
        return self.money_by(budgets, await self._used(owner, day), day)

    def money_by(self, budgets: Budgets, used: BudgetUse, day: int) -> OwnMoney | None:
        """The same by what is known of an owner."""
        if self._tariff.is_empty:
            return None
        return OwnMoney(self._tariff.currency, tuple(budgets_left(budgets, used, day)))

    def charged(
        self, model: str, card: Card, engines: Sequence[Engine]
    ) -> Mapping[TierName, Charged]:
        """What each tier of a model is charged with; nothing where the settings charge nothing.

        engines: those that its jobs may come to.
        """
        if self._tariff.is_empty:
            return {}
        return {tier: self._charged(model, card, tier, engines) for tier in card.tiers}

    def _charged(
        self, model: str, card: Card, tier: TierName, engines: Sequence[Engine]
    ) -> Charged:
        currency = self._tariff.currency
        price = self._tariff.price(model, tier)
        if price is not None:
            return Charged(PriceBasis.PRICE, currency, (EngineRate("", price),))
        requests = [each for each in sample_requests(card) if each.tier == tier]
        found = {
            (engine.name, self._cost(engine.name, request)): None
            for engine in engines
            for request in requests
            if engine.misfit(request) is None
        }
        if all(cost is None for _, cost in found):
            return Charged(PriceBasis.FREE, currency, ())
        rates = (
            EngineRate(engine, NOTHING if cost is None else in_house(cost))
            for engine, cost in found
        )
        return Charged(PriceBasis.COST, currency, tuple(rates))
