"""OpenAI's Videos API as it was documented until it was switched off on 2026-09-24.

Covers create, retrieve, list, delete and content; remix, edits, extensions, characters, thumbnails
and sprite sheets are not here. Source: openai-openapi spec 2.3.0 (2026-08-21) and the video guide;
what the service said to an early download was never published.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from typing import Any

from unstill.emulators import videos
from unstill.emulators.desk import Desk, now_ms
from unstill.emulators.faults import FaultSite
from unstill.emulators.jobs import EmulatedJob, EmulatedState, Terms
from unstill.emulators.pictures import (
    PictureFault,
    PictureRule,
    bytes_of_data_url,
    check_bytes,
    is_address,
)
from unstill.emulators.wire import (
    Answer,
    Ask,
    Endpoint,
    Part,
    Refusal,
    as_json,
    form_parts,
    parts_value,
)
from unstill.media.picture_formats import dimensions

SIZES = ("720x1280", "1280x720", "1024x1792", "1792x1024")
PRO_SIZES = (*SIZES, "1920x1080", "1080x1920")  # the guide, sora-2-pro
SECONDS = ("4", "8", "12", "16", "20")  # the spec's enum has the first three, the guide all
MODELS = (
    "sora-2",
    "sora-2-pro",
    "sora-2-2025-10-06",
    "sora-2-pro-2025-10-06",
    "sora-2-2025-12-08",
)
FIELDS = frozenset({"prompt", "model", "seconds", "size", "input_reference"})
MOST_PROMPT = 32_000  # characters
MOST_URL = 20_971_520  # characters
PICTURE = PictureRule(
    formats=("JPEG", "PNG", "WebP"), least_side_px=1, most_side_px=2**31, most_bytes=MOST_URL
)
PICTURE_TYPES = frozenset({"image/jpeg", "image/png", "image/webp"})
KEPT_S = 3600  # the guide: assets can be downloaded for about an hour

_BRACKETED = re.compile(r"(\w+)\[(\w+)\]")


class OpenAiEmulator:
    wants_key = True
    takes_bare_key = False
    key_scheme = "Bearer"

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.endpoints = (
            *videos.endpoints(
                create=self._create, retrieve=self._retrieve, download=self._download
            ),
            Endpoint("GET", videos.PATH, self._list, FaultSite.LIST),
            Endpoint("DELETE", videos.ONE, self._delete, FaultSite.CANCEL),
        )

    def render(self, refusal: Refusal, ask: Ask) -> Answer:  # noqa: ARG002  - the port's shape
        error = {
            "message": refusal.message,
            "type": refusal.kind or "invalid_request_error",
            "param": refusal.param,
            "code": refusal.code or None,
        }
        return as_json({"error": error}, status=refusal.status)

    def bad_key(self, *, is_missing: bool) -> Refusal:
        message = "You didn't provide an API key." if is_missing else videos.MESSAGES[401]
        return Refusal(401, "invalid_api_key", message)

    def injected(self, status: int, place: FaultSite) -> Refusal:  # noqa: ARG002  - the port's shape
        kind = "server_error" if status >= 500 else "invalid_request_error"
        code = "rate_limit_exceeded" if status == 429 else ""
        return Refusal(status, code, videos.MESSAGES[status], kind=kind)

    def no_route(self, ask: Ask) -> Refusal:
        return Refusal(404, "unknown_url", f"Unknown request URL: {ask.method} {ask.path}.")

    def _create(self, ask: Ask) -> Answer:
        if not self._desk.submits.takes(ask.key):
            raise self.injected(429, FaultSite.SUBMIT)
        fields, digested = _fields(ask)
        unknown = sorted(set(fields) - FIELDS)
        if unknown:
            raise _bad(f"Unknown parameter: '{unknown[0]}'.", unknown[0], "unknown_parameter")
        terms = _terms(fields)
        _check_reference(fields.get("input_reference"), terms)
        job_id = f"video_{uuid.uuid4().hex}"
        job = self._desk.accept(ask, job_id, terms, prompt=fields["prompt"], body=digested)
        return as_json(_value(job, ask), job_id=job.id)

    def _retrieve(self, ask: Ask) -> Answer:
        return as_json(_value(videos.found(self._desk, ask, _missing(ask)), ask))

    def _download(self, ask: Ask) -> Answer:
        variant = ask.query.get("variant", "video")
        if variant != "video":
            raise _bad(f"This server has no variant '{variant}'.", "variant", "invalid_value")
        job = videos.found(self._desk, ask, _missing(ask))
        if job.ends_ms + KEPT_S * 1000 < now_ms():
            raise _missing(ask)
        early = Refusal(404, "not_ready", "Video is not ready yet, use GET to check its status.")
        failed = Refusal(404, "not_ready", "Video generation failed.")
        return videos.content(job, ask, early=early, failed=failed)

    def _list(self, ask: Ask) -> Answer:
        page = videos.listed(self._desk, ask, least=0, default=20, most=100)
        return as_json(videos.list_value(page, lambda job: _value(job, ask)))

    def _delete(self, ask: Ask) -> Answer:
        job = videos.found(self._desk, ask, _missing(ask))
        if job.state in {EmulatedState.WAITING, EmulatedState.RUNNING}:
            raise _bad("Only completed or failed videos can be deleted.", "video_id", "")
        self._desk.jobs.forget(job.id, now_ms())
        return as_json({"id": job.id, "object": "video.deleted", "deleted": True})


def _fields(ask: Ask) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """The fields, files as their parts; and the same for a digest. Raises Refusal."""
    if ask.content_type == "application/json":
        body = videos.object_body(ask)
        return body, body
    if ask.content_type != "multipart/form-data":
        raise _bad(f"Unsupported content type: '{ask.content_type}'.", None, "")
    try:
        parts = form_parts(ask)
    except ValueError:
        raise _bad("Could not parse multipart form.", None, "") from None
    return _nested(parts), parts_value(parts)


def _nested(parts: tuple[Part, ...]) -> dict[str, Any]:
    """A form's fields, `a[b]` as an object `a` with a key `b`. Raises Refusal."""
    fields: dict[str, Any] = {}
    for part in parts:
        value = part.text if part.file_name is None else part
        bracketed = _BRACKETED.fullmatch(part.name)
        if bracketed is None:
            fields[part.name] = value
        else:
            fields.setdefault(bracketed[1], {})[bracketed[2]] = value
    return fields


