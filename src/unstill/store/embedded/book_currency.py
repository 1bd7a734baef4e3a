"""In which house currency a book of money is: another one may only follow when none is left of it.

Else budgets would add up amounts of both, and a job that goes on would be settled in the other.
"""

from __future__ import annotations

import apsw

from unstill.domain.book import month_of
from unstill.store.embedded.usage import PLACE

# From the newest row on: of the jobs that are going on, few have ended since the last one was made.
_NEWEST = "SELECT currency FROM charges WHERE kind = 'reserve' ORDER BY id DESC LIMIT 1"
# Parameters: the currency, the first and the last day of a month.
IS_IN_FORCE = f"""
SELECT EXISTS (SELECT 1 FROM charges AS reserve
LEFT JOIN charges AS ended ON ended.job_id = reserve.job_id
  AND {PLACE.format("ended")} = 'settle' AND ended.n = 0
WHERE reserve.kind = 'reserve' AND reserve.currency = ?
  AND (ended.id IS NULL OR (ended.amount > 0 AND reserve.day BETWEEN ? AND ?)))
"""  # noqa: S608  - no value is in it


def other_currency_in(connection: apsw.Connection, currency: str, day: int) -> str | None:
    """As the port has it. The whole book is read where it has another one, which a start may."""
    newest: str | None = connection.execute(_NEWEST).get
    if newest is None or newest == currency:
        return None
    month = month_of(day)
    is_in_force = connection.execute(IS_IN_FORCE, (newest, month.first, month.last)).get
    return newest if is_in_force else None
