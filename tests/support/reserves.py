"""Reserves of jobs for the book of money."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from unstill.domain.job import Job
from unstill.domain.money import (
    MILLION,
    SECOND_NS,
    BilledUnit,
    Budgets,
    Charge,
    ChargeKind,
    ChargeReserve,
    CostRate,
    PriceBasis,
    UnitRate,
    day_of,
)

NINE_CENTS = UnitRate(BilledUnit.SECOND, 90_000)
YUAN = CostRate(UnitRate(BilledUnit.SECOND, 600_000), "CNY", worth=125_000)
NO_BUDGET = Budgets()


def an_entry(job: Job, **fields: Any) -> Charge:
    """The reserve of 0.45 EUR for five seconds, but for the fields that a test names."""
    entry = Charge(
        job_id=job.id,
        kind=ChargeKind.RESERVE,
        n=0,
        at_ms=job.created_ms,
        day=day_of(job.created_ms),
        owner=job.owner,
        key_id=job.key_id,
        model=job.model,
        engine=job.engine,
        upstream_model="wan2.7-i2v",
        basis=PriceBasis.PRICE,
        unit=BilledUnit.SECOND,
        rate=NINE_CENTS.millionths,
        billed_ns=5 * SECOND_NS,
        currency="EUR",
        own_amount=450_000,
        worth=MILLION,
        amount=450_000,
    )
    return replace(entry, **fields)


def a_reserve(job: Job, budgets: Budgets = NO_BUDGET, **fields: Any) -> ChargeReserve:
    return ChargeReserve(an_entry(job, **fields), budgets)
