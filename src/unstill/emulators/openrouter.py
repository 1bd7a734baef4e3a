"""OpenRouter's videos: submit, poll, content, and the list of models.

Source: OpenRouter, video generation and errors, and the types of its official
client 1.3.84, read 2026-11-28. `polling_url` is relative, as its description of the API has it.
"""

from __future__ import annotations

import hmac
import secrets
import string
from typing import Any

import msgspec

from unstill.emulators.callbacks import SignedCallback
from unstill.emulators.desk import Desk, now_ms
from unstill.emulators.faults import Fault, FaultSite
from unstill.emulators.jobs import EmulatedJob, EmulatedState
from unstill.emulators.openrouter_models import LISTED, bad_request, read_order
from unstill.emulators.results import video_answer
from unstill.emulators.wire import Answer, Ask, Endpoint, Refusal, as_json, json_body

PREFIX = "/api/v1/videos"
WORDS = {
    EmulatedState.WAITING: "pending",
    EmulatedState.RUNNING: "in_progress",
    EmulatedState.DONE: "completed",
    EmulatedState.FAILED: "failed",
    EmulatedState.CANCELLED: "cancelled",
}
NO_SUCH_WORD = "daydreaming"
OUTPUT_FAULT = "The video could not be generated."
ID_LETTERS = string.ascii_letters + string.digits

INJECTED = {
    400: ("invalid_request", "Bad request"),
    401: ("authentication", "No cookie auth credentials found"),
    403: ("permission_denied", "This key has no access to this endpoint"),
    404: ("not_found", "Not found"),
    429: ("rate_limit_exceeded", "Rate limit exceeded"),
    500: ("server", "Internal Server Error"),
    503: ("provider_unavailable", "No provider is available for this request"),
}


class OpenRouterEmulator:
    wants_key = True
    takes_bare_key = False
    key_scheme = "Bearer"

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.endpoints = (
            Endpoint("POST", PREFIX, self._submit, FaultSite.SUBMIT),
            Endpoint("GET", f"{PREFIX}/models", self._models, FaultSite.LIST, needs_key=False),
            Endpoint("GET", f"{PREFIX}/{{id}}", self._poll, FaultSite.POLL),
            Endpoint("GET", f"{PREFIX}/{{id}}/content", self._content, FaultSite.FETCH),
        )

    def render(self, refusal: Refusal, ask: Ask) -> Answer:  # noqa: ARG002  - the port's shape
        error = {
            "code": refusal.status,
            "message": refusal.message,
            "metadata": {"error_type": refusal.code},
        }
        return as_json({"error": error}, status=refusal.status)

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
        try:
            body = json_body(ask)
        except msgspec.DecodeError:
            raise bad_request("the body is not JSON") from None
        if not isinstance(body, dict):
            raise bad_request("the body must be an object")
        terms = read_order(body)
        tail = "".join(secrets.choice(ID_LETTERS) for _ in range(20))
        job_id = f"gen-vid-{now_ms() // 1000}-{tail}"
        job = self._desk.accept(ask, job_id, terms, prompt=body.get("prompt"), body=body)
        if self._desk.options.callback_secret:  # without one it signs nothing, and sends nothing
            self._desk.callbacks.owe(
                job.id, body.get("callback_url"), lambda ended: self._told_of(ended, ask)
            )
        return as_json(_shown(job, "pending"), status=202, job_id=job.id)

    def _models(self, ask: Ask) -> Answer:
        del ask
        return as_json({"data": [model.shown() for model in LISTED.values()]})

    def _poll(self, ask: Ask) -> Answer:
        job = self._find(ask)
        word = NO_SUCH_WORD if ask.fault is Fault.UNKNOWN_STATE else WORDS[job.state]
        return as_json(_shown(job, word) | self._outcome(job, ask))

    def _told_of(self, job: EmulatedJob, ask: Ask) -> SignedCallback:
        """A callback about the end, signed by the secret of the options."""
        stamp, word = now_ms() // 1000, WORDS[job.state]
        data = {"id": job.id, "status": word, "model": job.terms.model} | self._outcome(job, ask)
        body = msgspec.json.encode(
            {"type": f"video.generation.{word}", "created_at": stamp, "data": data}
        )
        secret = self._desk.options.callback_secret.encode()
        signature = hmac.digest(secret, b"%d," % stamp + body, "sha256").hex()
        headers = {
            "x-openrouter-idempotency-key": f"{job.id}-{word}",
            "x-openrouter-signature": f"t={stamp},v1={signature}",
        }
        return SignedCallback(headers, body)

    def _outcome(self, job: EmulatedJob, ask: Ask) -> dict[str, Any]:
        """What has come of it, if it has ended."""
        match job.state:
            case EmulatedState.DONE:
                price = LISTED[job.terms.model].usd_a_second
                cost = round(price * job.terms.duration_s, 6)
                return {
                    "generation_id": job.id,
                    "unsigned_urls": [f"{ask.origin}{PREFIX}/{job.id}/content?index=0"],
                    "usage": {"cost": cost, "is_byok": False},
                }
            case EmulatedState.FAILED | EmulatedState.CANCELLED:
                return {"error": OUTPUT_FAULT, "usage": {"cost": 0, "is_byok": False}}
            case _:
                return {}

    def _content(self, ask: Ask) -> Answer:
        job = self._find(ask)
        if ask.query.get("index", "0") != "0":
            raise bad_request("index: there is one output")
        if job.state is not EmulatedState.DONE:
            raise bad_request(f"the job is {WORDS[job.state]}")
        return video_answer(job, ask.fault)

    def _find(self, ask: Ask) -> EmulatedJob:
        """Raises Refusal."""
        job = self._desk.find(ask.names["id"], ask)
        if job is None:
            raise Refusal(404, "not_found", "Video generation job not found")
        return job


def _shown(job: EmulatedJob, word: str) -> dict[str, Any]:
    return {"id": job.id, "polling_url": f"{PREFIX}/{job.id}", "status": word}


EMULATOR = OpenRouterEmulator
