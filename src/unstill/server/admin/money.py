"""The money of a job as operators see it."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from unstill.domain.book import money_of
from unstill.domain.money import Charge, PriceBasis, shown_amount


class AdminMoney(msgspec.Struct, frozen=True):
    """What a job is charged with and has cost so far, in the house currency, as plain decimals.

    reserved: for as long as it is not known what it comes to. price: null before its end.
    """

    basis: PriceBasis
    currency: str
    reserved: str
    price: str | None
    cost: str


def money_told(entries: Sequence[Charge]) -> AdminMoney | None:
    """What a job's entries in the book say, oldest first; None where it was made without money."""
    money = money_of(entries)
    if money is None:
        return None
    return AdminMoney(
        basis=money.basis,
        currency=money.currency,
        reserved=shown_amount(money.reserved),
        price=None if money.price is None else shown_amount(money.price),
        cost=shown_amount(money.cost),
    )
