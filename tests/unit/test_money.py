"""Amounts to the millionth: how they are read, multiplied, rounded and proved."""

from __future__ import annotations

import msgspec
import pytest

from unstill.domain.money import (
    MILLION,
    SECOND_NS,
    Bill,
    BilledUnit,
    Charge,
    ChargeKind,
    CostRate,
    PriceBasis,
    UnitRate,
    billed_ns,
    cost_entry,
    day_of,
    is_proved,
    millionths,
    release_entry,
    settlement_entry,
    shown_amount,
)
from unstill.domain.owner import Owner
from unstill.domain.tariff import Tariff

NINE_CENTS = UnitRate(BilledUnit.SECOND, 90_000)
RESERVE = Charge(
    job_id="job",
    kind=ChargeKind.RESERVE,
    n=0,
    at_ms=86_400_000,
    day=1,
    owner=Owner("team-a"),
    key_id="",
    model="wan2.7-i2v",
    engine="first",
    upstream_model="wan2.7-i2v",
    basis=PriceBasis.PRICE,
    unit=BilledUnit.SECOND,
    rate=90_000,
    billed_ns=5 * SECOND_NS,
    currency="EUR",
    own_amount=450_000,
    worth=MILLION,
    amount=450_000,
)
YUAN = CostRate(UnitRate(BilledUnit.SECOND, 600_000), "CNY", worth=125_000)


@pytest.mark.parametrize(
    ("text", "amount"),
    [("0", 0), ("0.09", 90_000), ("12", 12 * MILLION), ("0.000001", 1), ("999999999.5", None)],
)
def test_an_amount_is_read_and_shown_as_people_write_it(text: str, amount: int | None) -> None:
    assert shown_amount(millionths(text)) == text
    if amount is not None:
        assert millionths(text) == amount


@pytest.mark.parametrize(
    "text", ["", "-1", "0.0000001", "1e3", ".5", "5.", "1,5", "NaN", "1234567890", " 1", "١"]
)
def test_what_is_no_plain_amount_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        millionths(text)


def test_a_video_is_billed_as_told_else_by_its_frames() -> None:
    assert billed_ns(5, 81, 16.0) == 5 * SECOND_NS
    assert billed_ns(5.04, 81, 16.0) == 5_040_000_000
    assert billed_ns(None, 81, 16.0) == 5_062_500_000
    assert billed_ns(None, 121, 24.0) == 5_041_666_667
    assert billed_ns(float("nan"), 81, 16.0) == 5_062_500_000
    assert billed_ns(float("inf"), 81, 16.0) == 5_062_500_000
    assert billed_ns(-3, 81, 16.0) == 5_062_500_000


def test_a_rate_is_multiplied_exactly_and_rounded_once() -> None:
    bill = Bill(5_041_666_667, "first", "wan2.7-i2v", YUAN)
    cost = cost_entry(RESERVE, 1, bill, 2)
    assert cost is not None
    # 0.6 CNY a second; 3.0250000002 CNY are 0.378125000025 EUR.
    assert (cost.own_amount, cost.amount) == (3_025_000, 378_125)

    price = settlement_entry(RESERVE, bill, cost, 2)
    assert price.amount == 453_750
    assert is_proved(cost)
    assert is_proved(price)


def test_without_a_price_the_cost_of_the_engine_that_made_it_is_the_price() -> None:
    by_cost = msgspec.structs.replace(RESERVE, basis=PriceBasis.COST)
    bill = Bill(5 * SECOND_NS, "second", "other", YUAN)
    cost = cost_entry(by_cost, 2, bill, 3)

    price = settlement_entry(by_cost, bill, cost, 3)
    assert (price.amount, price.basis, price.n) == (375_000, PriceBasis.COST, 0)

    free = Bill(5 * SECOND_NS, "camera", "wan2.7-i2v", None)
    assert cost_entry(by_cost, 2, free, 3) is None
    price = settlement_entry(by_cost, free, None, 3)
    assert (price.amount, price.basis) == (0, PriceBasis.FREE)
    assert is_proved(price)


@pytest.mark.parametrize("field", ["rate", "billed_ns", "own_amount", "worth", "amount"])
def test_a_row_with_another_factor_or_result_is_not_proved(field: str) -> None:
    assert is_proved(RESERVE)
    changed = msgspec.structs.replace(RESERVE, **{field: getattr(RESERVE, field) + 10_000})
    assert not is_proved(changed)


def test_a_release_charges_nothing() -> None:
    released = release_entry(RESERVE, 2)
    assert (released.kind, released.amount, released.day) == (ChargeKind.RELEASE, 0, 1)
    assert is_proved(released)
    assert not is_proved(msgspec.structs.replace(released, amount=1, own_amount=1))


def test_what_is_reserved_is_the_price_else_the_dearest_cost_else_nothing() -> None:
    tariff = Tariff("EUR")
    asked_ns = 5 * SECOND_NS
    terms = tariff.terms(NINE_CENTS, [YUAN], asked_ns=asked_ns)
    assert (terms.basis, terms.amount) == (PriceBasis.PRICE, 450_000)

    cheap = CostRate(UnitRate(BilledUnit.VIDEO, 300_000), "EUR")
    terms = tariff.terms(None, [cheap, None, YUAN], asked_ns=asked_ns)
    assert (terms.basis, terms.amount) == (PriceBasis.COST, 375_000)
    terms = tariff.terms(None, [cheap, YUAN], asked_ns=2 * SECOND_NS)
    assert terms.amount == 300_000

    terms = tariff.terms(None, [None], asked_ns=asked_ns)
    assert (terms.basis, terms.amount) == (PriceBasis.FREE, 0)


def test_a_cost_is_that_of_the_tier_else_of_the_model() -> None:
    dear = CostRate(UnitRate(BilledUnit.SECOND, 1_000_000), "CNY", 125_000)
    tariff = Tariff("EUR", costs={"bailian": {"wan2.7-i2v": {"": YUAN, "1080P": dear}}})
    assert tariff.cost("bailian", "wan2.7-i2v", "720P") == YUAN
    assert tariff.cost("bailian", "wan2.7-i2v", "1080P") == dear
    assert tariff.cost("bailian", "wan2.2-i2v-plus", "720P") is None
    assert tariff.cost("camera", "wan2.7-i2v", "720P") is None


def test_a_day_is_one_of_utc() -> None:
    assert day_of(86_399_999) == 0
    assert day_of(86_400_000) == 1
