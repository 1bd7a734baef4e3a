"""What is told of honest callers in a crowd, and which of the hostile ones are bounded."""

from __future__ import annotations

from benchmarks.crowd import Phase, summary_of, table_of
from benchmarks.crowd_hostile import KINDS, MALFORMED


def phase(ms: float, **fields: dict[str, int]) -> Phase:
    took_ms = {kind: [ms] * 50 for kind in ("poll", "submit", "wait", "load", "film")}
    return Phase(took_ms, fields.get("failed", {}), {"sk-ann": ["a", "b"]}, [70.0, 75.0])


def test_the_crowd_is_told_beside_the_quiet() -> None:
    lines = table_of(phase(2), phase(3))

    assert lines[2] == "| poll | 50 | 2 | 3 | 2 | 3 | 1.50 |"
    assert len(lines) == 7


def test_what_was_lost_or_failed_is_told_and_else_that_nothing_was() -> None:
    well = summary_of(phase(2), phase(3), 72.0, [])
    ill = summary_of(phase(2), phase(3, failed={"poll 503": 2}), 72.0, ["a"])

    assert well[1:] == [
        "- Jobs acknowledged: 4; lost or failed: 0.",
        "- Honest calls without a good answer: quiet none, in the crowd none.",
    ]
    assert "lost or failed: 1" in ill[1]
    assert "{'poll 503': 2}" in ill[2]


def test_the_hostile_are_of_many_kinds() -> None:
    assert len(KINDS) >= 12
    assert len(set(MALFORMED)) == len(MALFORMED)
