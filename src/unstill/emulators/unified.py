"""The unified `/v1/videos` of a reseller, in its own words: QUEUED, IN_PROGRESS, SUCCESS, FAILURE.

Covers create, query and content of wan2.7-i2v and sora-2. Source: the provider's pages on its
unified entry, on Sora and on wan2.7-i2v, read 2026-11-20. How it words a failure, a bad key or a
full account is not documented. Nor is what it does with a length or a size that Sora does not have:
refused here.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from unstill.emulators import videos
from unstill.emulators.desk import Desk
from unstill.emulators.faults import FaultSite
from unstill.emulators.jobs import EmulatedJob, EmulatedState, Terms
from unstill.emulators.pictures import PictureFault, bytes_of_data_url, is_address
from unstill.emulators.wire import Answer, Ask, Refusal, as_json

DURATIONS_S: Mapping[str, Sequence[int]] = {
    "wan2.7-i2v": range(2, 16),  # DashScope, wan2.7-i2v, parameters.duration
    "sora-2": (4, 8, 12),  # OpenAI, POST /videos, seconds
}
SORA_SIZES = ("1280x720", "720x1280")  # OpenAI, video guide, sora-2
MOST_SEED = 2**31 - 1
WORDS = {
    EmulatedState.WAITING: "QUEUED",
    EmulatedState.RUNNING: "IN_PROGRESS",
    EmulatedState.DONE: "SUCCESS",
    EmulatedState.FAILED: "FAILURE",
    EmulatedState.CANCELLED: "FAILURE",
}
CODES = {
    400: ("BadRequest", "InvalidParameter"),
    401: ("Unauthorized", "InvalidApiKey"),
    403: ("Forbidden", "AccessDenied"),
    404: ("NotFound", "ResourceNotFound"),
    429: ("TooManyRequests", "RateLimitExceeded"),
    500: ("InternalError", "InternalError"),
    503: ("ServiceUnavailable", "ServiceUnavailable"),
}


class UnifiedEmulator:
    wants_key = True
    takes_bare_key = False
    key_scheme = "Bearer"

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.endpoints = videos.endpoints(
            create=self._create, retrieve=self._retrieve, download=self._download
        )

    def render(self, refusal: Refusal, ask: Ask) -> Answer:  # noqa: ARG002  - the port's shape
        error = {
            "message": refusal.message,
            "type": refusal.kind or "BadRequest",
            "param": "",
            "code": refusal.code,
        }
        return as_json({"error": error}, status=refusal.status)

    def bad_key(self, *, is_missing: bool) -> Refusal:  # noqa: ARG002  - the port's shape
        return self.injected(401, FaultSite.SUBMIT)

    def injected(self, status: int, place: FaultSite) -> Refusal:  # noqa: ARG002  - the port's shape
        kind, code = CODES[status]
        return Refusal(status, code, videos.MESSAGES[status], kind=kind)

    def no_route(self, ask: Ask) -> Refusal:  # noqa: ARG002  - the port's shape
        return self.injected(404, FaultSite.POLL)

    def _create(self, ask: Ask) -> Answer:
        if not self._desk.submits.takes(ask.key):
            raise self.injected(429, FaultSite.SUBMIT)
        if ask.content_type != "application/json":
            raise _bad("the body must be application/json")
        body = videos.object_body(ask)
        terms = _terms(body)
        _check_pictures(body)
        job_id = str(uuid.uuid4())
        job = self._desk.accept(ask, job_id, terms, prompt=body["prompt"], body=body)
        # Only this answer has the seconds.
        value = _value(job, ask) | {"seconds": str(terms.duration_s)}
        return as_json(value, job_id=job.id)

    def _retrieve(self, ask: Ask) -> Answer:
        return as_json(_value(videos.found(self._desk, ask, _missing()), ask))

    def _download(self, ask: Ask) -> Answer:
        job = videos.found(self._desk, ask, _missing())
        early = _bad(f"task is not completed yet, current status: {WORDS[job.state]}")
        return videos.content(job, ask, early=early, failed=early)


def _terms(body: Mapping[str, Any]) -> Terms:
    """Raises Refusal."""
    model = body.get("model")
    if not isinstance(model, str) or model not in DURATIONS_S:
        raise _bad(f"model {model!r} is not available")
    if not isinstance(body.get("prompt"), str) or not body["prompt"]:
        raise _bad("prompt is required")
    if "content" in body:
        raise _bad("content is not supported here, use input_reference.content")
    for name in ("resolution", "ratio"):
        if name in body:
            raise _bad(f"{name} is not supported by this channel, use size")
    if videos.size_of(body.get("size")) is None:
        raise _bad("size must be like 1280x720")
    if model == "sora-2" and body["size"] not in SORA_SIZES:
        raise _bad(f"size must be {' or '.join(SORA_SIZES)}")
    if not isinstance(body.get("generate_audio", True), bool):
        raise _bad("generate_audio must be a boolean")
    seed = body.get("seed", 0)
    if not isinstance(seed, int) or isinstance(seed, bool) or not 0 <= seed <= MOST_SEED:
        raise _bad(f"seed must be an integer from 0 to {MOST_SEED}")
    return Terms(
        model=model,
        duration_s=_duration_s(body, DURATIONS_S[model]),
        size=body["size"],
        has_audio=body.get("generate_audio", True),
    )


def _duration_s(body: Mapping[str, Any], allowed: Sequence[int]) -> int:
    """The document has a string; an older version of it had a number."""
    seconds = body.get("seconds")
    text = str(seconds) if isinstance(seconds, (str, int)) else ""
    if not text.isdecimal() or int(text) not in allowed:
        raise _bad(f"seconds must be one of {', '.join(map(str, allowed))}, as text")
    return int(text)


def _check_pictures(body: Mapping[str, Any]) -> None:
    """Only the first picture is used. Raises Refusal."""
    reference = body.get("input_reference")
    content = reference.get("content") if isinstance(reference, dict) else None
    if not isinstance(content, list) or not content:
        raise _bad("input_reference.content must be a list with a picture")
    match content[0]:
        case {"type": "image_url", "image_url": {"url": str(url)}}:
            _check_address(url)
        case _:
            raise _bad("input_reference.content[0] must be an image_url with a url")


def _check_address(url: str) -> None:
    try:
        is_picture = is_address(url) or bytes_of_data_url(url) is not None
    except PictureFault as fault:
        raise _bad(str(fault)) from None
    if not is_picture:
        raise _bad("image_url.url must be a URL or a data URL")


def _value(job: EmulatedJob, ask: Ask) -> dict[str, Any]:
    value = {
        "id": job.id,
        "object": "video",
        "status": videos.word(job, ask, WORDS),
        "created_at": job.submitted_ms // 1000,
        "model": job.terms.model,
        "prompt": job.prompt,
        "size": job.terms.size,
    }
    if job.state is EmulatedState.FAILED:
        value["error"] = {"code": "InternalError", "message": videos.OUTPUT_FAULT}
    return value


def _missing() -> Refusal:
    return Refusal(404, "ResourceNotFound", "video not found", kind="NotFound")


def _bad(message: str) -> Refusal:
    return Refusal(400, "InvalidParameter", message, kind="BadRequest")


EMULATOR = UnifiedEmulator
