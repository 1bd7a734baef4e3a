"""What is told of honest callers in a crowd, and which of the hostile ones are bounded."""

from __future__ import annotations

from benchmarks.crowd import (
    LEAST_CALLS,
    MOST_GROWTH,
    MOST_TIMES,
    Phase,
    summary_of,
    table_of,
    wrongs_in,
)
from benchmarks.crowd_hostile import KINDS, MALFORMED


def phase(ms: float, **fields: dict[str, int]) -> Phase:
    took_ms = {kind: [ms] * LEAST_CALLS for kind in ("poll", "submit", "wait", "load", "film")}
    return Phase(took_ms, fields.get("failed", {}), {"sk-ann": ["a", "b"]}, [70.0, 75.0])


def test_the_crowd_is_told_beside_the_quiet() -> None:
    lines = table_of(phase(2), phase(3))

    assert lines[2] == "| poll | 100 | 2 | 3 | 2 | 3 | 1.50 |"
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


def test_a_crowd_is_wrong_beyond_twice_the_quiet_p99() -> None:
    assert wrongs_in(phase(2), phase(2 * MOST_TIMES), []) == []
    assert len(wrongs_in(phase(2), phase(2 * MOST_TIMES + 0.01), [])) == 5
    few = phase(2)._replace(took_ms={"poll": [2.0] * (LEAST_CALLS - 1)})
    assert wrongs_in(phase(2), few, [])[0] == "poll: 99 calls tell no p99"


def test_a_crowd_is_wrong_where_memory_grows_a_job_is_lost_or_a_call_fails() -> None:
    flat = phase(2)._replace(rss_mib=[80.0] * 9 + [80.0 * MOST_GROWTH] * 2)
    grown = flat._replace(rss_mib=[*flat.rss_mib[:-2], 101.0, 101.0])

    assert wrongs_in(phase(2), flat, []) == []
    assert wrongs_in(phase(2), grown, []) == ["memory: 80 to 101 MiB, at most 1.25 times"]
    assert wrongs_in(phase(2), phase(2), ["a"]) == ["lost: a"]
    ill = phase(2, failed={"poll 503": 2})
    assert wrongs_in(phase(2), ill, []) == ["not answered well: poll 503"]


def test_the_hostile_are_of_many_kinds() -> None:
    assert len(KINDS) >= 12
    assert len(set(MALFORMED)) == len(MALFORMED)