def _terms(fields: Mapping[str, Any]) -> Terms:
    prompt = fields.get("prompt")
    if not isinstance(prompt, str) or not 1 <= len(prompt) <= MOST_PROMPT:
        code = "missing_required_parameter" if prompt is None else "invalid_value"
        raise _bad(f"'prompt' must be a text of 1 to {MOST_PROMPT} characters.", "prompt", code)
    model = _one_of(fields, "model", MODELS, "sora-2")
    sizes = PRO_SIZES if model.startswith("sora-2-pro") else SIZES
    return Terms(
        model=model,
        duration_s=int(_one_of(fields, "seconds", SECONDS, "4")),
        size=_one_of(fields, "size", sizes, "720x1280"),
        has_audio=True,
    )


def _one_of(fields: Mapping[str, Any], name: str, allowed: tuple[str, ...], default: str) -> str:
    value = fields.get(name, default)
    if not isinstance(value, str):
        message = f"Invalid type for '{name}': expected a string, but got {type(value).__name__}."
        raise _bad(message, name, "invalid_type")
    if value not in allowed:
        words = ", ".join(f"'{each}'" for each in allowed)
        raise _bad(f"Invalid value: '{value}'. Supported values are: {words}.", name)
    return value


def _check_reference(reference: Any, terms: Terms) -> None:
    """Raises Refusal."""
    data: bytes | None
    match reference:
        case None:
            return
        case Part():
            if reference.content_type not in PICTURE_TYPES:
                message = f"Unsupported mimetype ('{reference.content_type}')."
                raise _bad(message, "input_reference", "unsupported_file_mimetype")
            data = reference.data
        case {"image_url": str(url), **rest} if not rest and len(url) <= MOST_URL:
            data = _bytes_of(url)
        case {"file_id": str(file_id), **rest} if not rest:
            raise _bad(f"No such File object: {file_id}", "input_reference", "not_found")
        case dict():
            message = "Exactly one of 'image_url' and 'file_id' must be given."
            raise _bad(message, "input_reference")
        case _:
            message = "Invalid type for 'input_reference': expected an object."
            raise _bad(message, "input_reference", "invalid_type")
    if data is not None:
        _check_picture(data, terms)


def _bytes_of(url: str) -> bytes | None:
    """None for an address, which is not followed here. Raises Refusal."""
    try:
        data = bytes_of_data_url(url)
    except PictureFault as fault:
        raise _bad(str(fault), "input_reference") from None
    if data is None and not is_address(url):
        raise _bad("Invalid URL.", "input_reference")
    return data


def _check_picture(data: bytes, terms: Terms) -> None:
    try:
        check_bytes(data, PICTURE)
    except PictureFault as fault:
        raise _bad(str(fault), "input_reference") from None
    if dimensions(data) != videos.size_of(terms.size):
        message = "Inpaint image must match the requested width and height"
        raise Refusal(400, "", message)


def _value(job: EmulatedJob, ask: Ask) -> dict[str, Any]:
    error = None
    if job.state is EmulatedState.FAILED:
        error = {"code": "video_generation_failed", "message": videos.OUTPUT_FAULT}
    ended_s = videos.ended_s(job)
    return {
        "id": job.id,
        "object": "video",
        "model": job.terms.model,
        "status": videos.word(job, ask),
        "progress": videos.progress_of(job, most_unfinished=99),
        "created_at": job.submitted_ms // 1000,
        "completed_at": ended_s if job.state is EmulatedState.DONE else None,
        "expires_at": None if ended_s is None else ended_s + KEPT_S,
        "prompt": job.prompt,
        "size": job.terms.size,
        "seconds": str(job.terms.duration_s),
        "remixed_from_video_id": None,
        "error": error,
    }


def _missing(ask: Ask) -> Refusal:
    return Refusal(404, "not_found", f"Video with id '{ask.names['video_id']}' not found.")


def _bad(message: str, param: str | None, code: str = "invalid_value") -> Refusal:
    return Refusal(400, code, message, param=param)


EMULATOR = OpenAiEmulator
