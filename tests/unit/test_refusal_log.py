"""A line for each refused call, and no more of them than a disk can bear."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from structlog.testing import capture_logs

from unstill.server.refusal_log import MOST_OF_OWNERS, MOST_OF_STRANGERS, WINDOW_S, RefusedLines


class Later:
    """What was asked for later; done when the test says so."""

    def __init__(self) -> None:
        self.due: list[tuple[float, Callable[[], None]]] = []

    def __call__(self, after_s: float, work: Callable[[], None]) -> None:
        self.due.append((after_s, work))

    def pass_by(self) -> None:
        (_, work), *self.due = self.due
        work()


def refuse(lines: RefusedLines, times: int = 1, **changes: object) -> None:
    given: dict[str, Any] = {
        "status": 400,
        "code": "invalid_parameter",
        "param": "seconds",
        "method": "POST",
        "route": "/v1/videos",
        "owner": "team-a",
        "client": "127.0.0.1",
        "request_id": "r1",
    }
    for _ in range(times):
        lines.note(**(given | changes))


def test_a_refused_call_is_a_line_with_who_and_what() -> None:
    with capture_logs() as logs:
        refuse(RefusedLines(Later()))

    assert logs == [
        {
            "event": "refused",
            "log_level": "info",
            "status": 400,
            "code": "invalid_parameter",
            "param": "seconds",
            "method": "POST",
            "route": "/v1/videos",
            "owner": "team-a",
            "client": "127.0.0.1",
            "request_id": "r1",
        }
    ]


def test_a_callers_own_words_are_in_no_line() -> None:
    with capture_logs() as logs:
        refuse(RefusedLines(Later()), param="a\nb: sk-secret=1 {", method="SECRET-SECRET", owner="")

    assert (logs[0]["param"], logs[0]["method"], logs[0]["owner"]) == (None, None, None)


def test_strangers_and_owners_fill_no_disk_and_do_not_silence_each_other() -> None:
    later = Later()
    lines = RefusedLines(later)
    with capture_logs() as logs:
        refuse(lines, MOST_OF_STRANGERS, owner="")
        assert len(logs) == MOST_OF_STRANGERS
        refuse(lines, 10_000, owner="")
        assert len(logs) == MOST_OF_STRANGERS
        refuse(lines, MOST_OF_OWNERS)
        refuse(lines, 5)
        assert len(logs) == MOST_OF_STRANGERS + MOST_OF_OWNERS
        assert [after_s for after_s, _ in later.due] == [WINDOW_S]
        logs.clear()
        later.pass_by()

    assert [(line["event"], line["of"], line["count"]) for line in logs] == [
        ("refused_unwritten", "strangers", 10_000),
        ("refused_unwritten", "owners", 5),
    ]


def test_after_a_minute_there_are_lines_again_and_no_more_is_said_without_need() -> None:
    later = Later()
    lines = RefusedLines(later)
    with capture_logs() as logs:
        refuse(lines)
        later.pass_by()
        refuse(lines, MOST_OF_OWNERS)
        later.pass_by()

    assert {line["event"] for line in logs} == {"refused"}
    assert len(logs) == 1 + MOST_OF_OWNERS
