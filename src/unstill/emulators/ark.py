"""Ark's video generation tasks: create, query, list, cancel or delete.

Callbacks and the other APIs of Ark are not here. Source: Volcengine Ark, "create", "query", "list"
and "cancel or delete" of video generation tasks, error codes, read 2026-11-28. No page says what is
answered for a task that is not known, and with which status a delete is refused: both are guesses.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from unstill.emulators.ark_models import invalid, model_named, read_wish, tokens_of
from unstill.emulators.control import whole
from unstill.emulators.desk import Desk, Rate, now_ms
from unstill.emulators.faults import Fault, FaultSite
from unstill.emulators.jobs import EmulatedJob, EmulatedState, Filter
from unstill.emulators.results import RESULTS
from unstill.emulators.wire import Answer, Ask, Endpoint, Refusal, as_json, json_body

TASKS = "/api/v3/contents/generations/tasks"
KEPT_MS = 7 * 86_400_000
MOST_PAGE = 500  # both a page's number and its size
MOST_BODY = 64 * 10**6
WORDS = {
    EmulatedState.WAITING: "queued",
    EmulatedState.RUNNING: "running",
    EmulatedState.DONE: "succeeded",
    EmulatedState.FAILED: "failed",
    EmulatedState.CANCELLED: "cancelled",
}
STATES = {word: state for state, word in WORDS.items()}
NO_SUCH_WORD = "under_review"
OUTPUT_FAULT = {
    "code": "OutputVideoSensitiveContentDetected",
    "message": "The video could not be generated: it may contain sensitive information.",
}

INJECTED = {
    400: ("InputTextSensitiveContentDetected", "The prompt may contain sensitive information."),
    401: ("AuthenticationError", "The API key or AK/SK in the request is missing or invalid."),
    403: ("AccountOverdueError", "The request failed because your account has an overdue balance."),
    404: ("ModelNotOpen", "Your account has not activated the model."),
    429: ("RateLimitExceeded.EndpointRPMExceeded", "The requests per minute limit is exceeded."),
    500: ("InternalServiceError", "The service encountered an unexpected internal error."),
    503: ("InternalServiceError", "The service is not available now."),
}
NO_TASK = "ResourceNotFound"
KINDS = {401: "Unauthorized", 403: "Forbidden", 404: "NotFound", 409: "Conflict"}


class ArkEmulator:
    wants_key = True
    takes_bare_key = False
    key_scheme = "Bearer"

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._lists = Rate(1 if desk.options.requests_per_s else 0)
        task = f"{TASKS}/{{task_id}}"
        self.endpoints = (
            Endpoint("POST", TASKS, self._create, FaultSite.SUBMIT),
            Endpoint("GET", TASKS, self._list, FaultSite.LIST),
            Endpoint("GET", task, self._query, FaultSite.POLL),
            Endpoint("DELETE", task, self._delete, FaultSite.CANCEL),
            Endpoint("GET", f"{RESULTS}{{name}}", desk.follow, FaultSite.FETCH, needs_key=False),
        )

    def render(self, refusal: Refusal, ask: Ask) -> Answer:  # noqa: ARG002  - the port's shape
        """The request's id stands in the message alone."""
        error = {
            "code": refusal.code,
            "message": f"{refusal.message} Request id: {uuid.uuid4().hex}",
            "param": refusal.param or "",
            "type": refusal.kind or KINDS.get(refusal.status, "InternalServerError"),
        }
        return as_json({"error": error}, status=refusal.status)

    def bad_key(self, *, is_missing: bool) -> Refusal:  # noqa: ARG002  - the port's shape
        return self.injected(401, FaultSite.SUBMIT)

    def injected(self, status: int, place: FaultSite) -> Refusal:  # noqa: ARG002  - the port's shape
        code, message = INJECTED[status]
        return Refusal(status, code, message, kind="TooManyRequests" if status == 429 else "")

    def no_route(self, ask: Ask) -> Refusal:
        return Refusal(404, "NotFound", f"There is nothing at {ask.path}.")

    def _create(self, ask: Ask) -> Answer:
        if not self._desk.submits.takes(ask.key):
            raise self.injected(429, FaultSite.SUBMIT)
        body = _object_body(ask)
        name = body.get("model")
        model = model_named(name)
        if model is None or not isinstance(name, str):
            message = f"The model or endpoint {name!r} does not exist or you do not have access."
            raise Refusal(404, "InvalidEndpointOrModel.NotFound", message)
        wish = read_wish(name, model, body)
        job = self._desk.accept(ask, self._new_id(), wish.terms, prompt=wish.prompt, body=body)
        return as_json({"id": job.id}, job_id=job.id)

    def _new_id(self) -> str:
        return f"cgt-{datetime.now(UTC):%Y%m%d%H%M%S}-{len(self._desk.jobs):05x}"

    def _query(self, ask: Ask) -> Answer:
        self._count(ask)
        return as_json(self._task(self._found(ask), ask))

    def _list(self, ask: Ask) -> Answer:
        if not self._lists.takes(ask.key):
            raise self.injected(429, FaultSite.LIST)
        page_num = _page_number(ask, "page_num", 1)
        page_size = _page_number(ask, "page_size", 10)
        jobs = self._chosen(ask)
        first = (page_num - 1) * page_size
        items = [self._task(job, ask) for job in jobs[first : first + page_size]]
        return as_json({"items": items, "total": len(jobs)})

    def _chosen(self, ask: Ask) -> list[EmulatedJob]:
        """The jobs that the filters show, newest first. Raises Refusal."""
        ids = [value for name, value in ask.pairs if name == "filter.task_ids"]
        status = ask.query.get("filter.status")
        if status is not None and status not in STATES:
            raise invalid(f"one of {', '.join(STATES)}", "filter.status")
        chosen = Filter(
            states=None if status is None else (STATES[status],),
            model=ask.query.get("filter.model"),
            since_ms=now_ms() - KEPT_MS,
        )
        page = self._desk.jobs.page(chosen, now_ms=now_ms(), limit=len(self._desk.jobs))
        return [job for job in page.jobs if not ids or job.id in ids]

    def _delete(self, ask: Ask) -> Answer:
        """Cancels a queued task; of one that has ended, the record goes."""
        self._count(ask)
        job = self._found(ask)
        match job.state:
            case EmulatedState.WAITING:
                self._desk.jobs.cancel(job.id, now_ms())
            case EmulatedState.DONE | EmulatedState.FAILED:
                self._desk.jobs.forget(job.id, now_ms())
            case _:
                message = f"The task is {WORDS[job.state]} and cannot be cancelled."
                raise Refusal(409, "TaskRunningCannotCancel", message)
        return as_json({})

    def _found(self, ask: Ask) -> EmulatedJob:
        """Raises Refusal."""
        task_id = ask.names["task_id"]
        job = self._desk.find(task_id, ask)
        if job is None or job.submitted_ms < now_ms() - KEPT_MS:
            raise Refusal(404, NO_TASK, f"The specified task {task_id} is not found.")
        return job

    def _count(self, ask: Ask) -> None:
        if not self._desk.polls.takes(ask.key):
            raise self.injected(429, FaultSite.POLL)

    def _task(self, job: EmulatedJob, ask: Ask) -> dict[str, Any]:
        is_done = job.state is EmulatedState.DONE
        has_link = is_done and now_ms() < job.ends_ms + self._desk.options.link_s * 1000
        terms = job.terms
        tokens = tokens_of(job.terms) if is_done else 0
        return {
            "id": job.id,
            "model": terms.model,
            "status": NO_SUCH_WORD if ask.fault is Fault.UNKNOWN_STATE else WORDS[job.state],
            "error": OUTPUT_FAULT if job.state is EmulatedState.FAILED else None,
            "created_at": job.submitted_ms // 1000,
            "updated_at": min(job.ends_ms, now_ms()) // 1000,
            "content": {"video_url": self._desk.link(job, ask)} if has_link else None,
            "resolution": "4k" if terms.tier == 2160 else f"{terms.tier}p",
            "ratio": terms.size,
            "duration": terms.duration_s,
            "framespersecond": 24,
            "generate_audio": terms.has_audio,
            "service_tier": "default",
            "execution_expires_after": 172_800,
            "usage": {"completion_tokens": tokens, "total_tokens": tokens},
        }


def _page_number(ask: Ask, name: str, default: int) -> int:
    try:
        number = whole(ask.query, name, default)
    except Refusal as refusal:
        raise invalid(refusal.message, name) from None
    if not 1 <= number <= MOST_PAGE:
        raise invalid(f"from 1 to {MOST_PAGE}", name)
    return number


def _object_body(ask: Ask) -> Mapping[str, Any]:
    if len(ask.body) > MOST_BODY:
        raise invalid("the body has more than 64 MB", "body")
    try:
        body = json_body(ask)
    except msgspec.DecodeError:
        raise invalid("it is not JSON", "body") from None
    if ask.content_type != "application/json" or not isinstance(body, dict):
        raise invalid("it is no JSON object", "body")
    return body


EMULATOR = ArkEmulator
