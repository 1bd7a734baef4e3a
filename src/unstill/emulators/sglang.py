"""SGLang's `/v1/videos` for an image-to-video model: jobs in memory, errors as FastAPI has them.

Source: SGLang 0.5.23, multimodal_gen/runtime/entrypoints/openai/video_api.py. Fields that it does
not know are dropped without a word, a bracketed form field among them: a picture sent that way is
no picture to it.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

import msgspec

from unstill.emulators import videos
from unstill.emulators.desk import Desk, now_ms
from unstill.emulators.faults import FaultSite
from unstill.emulators.jobs import EmulatedJob, EmulatedState, Terms
from unstill.emulators.pictures import PictureFault, bytes_of_data_url, is_address
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
from unstill.media.picture_formats import format_of

DEFAULT_S = 4
DEFAULT_FPS = 24
MOST_OUTPUTS = 10
NO_PICTURE = "input_reference or reference_url is required for image-to-video generation"
IN_PROGRESS = "Generation is still in-progress"

_WHOLE = ("seconds", "fps", "num_frames", "width", "height", "num_inference_steps", "n")
_REAL = ("guidance_scale", "guidance_scale_2", "true_cfg_scale", "flow_shift")


class SgLangEmulator:
    wants_key = False
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
        return as_json({"detail": refusal.message}, status=refusal.status)

    def bad_key(self, *, is_missing: bool) -> Refusal:  # noqa: ARG002  - the port's shape
        return Refusal(401, "", "Unauthorized")

    def injected(self, status: int, place: FaultSite) -> Refusal:  # noqa: ARG002  - the port's shape
        return Refusal(status, "", videos.MESSAGES[status])

    def no_route(self, ask: Ask) -> Refusal:  # noqa: ARG002  - the port's shape
        return Refusal(404, "", "Not Found")

    def _create(self, ask: Ask) -> Answer:
        if not self._desk.submits.takes(ask.key):
            raise self.injected(429, FaultSite.SUBMIT)
        if ask.content_type == "multipart/form-data":
            fields, digested = _form_fields(ask)
        else:
            fields = _json_fields(ask)
            digested = fields
        if not fields.get("prompt"):
            raise _bad("prompt is required")
        terms = self._terms(fields)
        job_id = str(uuid.uuid4())
        job = self._desk.accept(ask, job_id, terms, prompt=fields["prompt"], body=digested)
        return as_json(_value(job, ask), job_id=job.id)

    def _terms(self, fields: Mapping[str, Any]) -> Terms:
        """Raises Refusal."""
        numbers = {name: _number(fields, name, int) for name in _WHOLE}
        for name in _REAL:
            _number(fields, name, float)
        if not 1 <= (numbers["n"] or 1) <= MOST_OUTPUTS:
            raise _bad(f"n must be 1 to {MOST_OUTPUTS}")
        size = fields.get("size")
        if size is not None and videos.size_of(size) is None:
            raise _bad(f"Invalid size: {size}")
        if size is None and numbers["width"] and numbers["height"]:
            size = f"{numbers['width']}x{numbers['height']}"
        fps = numbers["fps"] or DEFAULT_FPS
        frames = numbers["num_frames"] or fps * (numbers["seconds"] or DEFAULT_S)
        return Terms(
            model=fields.get("model") or self._desk.options.served_model,
            duration_s=max(round(frames / fps), 1),
            size=size,
        )

    def _retrieve(self, ask: Ask) -> Answer:
        return as_json(_value(videos.found(self._desk, ask, _missing()), ask))

    def _download(self, ask: Ask) -> Answer:
        job = videos.found(self._desk, ask, _missing())
        if ask.query.get("variant", "0") != "0":  # the index of an output, and there is one
            raise _bad("variant is out of range")
        # A failed job has no file either, and it does not say more.
        early = Refusal(404, "", IN_PROGRESS)
        return videos.content(job, ask, early=early, failed=early)

    def _list(self, ask: Ask) -> Answer:
        page = videos.listed(self._desk, ask, least=1, default=20, most=100)
        return as_json({"object": "list", "data": [_value(job, ask) for job in page.jobs]})

    def _delete(self, ask: Ask) -> Answer:
        """The record goes; what is being generated goes on."""
        job = videos.found(self._desk, ask, _missing())
        self._desk.jobs.forget(job.id, now_ms())
        return as_json(_value(job, ask) | {"status": "deleted"})


def _form_fields(ask: Ask) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """The fields that it knows, and the whole form for a digest. Raises Refusal."""
    try:
        parts = form_parts(ask)
    except ValueError:
        raise _bad("There was an error parsing the body") from None
    given = {part.name: part.text if part.file_name is None else part for part in parts}
    picture = given.get("input_reference")
    if isinstance(picture, str):
        # UploadFile refuses what is no file.
        raise Refusal(422, "", "Value error, Expected UploadFile, received: <class 'str'>")
    if isinstance(picture, Part) and format_of(picture.data) is None:
        raise _bad("Failed to process image source: cannot identify image file")
    if picture is None:
        _check_source(given.get("reference_url"))
    return {**given, **_extra(given)}, parts_value(parts)


def _extra(given: Mapping[str, Any]) -> Mapping[str, Any]:
    """`extra_body` as JSON text may name a rate and a count; other text is dropped."""
    try:
        extra = msgspec.json.decode(given.get("extra_body", "{}"))
    except (msgspec.DecodeError, TypeError):
        return {}
    if not isinstance(extra, dict):
        return {}
    return {k: v for k, v in extra.items() if k in {"fps", "num_frames"} and k not in given}


def _json_fields(ask: Ask) -> Mapping[str, Any]:
    """The body with what `extra_body` and `extra_json` hold. Raises Refusal."""
    fields = dict(videos.object_body(ask))
    for name in ("extra_body", "extra_json"):
        extra = fields.pop(name, None)
        if isinstance(extra, dict):
            fields |= extra
    reference = fields.get("reference_url") or fields.get("input_reference")
    if reference is not None and not isinstance(reference, str):
        raise _bad("Invalid request body: input_reference Input should be a valid string")
    _check_source(reference)
    return fields


def _check_source(source: Any) -> None:
    if not source or not isinstance(source, str):
        raise _bad(NO_PICTURE)
    try:
        is_picture = is_address(source) or bytes_of_data_url(source) is not None
    except PictureFault as fault:
        raise _bad(f"Failed to process image source: {fault}") from None
    if not is_picture:
        raise _bad("Failed to process image source: no such file")


def _number(fields: Mapping[str, Any], name: str, kind: type[int | float]) -> Any:
    """Raises Refusal, as FastAPI does for a form and pydantic for JSON: text is read too."""
    value = fields.get(name)
    if value is None:
        return None
    try:
        return msgspec.convert(value, kind, strict=False)
    except msgspec.ValidationError:
        raise Refusal(422, "", f"{name}: Input should be a valid {kind.__name__}") from None


def _value(job: EmulatedJob, ask: Ask) -> dict[str, Any]:
    is_done = job.state is EmulatedState.DONE
    return {
        "id": job.id,
        "object": "video",
        "model": job.terms.model,
        "status": videos.word(job, ask),
        "progress": videos.progress_of(job, most_unfinished=99),
        "created_at": job.submitted_ms // 1000,
        "size": job.terms.size or "",
        "seconds": str(job.terms.duration_s),
        "quality": "standard",
        "url": None,
        "completed_at": videos.ended_s(job) if is_done else None,
        "error": {"message": videos.OUTPUT_FAULT} if job.state is EmulatedState.FAILED else None,
        "file_path": f"outputs/{job.id}.mp4" if is_done else None,
    }


def _missing() -> Refusal:
    return Refusal(404, "", "Video not found")


def _bad(message: str) -> Refusal:
    return Refusal(400, "", message)


EMULATOR = SgLangEmulator
