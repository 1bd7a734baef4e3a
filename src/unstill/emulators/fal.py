"""fal's queue: submit to an endpoint; state, result and cancel below its owner and app.

Covers the image-to-video endpoints of fal_models.py, with webhooks, without uploads. Source: fal's
queue, error and header pages and its official client, read 2026-11-28. That a bad input is refused
at submit, and not by the result, is the stricter reading.
"""

from __future__ import annotations

import uuid
from typing import Any

import msgspec

from unstill.emulators.desk import Desk, now_ms
from unstill.emulators.fal_callbacks import KEYS, key_set, told_of
from unstill.emulators.fal_models import ENDPOINTS, bad_input, read_input
from unstill.emulators.faults import Fault, FaultSite
from unstill.emulators.jobs import EmulatedJob, EmulatedState
from unstill.emulators.results import RESULTS
from unstill.emulators.wire import Answer, Ask, Endpoint, Refusal, as_json, json_body

NO_SUCH_WORD = "REHEARSING"
OUTPUT_FAULT = "The video could not be generated."
BELOW_APP = "/{owner}/{app}/requests/{id}"

# What the queue says of itself, by status; the words of 403 are those of an empty account.
INJECTED = {
    400: ("bad_request", "Bad request"),
    401: ("unauthorized", "Authentication is required to access this application"),
    403: ("forbidden", "User is locked. Reason: Exhausted balance."),
    404: ("not_found", "Application not found"),
    405: ("method_not_allowed", "Method Not Allowed"),
    429: ("too_many_requests", "Too many requests"),
    500: ("internal_error", "Internal server error"),
    503: ("runner_connection_error", "Runner connection error"),
}
ENDS = {
    EmulatedState.FAILED: (500, "internal_error", OUTPUT_FAULT),
    EmulatedState.CANCELLED: (499, "client_cancelled", "Request was cancelled by the client"),
}


