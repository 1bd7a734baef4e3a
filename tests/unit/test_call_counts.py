"""Counts of calls to upstreams, by few words."""

from __future__ import annotations

import pytest

from unstill.domain.call_counts import CallCounts, CodeClass, code_class_of


@pytest.mark.parametrize(
    ("status", "code_class"),
    [
        (199, "other"),
        (200, None),
        (299, None),
        (300, "other"),
        (399, "other"),
        (400, "4xx"),
        (401, "key"),
        (402, "key"),
        (403, "key"),
        (404, "4xx"),
        (428, "4xx"),
        (429, "busy"),
        (430, "4xx"),
        (499, "4xx"),
        (500, "5xx"),
        (599, "5xx"),
        (600, "other"),
    ],
)
def test_every_status_has_its_class_and_a_good_one_none(
    status: int, code_class: CodeClass | None
) -> None:
    counts = CallCounts()
    counts.answered("up", status)

    assert code_class_of(status) == code_class
    assert counts.errors == ({} if code_class is None else {("up", code_class): 1})


def test_a_call_that_surely_never_left_is_told_from_one_that_got_no_answer() -> None:
    counts = CallCounts()
    counts.unanswered("up", is_sent=False)
    for _ in range(2):
        counts.unanswered("up", is_sent=True)

    assert counts.errors == {("up", "unreached"): 1, ("up", "no_answer"): 2}
