"""What is written of money: `[money]`, an engine's `costs`, a model's `prices`.

Figures are read by `amount_in`: an operator writes them as texts, which are exact, or as numbers.
What they come to is a tariff, see tariff.py.
"""

from __future__ import annotations

import re
from typing import Annotated, Any

import msgspec

from unstill.domain.errors import BadSetting, shown
from unstill.domain.money import AMOUNT, BilledUnit, UnitRate, millionths_in

CURRENCY = re.compile(r"\A[A-Z]{3}\Z")
Currency = Annotated[
    str, msgspec.Meta(pattern=CURRENCY.pattern, description="three capital letters, such as EUR")
]


class MoneySettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[money]`."""

    currency: Currency = "EUR"  # the house's: of prices, budgets and reports
    rates: dict[str, Any] = {}  # what one of another currency is worth in the house's


class RateSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is charged, by one of the two."""

    per_second: Any = None  # for a second of video, as billed
    per_video: Any = None


class CostSettings(RateSettings, frozen=True, forbid_unknown_fields=True):
    """`[engines.NAME.costs."upstream model"]`."""

    tiers: dict[str, RateSettings] = {}  # the tiers that are charged otherwise


def amount_in(value: object, setting: str) -> int:
    """In millionths. Raises BadSetting for what is no amount, or could not be kept exactly."""
    try:
        return millionths_in(value)
    except ValueError:
        raise BadSetting(setting, f"must be {AMOUNT}, got {shown(value)}") from None


def unit_rate(rate: RateSettings, setting: str) -> UnitRate:
    """Raises BadSetting for both units, for neither, and for what is no amount."""
    match rate:
        case RateSettings(per_second=None, per_video=None):
            raise BadSetting(setting, "must have per_second or per_video")
        case RateSettings(per_second=each, per_video=None):
            return UnitRate(BilledUnit.SECOND, amount_in(each, f"{setting}.per_second"))
        case RateSettings(per_second=None, per_video=each):
            return UnitRate(BilledUnit.VIDEO, amount_in(each, f"{setting}.per_video"))
        case _:
            raise BadSetting(setting, "has per_second and per_video: one of them is charged")
