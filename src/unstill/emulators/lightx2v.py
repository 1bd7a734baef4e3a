"""LightX2V's video tasks, for weights of an i2v or flf2v task: ids by the caller, jobs in memory.

Source: LightX2V, lightx2v/server: schema.py, task_manager.py and api/tasks, as of 2026-08-21, read
2026-11-28. That version drops fields that it does not know; here they are refused as the later one
refuses them, which names some of them otherwise. The weights are Wan's, at 16 frames a second.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

import msgspec

from unstill.emulators import videos
from unstill.emulators.desk import Desk, now_ms
from unstill.emulators.faults import FaultSite
from unstill.emulators.jobs import EmulatedJob, EmulatedState, Filter, Terms
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

TASKS = "/v1/tasks"
ONE = f"{TASKS}/{{video_id}}"
FPS = 16
MOST_FRAMES = 10_000  # ours: beyond any video

# schema.py, VideoTaskRequest, but for sound and talking heads.
FIELDS: Mapping[str, type] = {
    "task_id": str,
    "prompt": str,
    "use_prompt_enhancer": bool,
    "negative_prompt": str,
    "image_path": str,
    "last_frame_path": str,
    "save_result_path": str,
    "infer_steps": int,
    "seed": int,
    "target_shape": list[int],
    "lora_name": str,
    "lora_strength": float,
    "target_video_length": int,
    "target_fps": int,
    "resize_mode": str,
}
# api/tasks/video.py, create_video_task_form: it has neither an id nor a shape.
FORM_FIELDS: Mapping[str, type] = {
    "prompt": str,
    "negative_prompt": str,
    "save_result_path": str,
    "infer_steps": int,
    "target_video_length": int,
    "seed": int,
    "target_fps": int,
}
FILES = frozenset({"image_file", "last_frame_file"})
OWN = frozenset({"task_id", "save_result_path"})  # one task's alone
WORDS = {
    EmulatedState.WAITING: "pending",
    EmulatedState.RUNNING: "processing",
    EmulatedState.DONE: "completed",
    EmulatedState.FAILED: "failed",
    EmulatedState.CANCELLED: "cancelled",
}
_ACTIVE = frozenset({EmulatedState.WAITING, EmulatedState.RUNNING})


class LightX2VEmulator:
    wants_key = False
    takes_bare_key = False
    key_scheme = "Bearer"

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.endpoints = (
            Endpoint("POST", f"{TASKS}/video", self._create, FaultSite.SUBMIT),
            Endpoint("POST", f"{TASKS}/video/form", self._create_by_form, FaultSite.SUBMIT),
            Endpoint("GET", f"{TASKS}/queue/status", self._queue, FaultSite.LIST),
            Endpoint("GET", TASKS, self._list, FaultSite.LIST),
            Endpoint("GET", f"{ONE}/status", self._status, FaultSite.POLL),
            Endpoint("GET", f"{ONE}/result", self._result, FaultSite.FETCH),
            Endpoint("DELETE", ONE, self._stop, FaultSite.CANCEL),
            Endpoint("GET", "/openapi.json", _schema),
        )

    def render(self, refusal: Refusal, ask: Ask) -> Answer:  # noqa: ARG002  - the port's shape
        detail: object = refusal.message
        if refusal.status == 422:  # as pydantic has it
            where = ["body", refusal.param]
            detail = [{"type": refusal.code, "loc": where, "msg": refusal.message}]
        return as_json({"detail": detail}, status=refusal.status)

    def bad_key(self, *, is_missing: bool) -> Refusal:  # noqa: ARG002  - the port's shape
        return Refusal(401, "", "Unauthorized")

    def injected(self, status: int, place: FaultSite) -> Refusal:  # noqa: ARG002  - the port's shape
        return Refusal(status, "", videos.MESSAGES[status])

    def no_route(self, ask: Ask) -> Refusal:  # noqa: ARG002  - the port's shape
        return Refusal(404, "", "Not Found")

    def _create(self, ask: Ask) -> Answer:
        fields = _typed(videos.object_body(ask), FIELDS)
        shape = fields.get("target_shape", [])
        if shape and (len(shape) != 2 or min(shape) < 1):
            raise _unprocessable("target_shape", "Input should be [height, width]")
        key = fields.get("task_id") or str(uuid.uuid4())
        if self._desk.jobs.find(key, now_ms()) is not None:
            raise Refusal(503, "", f"Task ID {key} already exists")
        # What it cannot open it finds out when it renders.
        pictures = [fields.get("image_path"), fields.get("last_frame_path", "")]
        fails = not _is_picture(pictures[0]) or bool(pictures[1])  # read as a path of its own disk
        wish = {name: value for name, value in fields.items() if name not in OWN}
        return self._accepted(ask, key, fields, wish, fails=fails)

    def _create_by_form(self, ask: Ask) -> Answer:
        """With an id of its own."""
        try:
            parts = form_parts(ask)
        except ValueError:
            raise Refusal(400, "", "There was an error parsing the body") from None
        files = {part.name: part for part in parts if part.file_name is not None}
        texts = {part.name: part.text for part in parts if part.file_name is None}
        if "image_file" not in files:
            raise _unprocessable("image_file", "Field required", "missing")
        for name in files.keys() - FILES:
            raise _unprocessable(name, "Extra inputs are not permitted", "extra_forbidden")
        fields = _typed(texts, FORM_FIELDS, strict=False)
        fails = not all(_is_photo(file) for file in files.values())
        key = str(uuid.uuid4())
        return self._accepted(ask, key, fields, parts_value(parts), fails=fails)

    def _accepted(
        self, ask: Ask, key: str, fields: Mapping[str, Any], wish: object, *, fails: bool
    ) -> Answer:
        if not self._desk.submits.takes(ask.key):
            most = self._desk.options.submits_per_s
            raise Refusal(503, "", f"Task queue is full (max {most} tasks)")
        frames = fields.get("target_video_length", 81)
        if not 1 <= frames <= MOST_FRAMES:
            raise _unprocessable("target_video_length", "Input should be a length")
        height, width = fields.get("target_shape") or (0, 0)
        terms = Terms(
            model=self._desk.options.served_model,
            duration_s=max(round(frames / FPS), 1),
            size=f"{width}x{height}" if width else None,
        )
        prompt = fields.get("prompt", "")
        job = self._desk.accept(ask, key, terms, prompt=prompt, body=wish, fails=fails)
        path = fields.get("save_result_path") or job.id
        taken = {"task_id": job.id, "task_status": "pending", "save_result_path": path}
        return as_json(taken, job_id=job.id)

    def _status(self, ask: Ask) -> Answer:
        return as_json(_value(videos.found(self._desk, ask, _missing()), ask))

    def _result(self, ask: Ask) -> Answer:
        job = videos.found(self._desk, ask, _missing())
        early = Refusal(404, "", "Task not completed")
        return videos.content(job, ask, early=early, failed=early)

    def _stop(self, ask: Ask) -> Answer:
        job = self._desk.find(ask.names["video_id"], ask)
        if job is None or job.state not in _ACTIVE:
            reason = "Task not found or already completed."
            return as_json({"stop_status": "do_nothing", "reason": reason})
        self._desk.jobs.cancel(job.id, now_ms())
        return as_json({"stop_status": "success", "reason": "Task stopped successfully."})

    def _list(self, ask: Ask) -> Answer:
        page = self._desk.jobs.page(Filter(), now_ms=now_ms(), limit=1000)
        return as_json({job.id: _value(job, ask) for job in page.jobs})

    def _queue(self, ask: Ask) -> Answer:  # noqa: ARG002  - the port's shape
        active = self._desk.jobs.page(Filter(states=_ACTIVE), now_ms=now_ms(), limit=1).total
        return as_json({"is_processing": active > 0, "active_count": active})


def _schema(ask: Ask) -> Answer:  # noqa: ARG001  - the port's shape
    """What names the fields, and no more, of its own schema."""
    properties = {name: {"title": name} for name in FIELDS}
    schemas = {"VideoTaskRequest": {"type": "object", "properties": properties}}
    return as_json({"openapi": "3.1.0", "components": {"schemas": schemas}})


def _typed(
    body: Mapping[str, Any], kinds: Mapping[str, type], *, strict: bool = True
) -> dict[str, Any]:
    """The fields, each of its type; not strict: read from text. Raises Refusal."""
    fields: dict[str, Any] = {}
    for name, value in body.items():
        if name not in kinds:
            raise _unprocessable(name, "Extra inputs are not permitted", "extra_forbidden")
        try:
            fields[name] = msgspec.convert(value, kinds[name], strict=strict)
        except msgspec.ValidationError as error:
            raise _unprocessable(name, str(error)) from None
    return fields


def _is_picture(text: object) -> bool:
    """Whether it can be opened; a path on the server's own disk cannot be here."""
    if not isinstance(text, str):
        return False
    if is_address(text):
        return True
    try:
        data = bytes_of_data_url(text)
    except PictureFault:
        return False
    return data is not None and format_of(data) is not None


def _is_photo(file: Part) -> bool:
    return format_of(file.data) is not None


def _value(job: EmulatedJob, ask: Ask) -> dict[str, Any]:
    return {
        "task_id": job.id,
        "status": videos.word(job, ask, WORDS),
        "start_time": job.submitted_ms // 1000,
        "end_time": videos.ended_s(job),
        "error": videos.OUTPUT_FAULT if job.state is EmulatedState.FAILED else None,
        "save_result_path": f"/app/save_results/{job.id}.mp4",
    }


def _missing() -> Refusal:
    return Refusal(404, "", "Task not found")


def _unprocessable(name: str, message: str, code: str = "value_error") -> Refusal:
    return Refusal(422, code, message, param=name)


EMULATOR = LightX2VEmulator
