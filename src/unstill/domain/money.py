"""Money: amounts, what is charged by, and the rows of the book that every charge is written to.

Amounts are whole millionths of a currency, never floats. Two figures are kept apart: the *cost* is
what an upstream charges the operator, in its own currency and in the house's; the *price* is what
an owner is charged, in the house currency. A price is reserved together with the job's row, and
settled or released together with the move that ends it; a row is never changed.
"""

from __future__ import annotations

import math
import re
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

import msgspec

from unstill.domain.owner import Owner

MILLION = 1_000_000
SECOND_NS = 1_000_000_000
DAY_MS = 24 * 3600 * 1000
MOST_UNITS = 999_999_999
AMOUNT = f'an amount from 0 to {MOST_UNITS}, with at most six decimals, such as "0.09"'
MOST_MILLIONTHS = 10**15  # a thousand million; sums of many stay whole in every database
AMOUNT_PATTERN = r"^[0-9]{1,9}(\.[0-9]{1,6})?$"
_DECIMAL = re.compile(AMOUNT_PATTERN)


class BilledUnit(StrEnum):
    SECOND = "second"  # a second of video, as billed
    VIDEO = "video"


class UnitRate(msgspec.Struct, frozen=True):
    """What one unit is charged with, in millionths of a currency."""

    unit: BilledUnit
    millionths: int

    def exactly(self, billed_ns: int) -> Fraction:
        """What a video of so many billed nanoseconds is charged with, in millionths."""
        if self.unit is BilledUnit.VIDEO:
            return Fraction(self.millionths)
        return Fraction(self.millionths * billed_ns, SECOND_NS)


class CostRate(msgspec.Struct, frozen=True):
    """What an upstream charges, and what one of its currency is worth in the house's."""

    rate: UnitRate
    currency: str
    worth: int = MILLION  # millionths of the house currency


class PriceBasis(StrEnum):
    PRICE = "price"  # the settings have one
    COST = "cost"  # they have none: what the engine costs
    FREE = "free"  # the engine has no cost either


class PriceTerms(msgspec.Struct, frozen=True):
    """What a job is to be charged with, as agreed when it was submitted; in the house currency.

    rate: of the price; with the basis COST, of the dearest engine that may make it.
    """

    basis: PriceBasis
    rate: UnitRate
    currency: str
    asked_ns: int  # the length that was asked for

    @property
    def amount(self) -> int:
        """What is reserved."""
        return whole(self.rate.exactly(self.asked_ns))


class ChargeKind(StrEnum):
    RESERVE = "reserve"  # the price is held until the job is settled or released
    SETTLE = "settle"  # the price of a video that was made
    RELEASE = "release"  # no price: there is no video
    COST = "cost"  # what an upstream charges


class Charge(msgspec.Struct, frozen=True):
    """One row of the book. What was multiplied is kept beside the result, so that it can be proved.

    A reserve, its settlement or release and the costs of a job all count for the day on which the
    job was submitted: of any day, no more is settled and reserved than was let in that day.
    """

    job_id: str
    kind: ChargeKind
    n: int  # the attempt that a cost is of, of which there is one; 0 for a price
    at_ms: int
    day: int  # since 1 January 1970, UTC, of the job's making
    owner: Owner
    key_id: str  # that it was submitted with; empty for a key from the environment, and without one
    model: str  # as callers name it
    engine: str  # for a reserve the first to try, for a settlement the one that made the video
    upstream_model: str
    basis: PriceBasis
    unit: BilledUnit
    rate: int  # millionths of `currency` a unit
    billed_ns: int  # for a reserve the length that was asked for, for a release 0
    currency: str
    own_amount: int  # millionths of `currency`
    worth: int  # millionths of the house currency that one of `currency` is worth
    amount: int  # millionths of the house currency


class Budgets(msgspec.Struct, frozen=True):
    """What an owner may have settled and reserved, in millionths; None: any amount."""

    day: int | None = None
    month: int | None = None


class ChargeReserve(msgspec.Struct, frozen=True):
    """A reserve to be stored with its job, if the owner's budgets have room for it."""

    entry: Charge
    budgets: Budgets


class BudgetUse(msgspec.Struct, frozen=True):
    """What of an owner's is settled and reserved, in millionths of the house currency."""

    day: int = 0
    month: int = 0


class Bill(msgspec.Struct, frozen=True):
    """What is known of a job's video when the job ends: how much of it is billed, and by whom.

    is_known: whether it is known to be charged for; the cost is then settled also where the job
        fails. Where nobody knows, and there is a cost, the reserve stands until an operator says.
    """

    billed_ns: int
    engine: str
    upstream_model: str
    cost: CostRate | None
    is_known: bool = True

    @property
    def is_doubt(self) -> bool:
        return self.cost is not None and not self.is_known


