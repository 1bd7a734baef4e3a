"""What a new job is charged with: its price, else the dearest engine's cost, else nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from msgspec.structs import replace

from support.jobs import OWNER, a_job
from support.requests import a_request
from support.scripted_engine import Engine
from unstill.domain.access_errors import OverBudget
from unstill.domain.errors import BadField
from unstill.domain.job import Job
from unstill.domain.money import (
    MILLION,
    SECOND_NS,
    BilledUnit,
    Budgets,
    BudgetUse,
    CostRate,
    PriceBasis,
    UnitRate,
)
from unstill.domain.owner import Owner
from unstill.domain.request import Size, TierName, VideoRequest
from unstill.domain.tariff import ANY_TIER, NOTHING, Tariff
from unstill.models.catalogue import CARDS
from unstill.service.charging import Charged, Charging, EngineRate

MODEL = "wan2.7-i2v"
BY_ID = {card.id: card for card in CARDS}
NOBODYS = Budgets()


def a_second(millionths: int) -> UnitRate:
    return UnitRate(BilledUnit.SECOND, millionths)


def a_video(millionths: int) -> UnitRate:
    return UnitRate(BilledUnit.VIDEO, millionths)


def costs(**engines: CostRate) -> Mapping[str, Mapping[str, Mapping[str, CostRate]]]:
    """By engine: of its only upstream model."""
    return {name: {f"{name}'s": {ANY_TIER: cost}} for name, cost in engines.items()}


class Refuser(Engine):
    """An engine that makes nothing."""

    def misfit(self, request: VideoRequest) -> BadField | None:
        return BadField("model", "another one", request.model)


def engines(*names: str) -> list[Engine]:
    return [named(Engine(), name) for name in names]


def named(engine: Engine, name: str) -> Engine:
    engine.name = name
    return engine


class Owners:
    """What they may spend, and have spent."""

    def __init__(self, budgets: Budgets = NOBODYS, use: BudgetUse | None = None) -> None:
        self.budgets = budgets
        self.use = use or BudgetUse()
        self.asked: list[tuple[Owner, int]] = []

    def budgets_of(self, owner: Owner) -> Budgets:
        assert owner == OWNER
        return self.budgets

    async def used(self, owner: Owner, day: int) -> BudgetUse:
        self.asked.append((owner, day))
        return self.use


def charging(tariff: Tariff, owners: Owners | None = None) -> Charging:
    owners = owners or Owners()
    return Charging(
        tariff,
        cards=BY_ID,
        upstream_model=lambda engine, _: f"{engine}'s",
        budgets_of=owners.budgets_of,
        used=owners.used,
    )


def job(**fields: Any) -> Job:
    """Five seconds at 720P, and `first` is to make it."""
    return a_job(engine="first", request=a_request(**fields))


PRICES = Tariff("EUR", prices={MODEL: {"720P": a_second(90_000), "1080P": a_video(MILLION)}})
YUAN = CostRate(a_second(600_000), "CNY", worth=125_000)


async def test_without_money_in_the_settings_nothing_is_reserved_or_told() -> None:
    owners = Owners(Budgets(day=0))
    nothing = charging(Tariff(), owners)

    assert await nothing.reserve(job(), engines("first")) is None
    assert nothing.charged(MODEL, BY_ID[MODEL], engines("first")) == {}
    assert owners.asked == []


async def test_a_price_is_reserved_for_the_length_that_was_asked_for() -> None:
    made = replace(job(), key_id="key", created_ms=86_400_000 + 5)
    reserve = await charging(PRICES).reserve(made, engines("first", "second"))

    assert reserve is not None
    entry = reserve.entry
    assert (entry.job_id, entry.owner, entry.key_id) == (made.id, OWNER, "key")
    assert (entry.at_ms, entry.day, entry.n) == (86_400_005, 1, 0)
    assert (entry.model, entry.engine, entry.upstream_model) == (MODEL, "first", "first's")
    assert (entry.basis, entry.unit, entry.rate) == (PriceBasis.PRICE, BilledUnit.SECOND, 90_000)
    assert entry.billed_ns == 5 * SECOND_NS
    assert (entry.currency, entry.worth) == ("EUR", MILLION)
    assert (entry.own_amount, entry.amount) == (450_000, 450_000)
    assert reserve.budgets == NOBODYS


@pytest.mark.parametrize(
    ("fields", "amount"),
    [
        ({"tier": "720P"}, 450_000),
        ({"tier": "1080P"}, MILLION),
        ({"tier": "1080P", "duration_s": 15}, MILLION),
        ({"tier": "720P", "duration_s": 15}, 1_350_000),
        # An exact size is charged by its area, whatever the default tier.
        ({"tier": "1080P", "size": Size(640, 480)}, 450_000),
        ({"tier": "720P", "size": Size(1920, 1080)}, MILLION),
    ],
)
async def test_a_price_is_that_of_the_tier(fields: dict[str, Any], amount: int) -> None:
    reserve = await charging(PRICES).reserve(job(**fields), engines("first"))

    assert reserve is not None
    assert reserve.entry.amount == amount


async def test_a_price_holds_whatever_the_engines_cost() -> None:
    tariff = replace(PRICES, costs=costs(first=YUAN))
    reserve = await charging(tariff).reserve(job(), engines("first"))

    assert reserve is not None
    assert reserve.entry.basis is PriceBasis.PRICE
    assert reserve.entry.amount == 450_000


async def test_without_a_price_the_dearest_engine_that_may_make_it_is_reserved() -> None:
    per_video = CostRate(a_video(500_000), "EUR")
    tariff = Tariff(
        "EUR", costs=costs(first=YUAN, second=per_video, never=CostRate(a_video(9**9), "EUR"))
    )
    made_by = [*engines("first", "second", "free"), named(Refuser(), "never")]

    short = await charging(tariff).reserve(job(duration_s=5), made_by)
    long = await charging(tariff).reserve(job(duration_s=10), made_by)

    assert short is not None
    assert long is not None
    assert (short.entry.basis, short.entry.unit, short.entry.amount) == (
        PriceBasis.COST,
        BilledUnit.VIDEO,
        500_000,  # YUAN: 5 s of 0.6 at 0.125 are 0.375
    )
    assert (long.entry.unit, long.entry.rate, long.entry.amount) == (
        BilledUnit.SECOND,
        75_000,
        750_000,
    )


async def test_what_has_neither_is_free_and_still_written() -> None:
    reserve = await charging(PRICES).reserve(
        replace(job(), model="mine"), engines("first", "second")
    )

    assert reserve is not None
    assert (reserve.entry.basis, reserve.entry.amount) == (PriceBasis.FREE, 0)


# --- budgets -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("budgets", "use", "period"),
    [
        (Budgets(day=450_000), BudgetUse(), None),
        (Budgets(day=449_999), BudgetUse(), "day"),
        (Budgets(day=900_000), BudgetUse(day=450_000, month=5 * MILLION), None),
        (Budgets(day=900_000), BudgetUse(day=450_001, month=5 * MILLION), "day"),
        (Budgets(month=900_000), BudgetUse(day=0, month=450_000), None),
        (Budgets(month=900_000), BudgetUse(day=0, month=450_001), "month"),
        (Budgets(day=0, month=0), BudgetUse(), "day"),
    ],
)
async def test_a_job_is_let_in_up_to_its_owners_budget(
    budgets: Budgets, use: BudgetUse, period: str | None
) -> None:
    owners = Owners(budgets, use)
    asked = charging(PRICES, owners).reserve(job(), engines("first"))

    if period is None:
        reserve = await asked
        assert reserve is not None
        assert reserve.budgets == budgets  # which decide once more where it is stored
    else:
        with pytest.raises(OverBudget) as refused:
            await asked
        assert refused.value.period == period
        assert "budget" in refused.value.message
    assert owners.asked == [(OWNER, job().created_ms // 86_400_000)]


async def test_nothing_is_asked_of_the_book_for_an_owner_without_a_budget() -> None:
    owners = Owners()
    await charging(PRICES, owners).reserve(job(), engines("first"))

    assert owners.asked == []


async def test_what_is_free_passes_a_budget_of_nothing() -> None:
    owners = Owners(Budgets(day=0), BudgetUse())
    tariff = Tariff("EUR")

    assert await charging(tariff, owners).reserve(job(), engines("first")) is not None


# --- what callers are told -----------------------------------------------------------------------


def told(tariff: Tariff, *made_by: Engine) -> Mapping[TierName, Charged]:
    return charging(tariff).charged(MODEL, BY_ID[MODEL], made_by)


def test_callers_are_told_the_price_of_each_tier() -> None:
    assert told(PRICES, *engines("first")) == {
        "720P": Charged(PriceBasis.PRICE, "EUR", (EngineRate("", a_second(90_000)),)),
        "1080P": Charged(PriceBasis.PRICE, "EUR", (EngineRate("", a_video(MILLION)),)),
    }


def test_callers_are_told_what_each_engine_costs_in_the_house_currency() -> None:
    tariff = Tariff(
        "EUR",
        prices={MODEL: {"1080P": a_second(1)}},
        costs=costs(first=YUAN, never=YUAN),
    )
    made_by = [*engines("first", "free"), named(Refuser(), "never")]

    assert told(tariff, *made_by)["720P"] == Charged(
        PriceBasis.COST,
        "EUR",
        (EngineRate("first", a_second(75_000)), EngineRate("free", NOTHING)),
    )
    assert told(tariff, *made_by)["1080P"].basis is PriceBasis.PRICE


def test_callers_are_told_what_is_free() -> None:
    free = Charged(PriceBasis.FREE, "EUR", ())

    assert told(Tariff("EUR", costs=costs(other=YUAN)), *engines("first"))["720P"] == free
    assert told(Tariff("EUR"))["720P"] == free
