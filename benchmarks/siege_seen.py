"""What an honest caller saw of a siege, as rows of a table; of two releases, side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import numpy as np
from benchmarks.figure import number
from rich.table import Table

COLUMNS = (
    *("load", "poll p50 ms", "poll p99 ms", "submit p50 ms", "submit p99 ms"),
    *("failed", "RSS MiB", "after it"),
)
NONE = "-"  # there is no figure


class Seen(NamedTuple):
    """Of one server under one load; how large that became, and what was left of it."""

    poll_ms: Sequence[float]
    submit_ms: Sequence[float]
    failed: Mapping[str, int]  # calls without a good answer, by what came instead
    peak_mib: float
    after_mib: float  # 0: it is dead

    @property
    def cells(self) -> tuple[str, ...]:
        shares = [np.percentile(each, (50, 99)) for each in (self.poll_ms, self.submit_ms)]
        return (
            *(number(float(value)) for share in shares for value in share),
            self._failures,
            f"{self.peak_mib:.0f}",
            f"{self.after_mib:.0f}" if self.after_mib else "dead",
        )

    @property
    def _failures(self) -> str:
        calls = len(self.poll_ms) + len(self.submit_ms)
        share = f"{sum(self.failed.values()) / calls:.0%}"
        return " ".join([share, *sorted(self.failed)]) if self.failed else share


class Row(NamedTuple):
    """One load; of the release before, if it was asked for. None: it could not be measured."""

    load: str
    seen: Seen | None
    before: Seen | None = None
    has_before: bool = False

    @property
    def cells(self) -> tuple[str, ...]:
        cells = _cells(self.seen)
        if self.has_before:
            pairs = zip(_cells(self.before), cells, strict=True)
            cells = tuple(f"{before} → {after}" for before, after in pairs)
        return (self.load, *cells)


def _cells(seen: Seen | None) -> tuple[str, ...]:
    return (NONE,) * (len(COLUMNS) - 1) if seen is None else seen.cells


def table_of(rows: Sequence[Row]) -> Table:
    table = Table()
    for column in COLUMNS:
        table.add_column(column, justify="left" if column == "load" else "right")
    for row in rows:
        table.add_row(*row.cells)
    return table


def page_of(rows: Sequence[Row], command: str) -> str:
    lines = [
        "# Siege",
        "",
        f"`{command}`, {datetime.now(UTC):%Y-%m-%d}. An honest caller polls 30 and submits 3 times",
        "a second, each call on a fresh connection, beside each hostile load; a call that was not",
        "answered well within 10 s is failed, and counts as 10 s. Memory is the server's, at its",
        "highest beside the load and 2 s after it.",
    ]
    if any(row.has_before for row in rows):
        lines[-1] += " Each cell: the checkout before → this one,"
        lines.append("one after the other in the same minute.")
    lines += ["", f"| {' | '.join(COLUMNS)} |", f"|---|{'---:|' * (len(COLUMNS) - 1)}"]
    lines += [f"| {' | '.join(row.cells)} |" for row in rows]
    return "\n".join(lines) + "\n"
