"""What MiniMax's video models take, as its page says, and what it tells of a task.

Source: MiniMax, video generation v2, MiniMax-H3, read 2026-11-28. That videos from text alone are
not its models' business is a guess.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from unstill.emulators.jobs import EmulatedJob, Terms
from unstill.emulators.pictures import (
    PictureFault,
    PictureRule,
    bytes_of_data_url,
    check_bytes,
    is_address,
)
from unstill.emulators.wire import Refusal

MOST_TEXT = 7000
PICTURE = PictureRule(
    formats=("JPEG", "PNG", "WebP", "HEIC"),
    least_side_px=256,
    most_side_px=5760,
    most_bytes=30 * 10**6,
    most_ratio=2.5,
)


class MiniMaxModelFields(msgspec.Struct, frozen=True, kw_only=True):
    """One model's ranges."""

    durations_s: range
    resolutions: tuple[str, ...]


MODELS: Mapping[str, MiniMaxModelFields] = {
    "MiniMax-H3": MiniMaxModelFields(durations_s=range(4, 16), resolutions=("768P", "2K")),
    "MiniMax-H3-Max": MiniMaxModelFields(durations_s=range(5, 16), resolutions=("480P", "768P")),
}
FIELDS = {"model", "content", "resolution", "duration", "ratio", "aigc_watermark", "callback_url"}
LINES = {"480P": 480, "768P": 768, "2K": 1440}


def read_wish(name: str, model: MiniMaxModelFields, body: Mapping[str, Any]) -> tuple[str, Terms]:
    """The prompt, and what is asked for. Raises Refusal."""
    if unknown := body.keys() - FIELDS:
        raise bad(f"unknown field {min(unknown)}")
    resolution, duration_s = body.get("resolution"), body.get("duration")
    if resolution not in model.resolutions:
        raise bad(f"resolution must be one of {', '.join(model.resolutions)}")
    if type(duration_s) is not int or duration_s not in model.durations_s:
        raise bad(f"duration must be from {min(model.durations_s)} to {max(model.durations_s)}")
    if body.get("ratio", "adaptive") != "adaptive":
        raise bad("with frames, ratio must be adaptive")
    if not isinstance(body.get("aigc_watermark", False), bool):
        raise bad("aigc_watermark must be a boolean")
    if not isinstance(body.get("callback_url", ""), str):
        raise bad("callback_url must be a text")
    text = _content(body.get("content"))
    terms = Terms(name, duration_s, LINES[resolution], size=resolution, has_audio=True)
    return text, terms


def begun_task(job: EmulatedJob) -> dict[str, Any]:
    """What a query tells of any task, less its status."""
    terms = job.terms
    return {
        "id": job.id,
        "model": terms.model,
        "resolution": terms.size,
        "duration": terms.duration_s,
        "ratio": "adaptive",
    }


def done_task(job: EmulatedJob, link: str) -> dict[str, Any]:
    """A task that has ended well."""
    seconds = {"total_seconds": job.terms.duration_s, "output_seconds": job.terms.duration_s}
    over = {"status": "succeeded", "content": {"url": link}, "usage": seconds}
    return begun_task(job) | over


def bad(message: str) -> Refusal:
    return Refusal(400, "bad_request_error", f"invalid params, {message}")


def _content(content: object) -> str:
    """The text. Raises Refusal."""
    texts: list[str] = []
    roles: list[object] = []
    for part in content if isinstance(content, list) else ():
        match part:
            case {"type": "text", "text": str() as text, **others} if not others:
                texts.append(text)
            case {"type": "image_url", "image_url": {"url": str() as url}, **others} if not (
                others.keys() - {"role"}
            ):
                _check_picture(url)
                roles.append(others.get("role", "first_frame"))
            case _:
                raise bad("a part of content is no text and no image_url")
    if len(texts) != 1 or not texts[0].strip() or len(texts[0]) > MOST_TEXT:
        raise bad(f"content needs one text, of 1 to {MOST_TEXT} characters")
    _check_roles(roles)
    return texts[0]


def _check_roles(roles: Sequence[object]) -> None:
    if sorted(map(str, roles)) not in (["first_frame"], ["first_frame", "last_frame"]):
        raise bad(f"the roles {list(roles)} do not go together")


def _check_picture(url: str) -> None:
    if is_address(url) or url.startswith("mm_file://"):
        return
    try:
        data = bytes_of_data_url(url)
        if data is None:
            raise PictureFault("it is no address and no data URI")
        check_bytes(data, PICTURE)
    except PictureFault as fault:
        raise bad(f"image_url: {fault}") from None
