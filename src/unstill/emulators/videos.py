"""What the servers with a `/v1/videos` have in common: paths, words, lists and the file itself."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from unstill.emulators.control import whole
from unstill.emulators.desk import Desk, now_ms
from unstill.emulators.faults import Fault, FaultSite
from unstill.emulators.jobs import EmulatedJob, EmulatedState, Filter, JobsPage
from unstill.emulators.results import video_answer
from unstill.emulators.wire import Answer, Ask, Endpoint, Refusal, json_body

PATH = "/v1/videos"
ONE = f"{PATH}/{{video_id}}"
CONTENT = f"{ONE}/content"

WORDS = {
    EmulatedState.WAITING: "queued",
    EmulatedState.RUNNING: "in_progress",
    EmulatedState.DONE: "completed",
    EmulatedState.FAILED: "failed",
    EmulatedState.CANCELLED: "failed",  # OpenAI's words have no other
}
NO_SUCH_WORD = "moderating"
MESSAGES = {
    400: "Your request was rejected: its content is not allowed.",
    401: "Incorrect API key provided.",
    403: "You are not allowed to use this model.",
    404: "Not found.",
    429: "Rate limit reached for requests.",
    500: "The server had an error while processing your request.",
    503: "The engine is currently overloaded, please try again later.",
}
OUTPUT_FAULT = "The video could not be generated."

_SIZE = re.compile(r"([1-9]\d{1,4})x([1-9]\d{1,4})")
Answering = Callable[[Ask], Answer]


def word(job: EmulatedJob, ask: Ask, words: Mapping[EmulatedState, str] = WORDS) -> str:
    return NO_SUCH_WORD if ask.fault is Fault.UNKNOWN_STATE else words[job.state]


def found(desk: Desk, ask: Ask, missing: Refusal) -> EmulatedJob:
    """Raises Refusal."""
    job = desk.find(ask.names["video_id"], ask)
    if job is None:
        raise missing
    return job


def listed(desk: Desk, ask: Ask, *, least: int, default: int, most: int) -> JobsPage:
    """A page after `after`, newest first unless `order` says asc. Raises Refusal."""
    limit = whole(ask.query, "limit", default)
    if not least <= limit <= most:
        raise Refusal(400, "invalid_value", f"limit must be {least} to {most}", param="limit")
    order = ask.query.get("order", "desc")
    return desk.jobs.page(
        Filter(newest_first=order != "asc"),
        now_ms=now_ms(),
        after=ask.query.get("after"),
        limit=limit,
    )


def list_value(
    page: JobsPage, render: Callable[[EmulatedJob], Mapping[str, Any]]
) -> dict[str, Any]:
    return {
        "object": "list",
        "data": [render(job) for job in page.jobs],
        "first_id": page.jobs[0].id if page.jobs else None,
        "last_id": page.jobs[-1].id if page.jobs else None,
        "has_more": page.has_more,
    }


def content(job: EmulatedJob, ask: Ask, *, early: Refusal, failed: Refusal) -> Answer:
    """The file of a finished job. Raises Refusal."""
    match job.state:
        case EmulatedState.DONE:
            return video_answer(job, ask.fault)
        case EmulatedState.FAILED | EmulatedState.CANCELLED:
            raise failed
        case _:
            raise early


def object_body(ask: Ask) -> Mapping[str, Any]:
    """Raises Refusal."""
    try:
        body = json_body(ask)
    except msgspec.DecodeError:
        raise Refusal(400, "invalid_json", "The body is not JSON.") from None
    if not isinstance(body, dict):
        raise Refusal(400, "invalid_json", "The body is no object.")
    return body


def size_of(text: object) -> tuple[int, int] | None:
    """Width and height of `1280x720`, or None if it is not that."""
    match = _SIZE.fullmatch(text) if isinstance(text, str) else None
    return None if match is None else (int(match[1]), int(match[2]))


def endpoints(
    *, create: Answering, retrieve: Answering, download: Answering
) -> tuple[Endpoint, ...]:
    """Those that every such server has."""
    return (
        Endpoint("POST", PATH, create, FaultSite.SUBMIT),
        Endpoint("GET", ONE, retrieve, FaultSite.POLL),
        Endpoint("GET", CONTENT, download, FaultSite.FETCH),
    )


def progress_of(job: EmulatedJob, *, most_unfinished: int) -> int:
    """0 to 100; below 100 until it is done."""
    if job.state is EmulatedState.DONE:
        return 100
    return min(int(job.progress(now_ms()) * 100), most_unfinished)


def ended_s(job: EmulatedJob) -> int | None:
    """Unix seconds of its end, once it is over."""
    is_over = job.state not in {EmulatedState.WAITING, EmulatedState.RUNNING}
    return job.ends_ms // 1000 if is_over else None
