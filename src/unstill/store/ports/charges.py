"""The port of the book of money. A job's own rows are written by `Jobs.add` and `Jobs.change`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from unstill.domain.money import BudgetUse, Charge
from unstill.domain.owner import Owner
from unstill.domain.usage import BookFigures, UsageAsked, UsageSum


class Charges(Protocol):
    async def of(self, job_id: str) -> Sequence[Charge]:
        """A job's rows, oldest first; also of a job that has gone."""

    async def used(self, owner: Owner, day: int) -> BudgetUse:
        """What of the owner's is settled and reserved on that day and in its month."""

    async def other_currency(self, currency: str, day: int) -> str | None:
        """The book's house currency, where that is another and cannot be left yet.

        For as long as a reserve in it is open, or a price of that day's month was settled in it.
        """

    async def figures(self, day: int) -> BookFigures:
        """What the whole book comes to, and what each owner has used of that day and its month."""

    async def usage(self, asked: UsageAsked) -> Sequence[UsageSum]:
        """The sums of the book as `sums_of` has them. Raises Overloaded for too many at once."""
