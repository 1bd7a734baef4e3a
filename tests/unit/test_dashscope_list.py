"""Which part of DashScope's task list is read for which tickets."""

from unstill.engines.dashscope.task_list import (
    APART_MS,
    CLOCKS_DIFFER_MS,
    KEPT_MS,
    runs_of,
    window_of,
)
from unstill.upstreams.port import Ticket

NOON_MS = 1_795_147_200_000  # 2026-11-20 04:00:00 UTC, noon in China
HOUR_MS = 3600 * 1000


def ticket(submitted_ms: int, model: str = "wan2.7-i2v") -> Ticket:
    return Ticket("job", f"t-{submitted_ms}", model, submitted_ms)


def test_a_window_is_written_in_chinas_time_and_narrowed_to_the_one_model() -> None:
    window = window_of([ticket(NOON_MS)], now_ms=NOON_MS + HOUR_MS)

    assert window == {
        "start_time": "20261120115930",
        "end_time": "20261120120030",
        "model_name": "wan2.7-i2v",
    }


def test_a_window_does_not_reach_into_the_future() -> None:
    assert window_of([ticket(NOON_MS)], now_ms=NOON_MS)["end_time"] == "20261120120001"


def test_two_models_are_listed_together() -> None:
    window = window_of([ticket(NOON_MS), ticket(NOON_MS, "happyhorse-1.0-i2v")], NOON_MS)

    assert "model_name" not in window


def test_an_old_ticket_does_not_widen_the_window_of_the_others() -> None:
    old, new, newer = ticket(NOON_MS - 3 * HOUR_MS), ticket(NOON_MS), ticket(NOON_MS + APART_MS)

    assert runs_of([newer, old, new]) == [[old], [new, newer]]


def test_a_gap_that_costs_more_pages_than_a_second_list_is_not_listed() -> None:
    # Each of two lists reaches out by as much as clocks may differ, on both sides.
    before, after = ticket(NOON_MS), ticket(NOON_MS + 2 * CLOCKS_DIFFER_MS + 1000)

    assert runs_of([before, after]) == [[before], [after]]


def test_no_run_is_wider_than_a_list_may_be() -> None:
    steps = [ticket(NOON_MS + i * APART_MS) for i in range(3000)]

    runs = runs_of(steps)

    assert sum(runs, []) == steps  # noqa: RUF017  - a few short lists
    for run in runs:
        width_ms = run[-1].submitted_ms - run[0].submitted_ms + 2 * CLOCKS_DIFFER_MS
        assert width_ms < KEPT_MS
