"""Durations counted between bounds."""

from __future__ import annotations

from unstill.domain.timings import Timings


def test_a_duration_of_exactly_a_bound_is_within_it_and_a_longer_one_is_not() -> None:
    timings = Timings((1, 2))
    for took_s in (1, 1.5, 2, 2.5):
        timings.note(took_s)

    assert timings.within == (1, 3, 4)
    assert timings.sum_s == 7


def test_the_last_figure_counts_them_all() -> None:
    timings = Timings((1,))

    assert timings.within == (0, 0)
    timings.note(1_000)
    assert timings.within == (0, 1)
