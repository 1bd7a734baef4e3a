"""vLLM-Omni's `/v1/videos`: forms only, jobs in memory, and a failed job is a failed GET.

Covers the asynchronous routes. Source: vLLM-Omni 0.30, entrypoints/openai/api_server.py and
protocol/videos.py.
"""

from __future__ import annotations

import re
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
FAILED_STATUS = 500  # GET answers it for a failed job; its error.code is the same number

# field -> type, least, most
_NUMBERS: Mapping[str, tuple[type[int | float], float, float]] = {
    "width": (int, 1, 2**31),
    "height": (int, 1, 2**31),
    "num_frames": (int, 1, 2**31),
    "fps": (int, 1, 2**31),
    "num_inference_steps": (int, 1, 200),
    "guidance_scale": (float, 0, 20),
    "guidance_scale_2": (float, 0, 20),
    "true_cfg_scale": (float, 0, 20),
    "boundary_ratio": (float, 0, 1),
    "flow_shift": (float, -(2**31), 2**31),
    "seed": (int, -(2**63), 2**63),
}


class VllmOmniEmulator:
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
        """`code` is the status, a number."""
        error = {
            "message": refusal.message,
            "type": refusal.kind or "BadRequestError",
            "param": refusal.param,
            "code": refusal.status,
        }
        return as_json({"error": error}, status=refusal.status)

    def bad_key(self, *, is_missing: bool) -> Refusal:  # noqa: ARG002  - the port's shape
        return Refusal(401, "", "Unauthorized", kind="Unauthorized")

    def injected(self, status: int, place: FaultSite) -> Refusal:  # noqa: ARG002  - the port's shape
        kind = "InternalServerError" if status >= 500 else "BadRequestError"
        return Refusal(status, "", videos.MESSAGES[status], kind=kind)

    def no_route(self, ask: Ask) -> Refusal:  # noqa: ARG002  - the port's shape
        return Refusal(404, "", "Not Found", kind="NotFoundError")

    def _create(self, ask: Ask) -> Answer:
        if not self._desk.submits.takes(ask.key):
            raise self.injected(429, FaultSite.SUBMIT)
        parts = _parts(ask)
        given = {part.name: part for part in parts}
        texts = {part.name: part.text for part in parts if part.file_name is None}
        if "prompt" not in texts:
            raise _bad("Field required", "prompt")
        terms = self._terms(texts)
        has_picture = _has_picture(given)
        job = self._desk.accept(
            ask,
            f"video_gen_{uuid.uuid4().hex}",
            terms,
            prompt=texts["prompt"],
            body=parts_value(parts),
            fails=not has_picture,  # found by the pipeline, after the job was taken
        )
        return as_json(_value(job, ask), job_id=job.id)

    def _terms(self, texts: Mapping[str, str]) -> Terms:
        """Raises Refusal."""
        served = self._desk.options.served_model
        if texts.get("model", served) != served:
            raise _bad(f"The model `{texts['model']}` does not exist.", "model")
        numbers = {name: _number(texts, name) for name in _NUMBERS}
        size = texts.get("size")
        if size is not None and re.fullmatch(r"\d+x\d+", size) is None:
            raise _bad(r"String should match pattern '^\d+x\d+$'", "size")
        seconds = texts.get("seconds")
        if seconds is not None and re.fullmatch(r"[1-9]\d*", seconds) is None:
            raise _bad(r"String should match pattern '^[1-9]\d*$'", "seconds")
        fps = numbers["fps"] or DEFAULT_FPS
        frames = numbers["num_frames"] or fps * int(seconds or DEFAULT_S)
        return Terms(
            model=served,
            duration_s=max(round(frames / fps), 1),
            size=size,
            has_audio=texts.get("generate_sound") == "true",
        )

    def _retrieve(self, ask: Ask) -> Answer:
        job = videos.found(self._desk, ask, _missing())
        status = FAILED_STATUS if job.state is EmulatedState.FAILED else 200
        return as_json(_value(job, ask), status=status)

    def _download(self, ask: Ask) -> Answer:
        job = videos.found(self._desk, ask, _missing())
        early = Refusal(404, "", "Video output not yet available.", kind="NotFoundError")
        failed = Refusal(422, "", "Video generation failed. Check job status for error details.")
        return videos.content(job, ask, early=early, failed=failed)

    def _list(self, ask: Ask) -> Answer:
        """Without a limit: all of them."""
        everything = max(len(self._desk.jobs), 100)
        limit_given = "limit" in ask.query
        page = videos.listed(
            self._desk, ask, least=0, default=everything, most=100 if limit_given else everything
        )
        return as_json(videos.list_value(page, lambda job: _value(job, ask)))

    def _delete(self, ask: Ask) -> Answer:
        """Ends what is under way, too."""
        job = videos.found(self._desk, ask, _missing())
        now = now_ms()
        if job.state in {EmulatedState.WAITING, EmulatedState.RUNNING}:
            self._desk.jobs.cancel(job.id, now)
        self._desk.jobs.forget(job.id, now)
        return as_json({"id": job.id, "object": "video.deleted", "deleted": True})


