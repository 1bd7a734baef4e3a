"""One measured figure beside its limit and its budget, and the table of several."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from rich.table import Table


class Figure(NamedTuple):
    """What was measured. `limit` is the same work done by the least that could do it."""

    what: str
    unit: str
    ours: float
    limit: float
    budget: Budget
    note: str = ""

    @property
    def ratio(self) -> float:
        return self.ours / self.limit

    @property
    def cells(self) -> tuple[str, ...]:
        """As a row of a table."""
        return (
            f"{self.what}, {self.unit}",
            number(self.ours),
            number(self.limit),
            f"{self.ratio:.2f}",
            f"{self.budget}: {'met' if self.is_met else 'missed'}",
            self.note,
        )

    @property
    def is_met(self) -> bool:
        budget = self.budget
        value = self.ratio if budget.is_of_ratio else self.ours
        return value <= budget.bound if budget.is_most else value >= budget.bound


class Budget(NamedTuple):
    """A bound of the figure itself, or of its ratio to the limit."""

    bound: float
    is_most: bool
    is_of_ratio: bool

    def __str__(self) -> str:
        word = "at most" if self.is_most else "at least"
        of = " of the limit" if self.is_of_ratio else ""
        return f"{word} {self.bound:g}{of}"


def least_of_limit(ratio: float) -> Budget:
    return Budget(ratio, is_most=False, is_of_ratio=True)


def at_most(value: float) -> Budget:
    return Budget(value, is_most=True, is_of_ratio=False)


def table_of(figures: Sequence[Figure], *, title: str = "") -> Table:
    table = Table(title=title, title_justify="left")
    table.add_column("what")
    for column in ("figure", "limit", "ratio"):
        table.add_column(column, justify="right")
    for column in ("budget", "note"):
        table.add_column(column)
    for figure in figures:
        table.add_row(*figure.cells, style=None if figure.is_met else "red")
    return table


def number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
