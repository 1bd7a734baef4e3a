"""MiniMax's second video API: create, query, list, cancel or delete; image-to-video alone.

Its models' bodies are in minimax_models.py; callbacks and files are not here. Source: MiniMax,
video generation v2, MiniMax-H3, read 2026-11-28. No page says what is answered for a task that is
not known, nor with what a delete is refused: both are guesses.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

import msgspec

from unstill.emulators.control import whole
from unstill.emulators.desk import Desk, now_ms
from unstill.emulators.faults import Fault, FaultSite
from unstill.emulators.jobs import EmulatedJob, EmulatedState, Filter
from unstill.emulators.minimax_models import MODELS, bad, begun_task, done_task, read_wish
from unstill.emulators.results import RESULTS
from unstill.emulators.wire import Answer, Ask, Endpoint, Refusal, as_json, json_body

TASKS = "/v2/video_generation"
QUERIES = "/v2/query/video_generation"
KEPT_MS = 7 * 86_400_000
MOST_PAGE = 500  # believed, as at Ark
MOST_BODY = 64 * 10**6
WORDS = {
    EmulatedState.WAITING: "queued",
    EmulatedState.RUNNING: "running",
    EmulatedState.DONE: "succeeded",
    EmulatedState.FAILED: "failed",
    EmulatedState.CANCELLED: "cancelled",
}
NO_SUCH_WORD = "under_review"
OUTPUT_FAULT = {"code": "video_failed", "message": "The video could not be generated."}
INJECTED = {
    400: ("bad_request_error", "the request is not valid"),
    401: ("authorized_error", "login fail: the API key is not valid"),
    402: ("insufficient_balance_error", "the balance is insufficient"),
    403: ("authorized_error", "the key has no right to this"),
    404: ("bad_request_error", "not found"),
    429: ("rate_limit_error", "the rate limit is exceeded"),
    500: ("server_error", "unknown error"),
    503: ("server_error", "the service is not available"),
}


class MiniMaxEmulator:
    wants_key = True
    takes_bare_key = False
    key_scheme = "Bearer"

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.endpoints = (
            Endpoint("POST", TASKS, self._create, FaultSite.SUBMIT),
            Endpoint("GET", QUERIES, self._list, FaultSite.LIST),
            Endpoint("GET", f"{QUERIES}/{{task_id}}", self._query, FaultSite.POLL),
            Endpoint("DELETE", f"{TASKS}/{{task_id}}", self._delete, FaultSite.CANCEL),
            Endpoint("GET", f"{RESULTS}{{name}}", desk.follow, FaultSite.FETCH, needs_key=False),
        )

    def render(self, refusal: Refusal, ask: Ask) -> Answer:  # noqa: ARG002  - the port's shape
        error = {
            "type": refusal.code,
            "message": refusal.message,
            "http_code": str(refusal.status),
        }
        body = {"type": "error", "error": error, "request_id": uuid.uuid4().hex}
        return as_json(body, status=refusal.status)

    def bad_key(self, *, is_missing: bool) -> Refusal:  # noqa: ARG002  - the port's shape
        return self.injected(401, FaultSite.SUBMIT)

    def injected(self, status: int, place: FaultSite) -> Refusal:  # noqa: ARG002  - the port's shape
        return Refusal(status, *INJECTED[status])

    def no_route(self, ask: Ask) -> Refusal:  # noqa: ARG002  - the port's shape
        return self.injected(404, FaultSite.POLL)

    def _create(self, ask: Ask) -> Answer:
        if not self._desk.submits.takes(ask.key):
            raise self.injected(429, FaultSite.SUBMIT)
        body = _object_body(ask)
        name = body.get("model")
        model = MODELS.get(name) if isinstance(name, str) else None
        if model is None or not isinstance(name, str):
            raise bad(f"model {name!r} does not exist")
        text, terms = read_wish(name, model, body)
        job_id = str(uuid.uuid4().int)[:18]
        job = self._desk.accept(ask, job_id, terms, prompt=text, body=body)
        return as_json({"task_id": job.id}, job_id=job.id)

    def _query(self, ask: Ask) -> Answer:
        return as_json({"task": self._task(self._found(ask), ask)})

    def _list(self, ask: Ask) -> Answer:
        page_num, page_size = (
            _page_number(ask, name, default)
            for name, default in (("page_num", 1), ("page_size", 10))
        )
        if not 1 <= page_size <= MOST_PAGE:
            raise bad(f"page_size must be from 1 to {MOST_PAGE}")
        ids = {value for name, value in ask.pairs if name == "filter.task_ids"}
        kept = Filter(since_ms=now_ms() - KEPT_MS)
        page = self._desk.jobs.page(kept, now_ms=now_ms(), limit=len(self._desk.jobs))
        jobs = [job for job in page.jobs if not ids or job.id in ids]
        first = (max(page_num, 1) - 1) * page_size
        items = [self._task(job, ask) for job in jobs[first : first + page_size]]
        return as_json({"items": items, "total": len(jobs)})

    def _delete(self, ask: Ask) -> Answer:
        """Cancels a queued task; of one that has ended, the record goes."""
        job = self._found(ask)
        match job.state:
            case EmulatedState.WAITING:
                self._desk.jobs.cancel(job.id, now_ms())
            case EmulatedState.DONE | EmulatedState.FAILED:
                self._desk.jobs.forget(job.id, now_ms())
            case _:
                raise bad(f"the task is {WORDS[job.state]} and cannot be cancelled")
        return as_json({})

    def _found(self, ask: Ask) -> EmulatedJob:
        """Raises Refusal."""
        job = self._desk.find(ask.names["task_id"], ask)
        if job is None or job.submitted_ms < now_ms() - KEPT_MS:
            raise self.injected(404, FaultSite.POLL)
        return job

    def _task(self, job: EmulatedJob, ask: Ask) -> dict[str, Any]:
        """A new link at each query."""
        word = NO_SUCH_WORD if ask.fault is Fault.UNKNOWN_STATE else WORDS[job.state]
        if job.state is EmulatedState.DONE:
            return done_task(job, self._desk.link(job, ask)) | {"status": word}
        task = begun_task(job) | {"status": word}
        return task | {"error": OUTPUT_FAULT} if job.state is EmulatedState.FAILED else task


def _page_number(ask: Ask, name: str, default: int) -> int:
    try:
        return whole(ask.query, name, default)
    except Refusal as refusal:
        raise bad(refusal.message) from None


def _object_body(ask: Ask) -> Mapping[str, Any]:
    if len(ask.body) > MOST_BODY:
        raise bad("the body has more than 64 MB")
    try:
        body = json_body(ask)
    except msgspec.DecodeError:
        raise bad("the body is not JSON") from None
    if ask.content_type != "application/json" or not isinstance(body, dict):
        raise bad("the body is no JSON object")
    return body


EMULATOR = MiniMaxEmulator
