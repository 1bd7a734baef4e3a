"""Usage as an answer: what `unstill usage` tells, as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
from msgspec import UNSET, UnsetType

from unstill.dialects.route import Parameter
from unstill.domain.usage import (
    FIGURES,
    UsageAsked,
    UsagePart,
    UsageSum,
    day_shown,
    figures_of,
    usage_asked,
)

_PART = f"({'|'.join(UsagePart)})"
_DAY = {"type": "string", "format": "date"}
PARAMETERS = (
    Parameter(
        "query",
        "by",
        f"What is summed by, one or several with commas: {', '.join(UsagePart)}. Else by owner.",
        {"type": "string", "pattern": f"^{_PART}(,{_PART})*$"},
    ),
    Parameter("query", "since", "The first day, UTC.", _DAY),
    Parameter("query", "until", "The last day, UTC.", _DAY),
)


class UsageLine(msgspec.Struct, frozen=True, kw_only=True):
    """What jobs of one group came to; of the first five, those are there that were asked by.

    Amounts are plain decimals in the house currency of their time. reserved_price: of jobs that
    have not ended, or ended in doubt. billed_seconds: of the videos that were made.
    """

    owner: str | UnsetType = UNSET
    key: str | UnsetType = UNSET  # its id; empty for a key from the environment
    model: str | UnsetType = UNSET
    engine: str | UnsetType = UNSET
    day: str | UnsetType = UNSET  # UTC, of the jobs' submission
    settled_price: str
    reserved_price: str
    settled_cost: str
    currency: str
    jobs: int
    videos: int
    billed_seconds: str


class UsageReport(msgspec.Struct, frozen=True):
    """since, until: null for all days."""

    by: list[UsagePart]
    since: str | None
    until: str | None
    data: list[UsageLine]


SHOWN = UsageReport(
    [UsagePart.OWNER],
    None,
    None,
    [
        UsageLine(
            owner="team-a",
            settled_price="0.54",
            reserved_price="0.45",
            settled_cost="0.45",
            currency="EUR",
            jobs=3,
            videos=1,
            billed_seconds="6",
        )
    ],
)


def asked_in(query: Mapping[str, str]) -> UsageAsked:
    """Raises BadField."""
    return usage_asked(query.get("by"), query.get("since"), query.get("until"))


def report_of(asked: UsageAsked, found: Sequence[UsageSum]) -> UsageReport:
    return UsageReport(
        list(asked.by),
        None if asked.since_day is None else day_shown(asked.since_day),
        None if asked.until_day is None else day_shown(asked.until_day),
        [_line(asked, each) for each in found],
    )


def _line(asked: UsageAsked, found: UsageSum) -> UsageLine:
    parts = zip((part.value for part in asked.by), found.parts, strict=True)
    figures = zip(FIGURES, figures_of(found), strict=True)
    counts = {"jobs": found.jobs, "videos": found.videos}
    return msgspec.convert({**dict(parts), **dict(figures), **counts}, UsageLine)