class FalEmulator:
    wants_key = True
    takes_bare_key = False
    key_scheme = "Key"

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.endpoints = (
            Endpoint("GET", f"{RESULTS}{{name}}", desk.follow, FaultSite.FETCH, needs_key=False),
            Endpoint("GET", KEYS, self._keys, needs_key=False),
            Endpoint("GET", f"{BELOW_APP}/status", self._status, FaultSite.POLL),
            Endpoint("PUT", f"{BELOW_APP}/cancel", self._cancel, FaultSite.CANCEL),
            Endpoint("GET", BELOW_APP, self._result, FaultSite.POLL),
            # With the path of the endpoint before `requests`, there is no such route.
            Endpoint("GET", "/{owner}/{app}/{path:path}", self._wrong_method),
            Endpoint("POST", "/{endpoint:path}", self._submit, FaultSite.SUBMIT),
        )

    def render(self, refusal: Refusal, ask: Ask) -> Answer:  # noqa: ARG002  - the port's shape
        if refusal.param is not None:
            detail: Any = [
                {"loc": ["body", refusal.param], "msg": refusal.message, "type": refusal.kind}
            ]
            return as_json({"detail": detail}, status=refusal.status)
        body = {"detail": refusal.message, "error_type": refusal.code}
        answer = as_json(body, status=refusal.status)
        return msgspec.structs.replace(answer, headers={"x-fal-error-type": refusal.code})

    def bad_key(self, *, is_missing: bool) -> Refusal:  # noqa: ARG002  - the port's shape
        return self.injected(401, FaultSite.SUBMIT)

    def injected(self, status: int, place: FaultSite) -> Refusal:  # noqa: ARG002  - the port's shape
        code, message = INJECTED[status]
        return Refusal(status, code, message)

    def no_route(self, ask: Ask) -> Refusal:  # noqa: ARG002  - the port's shape
        return self.injected(404, FaultSite.POLL)

    def _submit(self, ask: Ask) -> Answer:
        if not self._desk.submits.takes(ask.key):
            raise self.injected(429, FaultSite.SUBMIT)
        name = ask.names["endpoint"].rstrip("/")
        endpoint = ENDPOINTS.get(name)
        if endpoint is None:
            raise self.injected(404, FaultSite.SUBMIT)
        body = _input(ask)
        terms = read_input(name, endpoint, body)
        prompt = body.get("prompt")
        # The same input at another endpoint is another request.
        job = self._desk.accept(
            ask, str(uuid.uuid4()), terms, prompt=prompt, body={"endpoint": name, **body}
        )
        self._desk.callbacks.owe(
            job.id,
            ask.query.get("fal_webhook"),
            lambda ended: told_of(ended, self._outcome(ended, ask), self._desk.secret),
        )
        return as_json(self._handle(job, ask) | {"queue_position": 0}, job_id=job.id)

    def _keys(self, _: Ask) -> Answer:
        return as_json(key_set(self._desk.secret))

    def _outcome(self, job: EmulatedJob, ask: Ask) -> dict[str, Any]:
        """What its result answers: the output, or why there is none."""
        if job.state in ENDS:
            _, kind, message = ENDS[job.state]
            return {"error": message, "error_type": kind}
        return {"video": self._video(job, ask)}

    def _video(self, job: EmulatedJob, ask: Ask) -> dict[str, str]:
        return {
            "url": self._desk.link(job, ask),
            "content_type": "video/mp4",
            "file_name": f"{job.id}.mp4",
        }

    def _status(self, ask: Ask) -> Answer:
        job = self._find(ask)
        if job is None:
            return as_json({"status": "NOT_FOUND"}, status=404)
        handle = self._handle(job, ask)
        if ask.fault is Fault.UNKNOWN_STATE:
            return as_json(handle | {"status": NO_SUCH_WORD}, status=202)
        match job.state:
            case EmulatedState.WAITING:
                return as_json(handle | {"status": "IN_QUEUE", "queue_position": 0}, status=202)
            case EmulatedState.RUNNING:
                return as_json(handle | {"status": "IN_PROGRESS", "logs": None}, status=202)
            case EmulatedState.DONE:
                run_s = (job.ends_ms - job.begins_ms) / 1000
                end: dict[str, Any] = {"metrics": {"inference_time": run_s}}
            case _:
                _, kind, message = ENDS[job.state]
                end = {"metrics": {}, "error": message, "error_type": kind}
        return as_json(handle | {"status": "COMPLETED", "logs": None} | end)

    def _result(self, ask: Ask) -> Answer:
        job = self._find(ask)
        if job is None:
            return as_json({"status": "NOT_FOUND"}, status=404)
        if job.state in ENDS:
            status, kind, message = ENDS[job.state]
            raise Refusal(status, kind, message)
        if job.state is not EmulatedState.DONE:
            raise Refusal(400, "bad_request", "Request is still in progress")
        video = self._video(job, ask)
        units = {"x-fal-billable-units": f"{job.terms.duration_s}.0"}
        return msgspec.structs.replace(as_json({"video": video}), headers=units)

    def _cancel(self, ask: Ask) -> Answer:
        """A request that has begun consents too, and is finished all the same."""
        job = self._find(ask)
        if job is None:
            return as_json({"status": "NOT_FOUND"}, status=404)
        match job.state:
            case EmulatedState.WAITING:
                self._desk.jobs.cancel(job.id, now_ms())
            case EmulatedState.RUNNING:
                pass
            case _:
                return as_json({"status": "ALREADY_COMPLETED"}, status=400)
        return as_json({"status": "CANCELLATION_REQUESTED"}, status=202)

    def _wrong_method(self, ask: Ask) -> Answer:
        del ask
        raise self.injected(405, FaultSite.POLL)

    def _find(self, ask: Ask) -> EmulatedJob | None:
        job = self._desk.find(ask.names["id"], ask)
        app = f"{ask.names['owner']}/{ask.names['app']}/"
        return job if job is not None and job.terms.model.startswith(app) else None

    def _handle(self, job: EmulatedJob, ask: Ask) -> dict[str, Any]:
        owner, app, *_ = job.terms.model.split("/")
        place = f"{ask.origin}/{owner}/{app}/requests/{job.id}"
        return {
            "request_id": job.id,
            "response_url": place,
            "status_url": f"{place}/status",
            "cancel_url": f"{place}/cancel",
        }


def _input(ask: Ask) -> dict[str, Any]:
    """Raises Refusal."""
    try:
        body = json_body(ask)
    except msgspec.DecodeError:
        raise bad_input("body", "JSON decode error", "json_invalid") from None
    if not isinstance(body, dict):
        raise bad_input("body", "Input should be a valid dictionary", "dict_type")
    return body


EMULATOR = FalEmulator
