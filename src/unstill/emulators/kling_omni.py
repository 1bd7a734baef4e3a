"""Kling 3.0 omni as Comfy Router passes it on: the body of Kling's first API, image-to-video alone.

Source: Comfy Router, the schema of kling/kling-v3-omni, read 2026-11-30. Videos and elements as
references, and several shots, are not here. That a prompt is needed beside frames, that base64 has
no `data:` and that other fields are refused are the stricter readings.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from unstill.emulators.jobs import EmulatedJob, Terms
from unstill.emulators.pictures import (
    PictureFault,
    PictureRule,
    bytes_of_base64,
    check_bytes,
    is_address,
)
from unstill.emulators.wire import Refusal

MOST_TEXT = 2500
DURATIONS = tuple(str(seconds) for seconds in range(3, 16))  # texts, as it has them
MODES = {"std": 720, "pro": 1080}
CHOICES = {
    "duration": DURATIONS,
    "mode": tuple(MODES),
    "sound": ("on", "off"),
    "multi_shot": (False,),  # several shots need prompts of their own
    "aspect_ratio": ("16:9", "9:16", "1:1"),
    "watermark_info": ({}, {"enabled": False}),  # a second video is not emulated
}
TEXTS = ("callback_url", "external_task_id")
FIELDS = frozenset(
    {
        "model_name",
        "prompt",
        "image_list",
        "mode",
        "duration",
        "sound",
        "multi_shot",
        "aspect_ratio",
        "watermark_info",
        "callback_url",
        "external_task_id",
    }
)
PICTURE = PictureRule(
    formats=("JPEG", "PNG"),
    least_side_px=300,
    most_side_px=8000,
    most_bytes=10 * 10**6,
    most_ratio=2.5,
)


def read_wish(name: str, body: Mapping[str, Any]) -> tuple[str, Terms]:
    """The prompt, and what is asked for. Raises Refusal."""
    if unknown := body.keys() - FIELDS:
        raise _bad(min(unknown), "it is not known")
    prompt = body.get("prompt")
    if not isinstance(prompt, str) or not prompt.strip() or len(prompt) > MOST_TEXT:
        raise _bad("prompt", f"a text of 1 to {MOST_TEXT} characters")
    for field, choices in CHOICES.items():
        if field in body and body[field] not in choices:
            raise _bad(field, f"one of {', '.join(map(str, choices))}")
    for field in TEXTS:
        if not isinstance(body.get(field, ""), str):
            raise _bad(field, "a text")
    _check_frames(body.get("image_list"))
    return prompt, Terms(
        name,
        int(body.get("duration", "5")),
        MODES[body.get("mode", "pro")],
        has_audio=body.get("sound") == "on",
    )


def done_answer(job: EmulatedJob, link: str) -> dict[str, Any]:
    """What Kling answers of a task that has ended well."""
    video = {"id": f"{job.id}1", "url": link, "duration": str(job.terms.duration_s)}
    data = {
        "task_id": job.id,
        "task_status": "succeed",
        "task_status_msg": "",
        "task_result": {"videos": [video]},
        "created_at": job.submitted_ms,
        "updated_at": job.ends_ms,
    }
    return {"code": 0, "message": "SUCCEED", "request_id": job.id, "data": data}


def _check_frames(frames: object) -> None:
    """Raises Refusal."""
    kinds = []
    for frame in frames if isinstance(frames, list) else ():
        match frame:
            case {"image_url": str() as url, "type": str() as kind, **others} if not others:
                _check_picture(url)
                kinds.append(kind)
            case _:
                raise _bad("image_list", "each has image_url and type")
    if sorted(kinds) not in (["first_frame"], ["end_frame", "first_frame"]):
        raise _bad("image_list", f"it cannot have the frames {kinds}")


def _check_picture(url: str) -> None:
    """Raises Refusal."""
    if is_address(url):
        return
    try:
        check_bytes(bytes_of_base64(url), PICTURE)
    except PictureFault as fault:
        raise _bad("image_list", str(fault)) from None


def _bad(field: str, message: str) -> Refusal:
    return Refusal(400, "1201", message, param=field)
