"""One metric, and what its rows are read from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Literal

import msgspec

from unstill.domain.timings import Timings
from unstill.server.metrics.reading import Reading

Row = tuple[tuple[str, ...], float | Timings]  # the labels' values, and the figure


class Family(msgspec.Struct, frozen=True):
    """One metric: all its rows have the same labels."""

    name: str
    kind: Literal["gauge", "counter", "histogram"]
    about: str
    rows: Callable[[Reading], Iterable[Row]]
    labels: tuple[str, ...] = ()


def one(figure: Callable[[Reading], float | Timings | None]) -> Callable[[Reading], Iterable[Row]]:
    """A single row, without labels; none where nothing tells."""

    def rows(reading: Reading) -> Iterator[Row]:
        found = figure(reading)
        if found is not None:
            yield (), found

    return rows