def _parts(ask: Ask) -> tuple[Part, ...]:
    """Raises Refusal. A JSON body has no form fields: the prompt is what is missing."""
    if ask.content_type != "multipart/form-data":
        raise _bad("Field required", "prompt")
    try:
        return form_parts(ask)
    except ValueError:
        raise _bad("There was an error parsing the body", None) from None


def _has_picture(given: Mapping[str, Part]) -> bool:
    """Raises Refusal."""
    file = given.get("input_reference")
    named = given.get("image_reference")
    if file is not None and named is not None:
        raise _bad("Provide either input_reference or image_reference, not both.", None)
    if file is not None:
        if file.file_name is None:
            raise _bad("Expected UploadFile, received: <class 'str'>", "input_reference")
        if format_of(file.data) is None:
            raise _bad("Invalid input reference.", "input_reference")
    if named is not None:
        _check_named(named.text)
    return file is not None or named is not None


def _check_named(text: str) -> None:
    """`image_reference` is JSON text: {"image_url": ...}, or a list of such."""
    try:
        value = msgspec.json.decode(text)
    except msgspec.DecodeError:
        raise _bad("Invalid JSON in form field.", "image_reference") from None
    for each in value if isinstance(value, list) else [value]:
        match each:
            case {"image_url": str(url), **rest} if not rest:
                _check_url(url)
            case _:
                raise _bad("image_reference must have an image_url", "image_reference")


def _check_url(url: str) -> None:
    try:
        is_picture = is_address(url) or bytes_of_data_url(url) is not None
    except PictureFault as fault:
        raise _bad(str(fault), "image_reference") from None
    if not is_picture:
        raise _bad("Invalid input reference.", "image_reference")


def _number(texts: Mapping[str, str], name: str) -> int | float | None:
    text = texts.get(name)
    if text is None:
        return None
    kind, least, most = _NUMBERS[name]
    try:
        number = kind(text)
    except ValueError:
        raise _bad(f"Input should be a valid {kind.__name__}", name) from None
    if not least <= number <= most:
        raise _bad(f"Input should be from {least:g} to {most:g}", name)
    return number


def _value(job: EmulatedJob, ask: Ask) -> dict[str, Any]:
    error = None
    if job.state is EmulatedState.FAILED:
        error = {"code": FAILED_STATUS, "message": videos.OUTPUT_FAULT}
    is_done = job.state is EmulatedState.DONE
    return {
        "id": job.id,
        "object": "video",
        "model": job.terms.model,
        "prompt": job.prompt,
        "status": videos.word(job, ask),
        "progress": 100 if is_done else 0,  # nothing in between
        "created_at": job.submitted_ms // 1000,
        "completed_at": videos.ended_s(job),
        "expires_at": None,
        "size": job.terms.size,
        "seconds": str(job.terms.duration_s),
        "quality": "default",
        "remixed_from_video_id": None,
        "error": error,
        "media_type": "video/mp4",
        "file_name": f"{job.id}.mp4" if is_done else None,
    }


def _missing() -> Refusal:
    return Refusal(404, "", "Video not found", kind="NotFoundError")


def _bad(message: str, param: str | None) -> Refusal:
    return Refusal(400, "", message, param=param)


EMULATOR = VllmOmniEmulator
