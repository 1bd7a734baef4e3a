"""In which house currency a book of money is: another one may only follow when none is left of it.

Else budgets would add up amounts of both, and a job that goes on would be settled in the other.
"""

from __future__ import annotations

import apsw

from unstill.domain.book import month_of
from unstill.store.book_rows import IN_FORCE, NEWEST_CURRENCY

# Parameters: the currency, the first and the last day of a month.
IS_IN_FORCE = IN_FORCE.format("?", "?", "?")


def other_currency_in(connection: apsw.Connection, currency: str, day: int) -> str | None:
    """As the port has it. The whole book is read where it has another one, which a start may."""
    newest: str | None = connection.execute(NEWEST_CURRENCY).get
    if newest is None or newest == currency:
        return None
    month = month_of(day)
    is_in_force = connection.execute(IS_IN_FORCE, (newest, month.first, month.last)).get
    return newest if is_in_force else None
