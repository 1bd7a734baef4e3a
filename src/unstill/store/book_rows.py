"""The book of money as rows, in whatever database.

The columns of the table `charges` are the fields of `Charge`, by the same names, behind a number
that keeps their order, and before a seal of them.
"""

from __future__ import annotations

from operator import attrgetter
from typing import Any

from unstill.domain.money import BilledUnit, Charge, ChargeKind, PriceBasis
from unstill.domain.owner import Owner
from unstill.store.job_rows import Row, Value

COLUMNS = Charge.__struct_fields__
NAMES = ", ".join(COLUMNS)
_fields_of = attrgetter(*COLUMNS)

# Word for word that of the index `charges_once`, or it is not used.
PLACE = "CASE {0}.kind WHEN 'release' THEN 'settle' ELSE {0}.kind END"
# It is asked of the job whose row is at hand, as part of a WHERE.
IS_RESERVED = (
    f"(EXISTS (SELECT 1 FROM charges WHERE job_id = jobs.id AND kind = '{ChargeKind.RESERVE}') "  # noqa: S608  - our words
    "AND NOT EXISTS (SELECT 1 FROM charges WHERE job_id = jobs.id "
    f"AND kind IN ('{ChargeKind.SETTLE}', '{ChargeKind.RELEASE}')))"
)
# From the newest row on: of the jobs that are going on, few have ended since the last one was made.
NEWEST_CURRENCY = "SELECT currency FROM charges WHERE kind = 'reserve' ORDER BY id DESC LIMIT 1"
# Whether a currency is that of an open reserve, or of a price that counts for a month. To be given
# the marks of the currency and of the first and the last day of the month.
IN_FORCE = f"""
SELECT EXISTS (SELECT 1 FROM charges AS reserve
LEFT JOIN charges AS ended ON ended.job_id = reserve.job_id
  AND {PLACE.format("ended")} = 'settle' AND ended.n = 0
WHERE reserve.kind = 'reserve' AND reserve.currency = {{}}
  AND (ended.id IS NULL OR (ended.amount > 0 AND reserve.day BETWEEN {{}} AND {{}})))
"""  # noqa: S608  - no value is in it


def values_of(entry: Charge) -> tuple[Value, ...]:
    """An entry's values in the order of `COLUMNS`."""
    values: tuple[Value, ...] = _fields_of(entry)
    return values


def charge_of(row: Row) -> Charge:
    """The entry of a row in the order of `COLUMNS`."""
    values: dict[str, Any] = dict(zip(COLUMNS, row, strict=True))
    values["kind"] = ChargeKind(values["kind"])
    values["basis"] = PriceBasis(values["basis"])
    values["unit"] = BilledUnit(values["unit"])
    values["owner"] = Owner(values["owner"])
    return Charge(**values)
