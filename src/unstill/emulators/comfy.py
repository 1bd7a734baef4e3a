"""Comfy Router's queue: submit under a key, state, result and cancel of a request.

Covers video models by their vendors' own bodies (comfy_models.py), with a key behind Bearer; the
catalogue, estimates and calls that are waited for are not here. Source: Comfy Router, queue,
idempotency and errors, read 2026-11-28. No page says with which status a failed or a cancelled
request's result is answered, nor the kind of a 410: all are guesses.

A request that was taken keeps its `Idempotency-Key` for a day. Where its answer was lost by a
fault, it is still being admitted for a moment, in which the key is answered by a 409.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from itertools import count
from typing import Any

import msgspec

from unstill.emulators.comfy_models import has_model, invalid, read_request, result_of
from unstill.emulators.desk import Desk, now_ms
from unstill.emulators.faults import Fault, FaultSite
from unstill.emulators.jobs import EmulatedJob, EmulatedState
from unstill.emulators.results import RESULTS
from unstill.emulators.wire import (
    Answer,
    Ask,
    Endpoint,
    Refusal,
    as_json,
    digest_of,
    json_body,
)

REQUESTS = "/v2/models/{provider}/{model}/requests"
ONE = f"{REQUESTS}/{{id}}"
ADMITTED_AFTER_MS = 500
LONGEST_KEY = 255
KEYS = uuid.UUID("5f3f7c3e-6f0e-4d52-9d8e-0f6f1f1c7a11")
NO_SUCH_WORD = "REHEARSING"
WORDS = {EmulatedState.WAITING: "IN_QUEUE", EmulatedState.RUNNING: "IN_PROGRESS"}
OVER = "COMPLETED"
# After these it was done, and nobody was told.
LOSES_THE_ANSWER = frozenset({Fault.DROP_AFTER, Fault.ERROR_AFTER, Fault.GARBAGE, Fault.HTML})
ADMITTING = "concurrency_limit_exceeded"

INJECTED = {
    400: ("invalid_input", "The request is not valid."),
    401: ("unauthorized", "The API key is missing or not valid."),
    402: ("insufficient_credits", "There are not enough credits."),
    403: ("forbidden", "This key may not do that."),
    429: ("rate_limited", "Too many requests."),
    500: ("internal_error", "Something went wrong."),
    503: ("service_unavailable", "Try again later."),
}
NO_MODEL = (404, "model_not_found", "There is no such model.")
NO_REQUEST = (404, "request_not_found", "There is no such request.")
ENDS = {
    EmulatedState.FAILED: (500, "provider_error", "The video could not be generated."),
    EmulatedState.CANCELLED: (409, "cancelled", "The request was cancelled."),
}


class ComfyEmulator:
    wants_key = True
    takes_bare_key = False
    key_scheme = "Bearer"

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._admitted_ms: dict[str, int] = {}
        self.endpoints = (
            Endpoint("POST", REQUESTS, self._submit, FaultSite.SUBMIT),
            Endpoint("GET", f"{ONE}/status", self._status, FaultSite.POLL),
            Endpoint("GET", ONE, self._result, FaultSite.POLL),
            Endpoint("PUT", f"{ONE}/cancel", self._cancel, FaultSite.CANCEL),
            Endpoint("GET", f"{RESULTS}{{name}}", desk.follow, FaultSite.FETCH, needs_key=False),
        )

    def render(self, refusal: Refusal, ask: Ask) -> Answer:  # noqa: ARG002  - the port's shape
        """The kind stands in a header alone."""
        detail: Any = refusal.message
        if refusal.param is not None:
            place = ["body", *refusal.param.split(".")]
            detail = [{"loc": place, "msg": refusal.message, "type": refusal.kind}]
        headers = {"x-comfy-error-type": refusal.code}
        if refusal.code == ADMITTING:
            headers["retry-after"] = "1"
        answer = as_json({"detail": detail}, status=refusal.status)
        return msgspec.structs.replace(answer, headers=headers)

    def bad_key(self, *, is_missing: bool) -> Refusal:  # noqa: ARG002  - the port's shape
        return self.injected(401, FaultSite.SUBMIT)

    def injected(self, status: int, place: FaultSite) -> Refusal:
        if status == 404:
            return Refusal(*(NO_MODEL if place is FaultSite.SUBMIT else NO_REQUEST))
        return Refusal(status, *INJECTED[status])

    def no_route(self, ask: Ask) -> Refusal:
        return Refusal(404, "model_not_found", f"There is nothing at {ask.path}.")

    def _submit(self, ask: Ask) -> Answer:
        if not self._desk.submits.takes(ask.key):
            raise self.injected(429, FaultSite.SUBMIT)
        provider, name = ask.names["provider"], ask.names["model"]
        if not has_model(provider, name):
            raise Refusal(*NO_MODEL)
        body = _body(ask)
        # The same body at another address is another request.
        same = {"path": ask.path.rstrip("/"), "query": list(map(list, ask.pairs)), "body": body}
        key = ask.headers.get("idempotency-key")
        request_id, is_used = str(uuid.uuid4()), False
        if key is not None:
            request_id, is_used = self._held_by(ask, key)
        if is_used:
            return self._repeated(request_id, digest_of(same), ask)
        read = read_request(provider, name, body)
        job = self._desk.accept(ask, request_id, read.terms, prompt=read.prompt, body=same)
        if ask.fault in LOSES_THE_ANSWER:
            self._admitted_ms[job.id] = now_ms() + ADMITTED_AFTER_MS
        return self._taken(job.id, ask, job_id=job.id)

    def _held_by(self, ask: Ask, key: str) -> tuple[str, bool]:
        """The id of the request that a key stands for, and whether there is one already.

        It is made of the key, so that one that was kept is found again after a restart.
        """
        if not 1 <= len(key) <= LONGEST_KEY:
            message = f"Idempotency-Key has 1 to {LONGEST_KEY} characters."
            raise Refusal(400, "invalid_input", message)
        for at in count():
            request_id = str(uuid.uuid5(KEYS, f"{ask.key} {key} {at}"))
            if not self._desk.jobs.had(request_id):
                return request_id, False
            job = self._desk.jobs.find(request_id, now_ms())
            if job is None or now_ms() < job.submitted_ms + self._kept_ms():
                return request_id, True
        raise AssertionError  # `count` has no end

    def _repeated(self, request_id: str, digest: int, ask: Ask) -> Answer:
        """The first answer again; a request that was lost meanwhile still has its key."""
        job = self._desk.jobs.find(request_id, now_ms())
        if job is not None and job.digest != digest:
            raise Refusal(409, "invalid_input", "The key belongs to another request.")
        if now_ms() < self._admitted_ms.get(request_id, 0):
            raise Refusal(409, ADMITTING, "The first request of this key is being admitted.")
        return self._taken(request_id, ask, replayed={"idempotent-replayed": "true"})

    def _taken(
        self,
        request_id: str,
        ask: Ask,
        *,
        job_id: str | None = None,
        replayed: Mapping[str, str] | None = None,
    ) -> Answer:
        handle = _handle(request_id, ask) | {"status": "IN_QUEUE", "queue_position": 0}
        headers = {"x-comfy-request-id": request_id, **(replayed or {})}
        answer = as_json(handle, status=201, job_id=job_id)
        return msgspec.structs.replace(answer, headers=headers)

    def _status(self, ask: Ask) -> Answer:
        self._count(ask)
        return self._state(self._found(ask), ask, status=200)

    def _state(self, job: EmulatedJob, ask: Ask, *, status: int) -> Answer:
        word = WORDS.get(job.state, OVER)
        state = _handle(job.id, ask) | {
            "status": NO_SUCH_WORD if ask.fault is Fault.UNKNOWN_STATE else word,
            "queue_position": 0 if job.state is EmulatedState.WAITING else None,
        }
        if job.state in ENDS:
            state["error_type"] = ENDS[job.state][1]
        answer = as_json(state, status=status)
        return msgspec.structs.replace(answer, headers={"retry-after": "2"})

    def _result(self, ask: Ask) -> Answer:
        """The vendor's own; of one that has failed, the failure."""
        self._count(ask)
        job = self._found(ask)
        if job.state in ENDS:
            raise Refusal(*ENDS[job.state])
        if job.state is not EmulatedState.DONE:
            return self._state(job, ask, status=202)
        return as_json(result_of(job, self._desk.link(job, ask)))

    def _cancel(self, ask: Ask) -> Answer:
        """One that has begun consents too, and is finished all the same."""
        self._count(ask)
        job = self._found(ask)
        if job.state not in WORDS:
            return as_json({"status": "ALREADY_COMPLETED"}, status=409)
        if job.state is EmulatedState.WAITING:
            self._desk.jobs.cancel(job.id, now_ms())
        return as_json({"status": "CANCELLATION_REQUESTED"}, status=202)

    def _found(self, ask: Ask) -> EmulatedJob:
        """Raises Refusal."""
        job = self._desk.find(ask.names["id"], ask)
        if job is None or job.terms.model != f"{ask.names['provider']}/{ask.names['model']}":
            raise Refusal(*NO_REQUEST)
        if job.state not in WORDS and job.ends_ms + self._kept_ms() <= now_ms():
            raise Refusal(410, "request_expired", "The request ended long ago and is forgotten.")
        return job

    def _count(self, ask: Ask) -> None:
        """Polls count against the rate."""
        if not self._desk.polls.takes(ask.key):
            raise self.injected(429, FaultSite.POLL)

    def _kept_ms(self) -> int:
        return int(self._desk.options.kept_s * 1000)


def _handle(request_id: str, ask: Ask) -> dict[str, Any]:
    place = f"{ask.origin}{REQUESTS.format(**ask.names)}/{request_id}"
    return {
        "request_id": request_id,
        "status_url": f"{place}/status",
        "response_url": place,
        "cancel_url": f"{place}/cancel",
    }


def _body(ask: Ask) -> dict[str, Any]:
    """Raises Refusal."""
    try:
        body = json_body(ask)
    except msgspec.DecodeError:
        raise invalid("body", "it is not JSON") from None
    if ask.content_type != "application/json" or not isinstance(body, dict):
        raise invalid("body", "it is no JSON object")
    return body


EMULATOR = ComfyEmulator
