"""What was done in the last hours, as operators see it."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from unstill.dialects.route import Parameter
from unstill.domain.activity import Activity, ActivityStep, EngineActivity, ErrorCount
from unstill.domain.request import GivenValue
from unstill.models.field_kinds import Whole

HOURS = Whole(least=1, most=720)
USUAL_HOURS = 24

PARAMETERS = (
    Parameter(
        "query",
        "hours",
        "How many hours back.",
        HOURS.schema() | {"default": USUAL_HOURS},
    ),
)


class AdminActivity(msgspec.Struct, frozen=True):
    """Steps of equal length, the last of which is not over; times are Unix milliseconds.

    since_ms: later than was asked for where more than 100,000 jobs have ended since then.
    """

    since_ms: int
    step_ms: int
    data: list[ActivityStep]
    errors: list[ErrorCount]
    engines: list[EngineActivity]


SHOWN = AdminActivity(
    1_795_968_000_000,
    1_800_000,
    [
        ActivityStep(
            1_795_968_000_000,
            made=14,
            succeeded=12,
            failed=1,
            cancelled=0,
            video_s=60.0,
            wait_ms_p50=1_300,
            render_ms_p50=41_000,
            render_ms_p95=58_000,
        )
    ],
    [ErrorCount("upstream_lost", "far", 1)],
    [EngineActivity("far", 12, 1, 41_000)],
)


def hours_in(query: Mapping[str, str]) -> int:
    """Raises BadField."""
    given = query.get("hours")
    return USUAL_HOURS if given is None else HOURS.read(GivenValue("hours", given))


def activity_told(activity: Activity) -> AdminActivity:
    return AdminActivity(
        activity.since_ms,
        activity.step_ms,
        list(activity.steps),
        list(activity.errors),
        list(activity.engines),
    )
