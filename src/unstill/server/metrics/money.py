"""The metrics of money, in the house currency: totals of the book, which outlive a restart."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from unstill.domain.money import MILLION, BudgetUse
from unstill.domain.usage import BookFigures
from unstill.server.metrics.family import Family, Row, one
from unstill.server.metrics.reading import Reading

MOST_BUDGETS = 20  # so many are told, those that are used most


def _settled(
    by_engine: Callable[[BookFigures], Mapping[str, int]],
) -> Callable[[Reading], Iterable[Row]]:
    """A row for each engine, also before the first charge; none where the book is away."""

    def rows(reading: Reading) -> Iterator[Row]:
        if reading.book is not None:
            found = by_engine(reading.book)
            for engine in {**dict.fromkeys(reading.sources.engines), **found}:
                yield (engine,), found.get(engine, 0) / MILLION

    return rows


def _reserved(reading: Reading) -> float | None:
    return None if reading.book is None else reading.book.reserved / MILLION


def _budgets_used(reading: Reading) -> Iterator[Row]:
    if reading.book is None:
        return
    shares = []
    for owner, budgets in reading.sources.budgets().items():
        used = reading.book.used.get(owner, BudgetUse())
        for period, most, amount in (
            ("day", budgets.day, used.day),
            ("month", budgets.month, used.month),
        ):
            if most is not None:
                shares.append((amount / most if most else 1.0, owner, period))
    for share, owner, period in sorted(shares, reverse=True)[:MOST_BUDGETS]:
        yield (owner, period), share


MONEY: tuple[Family, ...] = (
    Family(
        "unstill_charged_prices_total",
        "counter",
        "What owners are charged for videos, by the engine that made them, in the house currency",
        _settled(lambda book: book.prices),
        ("engine",),
    ),
    Family(
        "unstill_charged_costs_total",
        "counter",
        "What an engine charges the operator, in the house currency",
        _settled(lambda book: book.costs),
        ("engine",),
    ),
    Family(
        "unstill_reserved_prices",
        "gauge",
        "Prices of jobs that have not ended, or ended in doubt, in the house currency",
        one(_reserved),
    ),
    Family(
        "unstill_budget_used_ratio",
        "gauge",
        "How much of an owner's budget is charged or reserved; 1 is all of it",
        _budgets_used,
        ("owner", "period"),
    ),
)
