"""What a list call of the dashscope dialect asks for.

Source: DashScope, "manage asynchronous tasks" (read 2026-11-20).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from unstill.dialects.apis.dashscope.answers import BEIJING, WORDS
from unstill.dialects.port import ListFilter
from unstill.domain.errors import BadField
from unstill.domain.job import State
from unstill.domain.request import GivenValue
from unstill.models.field_kinds import Whole

DAY_MS = 24 * 3600 * 1000  # "manage asynchronous tasks": the longest window of a list
MOST_PAGE_SIZE = 100  # none is documented; a larger one gets that many, and is told so
PAGE = Whole(least=1, most=1_000_000)  # its number, and its size as it may be asked for
USUAL_PAGE_SIZE = 10
STATUSES = (*dict.fromkeys(WORDS.values()), "UNKNOWN")


def wanted_of(query: Mapping[str, str]) -> ListFilter:
    """Raises BadField."""
    page_no = PAGE.read(_given(query, "page_no", "1"))
    page_size = PAGE.read(_given(query, "page_size", str(USUAL_PAGE_SIZE)))
    return ListFilter(
        page_no=page_no,
        page_size=min(page_size, MOST_PAGE_SIZE),
        job_id=query.get("task_id") or None,
        window_ms=_window(query),
        model=query.get("model_name") or None,
        states=_states(query),
    )


def _given(query: Mapping[str, str], name: str, default: str) -> GivenValue:
    return GivenValue(name, query.get(name) or default)


def _window(query: Mapping[str, str]) -> tuple[int, int] | None:
    """First and last moment of a list: a day, where only one of them is named."""
    since_ms, until_ms = _moment(query, "start_time"), _moment(query, "end_time")
    if since_ms is None:
        return None if until_ms is None else (until_ms - DAY_MS, until_ms)
    if until_ms is None:
        return since_ms, since_ms + DAY_MS
    if not 0 <= until_ms - since_ms <= DAY_MS:
        raise BadField("end_time", "at most 24 hours after start_time", query["end_time"])
    return since_ms, until_ms


def _moment(query: Mapping[str, str], name: str) -> int | None:
    text = query.get(name)
    if not text:
        return None
    try:
        moment = datetime.strptime(text, "%Y%m%d%H%M%S").replace(tzinfo=BEIJING)
    except ValueError:
        raise BadField(name, "a time in UTC+8 as YYYYMMDDhhmmss", text) from None
    return int(moment.timestamp()) * 1000


def _states(query: Mapping[str, str]) -> frozenset[State] | None:
    word = query.get("status")
    if not word:
        return None
    if word not in STATUSES:
        raise BadField("status", f"one of {', '.join(STATUSES)}", word)
    return frozenset(state for state, said in WORDS.items() if said == word)