def whole(exact: Fraction) -> int:
    """Whole millionths, half of one upwards."""
    return (2 * exact.numerator + exact.denominator) // (2 * exact.denominator)


def millionths(amount: str) -> int:
    """An amount as people write it, such as 0.09; raises ValueError for any other text.

    Not negative, at most six decimals and nine digits before them.
    """
    if not _DECIMAL.fullmatch(amount):
        raise ValueError(amount)
    return int(Decimal(amount) * MILLION)


def millionths_in(value: object) -> int:
    """An amount as text or number; raises ValueError for what is none, or not exactly one."""
    match value:
        case bool():
            raise ValueError(value)
        case int() | str():
            return millionths(str(value))
        case float() if math.isfinite(value):
            # The shortest decimal that is read as this float; Python writes 1e-05 for some.
            return millionths(f"{Decimal(repr(value)):f}".removesuffix(".0"))
        case _:
            raise ValueError(value)


def shown_amount(amount: int) -> str:
    """Millionths as a plain decimal without idle zeros, such as 0.45."""
    sign, rest = ("-", -amount) if amount < 0 else ("", amount)
    units, part = divmod(rest, MILLION)
    return f"{sign}{units}.{part:06d}".rstrip("0").rstrip(".")


def billed_ns(told_s: float | None, frame_count: int, frame_rate: float) -> int:
    """How long a video is billed: as its upstream told, else its frames divided by their rate."""
    # An upstream's own figure may be anything.
    if told_s is not None and math.isfinite(told_s) and told_s >= 0:
        return whole(Fraction(str(told_s)) * SECOND_NS)
    return whole(Fraction(frame_count) / Fraction(frame_rate) * SECOND_NS)


def day_of(at_ms: int) -> int:
    return at_ms // DAY_MS


def cost_entry(job: Charge, n: int, bill: Bill, at_ms: int) -> Charge | None:
    """What the bill costs the operator; None where nobody charges. `job`: its reserve."""
    if bill.cost is None or not bill.is_known:
        return None
    exact = bill.cost.rate.exactly(bill.billed_ns)
    return msgspec.structs.replace(
        job,
        kind=ChargeKind.COST,
        n=n,
        at_ms=at_ms,
        engine=bill.engine,
        upstream_model=bill.upstream_model,
        basis=PriceBasis.COST,
        unit=bill.cost.rate.unit,
        rate=bill.cost.rate.millionths,
        billed_ns=bill.billed_ns,
        currency=bill.cost.currency,
        own_amount=whole(exact),
        worth=bill.cost.worth,
        amount=whole(exact * bill.cost.worth / MILLION),
    )


def settlement_entry(reserve: Charge, bill: Bill, cost: Charge | None, at_ms: int) -> Charge:
    """The price of a video that was made, by the terms of its reserve."""
    if reserve.basis is PriceBasis.COST:
        if cost is None:
            return _free(reserve, bill, at_ms)
        return msgspec.structs.replace(cost, kind=ChargeKind.SETTLE, n=0)
    exact = UnitRate(reserve.unit, reserve.rate).exactly(bill.billed_ns)
    return msgspec.structs.replace(
        reserve,
        kind=ChargeKind.SETTLE,
        at_ms=at_ms,
        engine=bill.engine,
        upstream_model=bill.upstream_model,
        billed_ns=bill.billed_ns,
        own_amount=whole(exact),
        amount=whole(exact),
    )


def _free(reserve: Charge, bill: Bill, at_ms: int) -> Charge:
    """The engine that made it costs nothing, and another one that might have would have cost."""
    return msgspec.structs.replace(
        reserve,
        kind=ChargeKind.SETTLE,
        at_ms=at_ms,
        engine=bill.engine,
        upstream_model=bill.upstream_model,
        basis=PriceBasis.FREE,
        rate=0,
        billed_ns=bill.billed_ns,
        own_amount=0,
        amount=0,
    )


def release_entry(reserve: Charge, at_ms: int) -> Charge:
    """No price: the job has come to no video."""
    return msgspec.structs.replace(
        reserve, kind=ChargeKind.RELEASE, at_ms=at_ms, billed_ns=0, own_amount=0, amount=0
    )


def is_proved(entry: Charge) -> bool:
    """Whether the amounts of a row are what its own factors give."""
    exact = UnitRate(entry.unit, entry.rate).exactly(entry.billed_ns)
    if entry.kind is ChargeKind.RELEASE:
        exact = Fraction(0)
    return entry.own_amount == whole(exact) and entry.amount == whole(exact * entry.worth / MILLION)
