"""Pauses before another try: which one follows so many failures."""

from __future__ import annotations

import pytest

from unstill.domain import backoff
from unstill.domain.backoff import Backoff, doubling


def test_the_last_pause_holds_from_then_on() -> None:
    pauses = Backoff((2, 5, 10))

    assert [pauses.after_ms(failures) for failures in (1, 2, 3, 4, 10**9)] == [2, 5, 10, 10, 10]


@pytest.mark.parametrize(
    ("first_ms", "longest_ms", "pauses_ms"),
    [
        (5_000, 60_000, (5_000, 10_000, 20_000, 40_000, 60_000)),
        (1_000, 8_000, (1_000, 2_000, 4_000, 8_000)),
        (10, 10, (10,)),
    ],
)
def test_a_pause_doubles_up_to_the_longest(
    first_ms: int, longest_ms: int, pauses_ms: tuple[int, ...]
) -> None:
    assert doubling(first_ms, longest_ms).pauses_ms == pauses_ms


def test_no_pause_is_shorter_than_the_one_before_it() -> None:
    for schedule in vars(backoff).values():
        if isinstance(schedule, Backoff):
            assert list(schedule.pauses_ms) == sorted(schedule.pauses_ms)
            assert schedule.first_ms > 0
