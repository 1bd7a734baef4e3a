"""A job that is held up says so in every dialect, and one that is not has no such key."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from support.jobs import a_job
from unstill.dialects.apis.dashscope.dialect import DashScope
from unstill.dialects.apis.tasks import Tasks
from unstill.dialects.apis.videos.dialect import Videos
from unstill.dialects.call import Call, JobView
from unstill.domain.job import Job, State
from unstill.domain.stall import Stall

STALL = Stall("connection_failed", "the upstream could not be connected to", 1_795_850_000_999)
CREATED_MS = 1_795_849_995_000
SAID = {"code": STALL.code, "message": STALL.message, "since": 1_795_850_000}
DIALECTS: dict[str, Tasks | Videos | DashScope] = {
    "tasks": Tasks(),
    "unified": Videos(states="unified"),
    "openai": Videos(states="openai"),
    "dashscope": DashScope(),
}


def running() -> Job:
    """The same in every look, whatever the clock says."""
    return a_job(id="1", state=State.RUNNING, created_ms=CREATED_MS)


def told(dialect: str, stall: Stall | None) -> dict[str, Any]:
    look = JobView(Call("r", {}, {}, {}), None, 0.5, stall)
    answer = DIALECTS[dialect].status(running(), look)
    built: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(answer))
    return dict(built.get("output", built))


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_job_that_is_held_up_says_so_beside_its_state(dialect: str) -> None:
    held_up, well = told(dialect, STALL), told(dialect, None)

    assert held_up == {**well, "waiting": SAID}
    assert "waiting" not in well


@pytest.mark.parametrize("states", ["unified", "openai"])
def test_an_event_has_the_key_in_any_case(states: str) -> None:
    dialect = DIALECTS[states]
    assert isinstance(dialect, Videos)
    events = [
        dialect.event(
            running(),
            JobView(Call("r", {}, {}, {}), None, 0.5, stall),
            queue_position=None,
            expected_ms=None,
        )
        for stall in (STALL, None)
    ]

    assert [msgspec.to_builtins(event)["waiting"] for event in events] == [SAID, None]
