"""A pace: as much rest as work, and none for who has been idle as long."""

from __future__ import annotations

import pytest

from unstill.store.embedded.read_pace import ReadPace


class Day:
    """A clock, a thread's own time, and how long it slept."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.computed_s = 7.0
        self.slept_s: list[float] = []

    def pass_(self, wall_s: float, computed_s: float) -> None:
        self.now_s += wall_s
        self.computed_s += computed_s

    def sleep(self, duration_s: float) -> None:
        self.slept_s.append(duration_s)
        self.now_s += duration_s


@pytest.fixture
def day() -> Day:
    return Day()


@pytest.fixture
def pace(day: Day) -> ReadPace:
    return ReadPace(lambda: day.now_s, lambda: day.computed_s, day.sleep)


def test_the_first_work_does_not_wait(day: Day, pace: ReadPace) -> None:
    pace.rest()

    assert day.slept_s == []


def test_work_waits_as_long_as_the_one_before_has_computed(day: Day, pace: ReadPace) -> None:
    with pace.work():
        day.pass_(2.0, 0.25)  # the machine was busy with others
    pace.rest()
    pace.rest()

    assert day.slept_s == [0.25]


def test_idle_time_is_rest(day: Day, pace: ReadPace) -> None:
    with pace.work():
        day.pass_(0.25, 0.25)
    day.pass_(0.125, 0)
    pace.rest()
    with pace.work():
        day.pass_(0.25, 0.25)
    day.pass_(0.25, 0)
    pace.rest()

    assert day.slept_s == [0.125]


def test_work_that_failed_rests_too(day: Day, pace: ReadPace) -> None:
    def fail() -> None:
        with pace.work():
            day.pass_(0.5, 0.5)
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        fail()
    pace.rest()

    assert day.slept_s == [0.5]
