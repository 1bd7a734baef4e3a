"""A create call through a dialect to the canonical request, as the server takes it, without one."""

from __future__ import annotations

from typing import Any, NamedTuple

from unstill.dialects.apis.dashscope.dialect import DashScope
from unstill.dialects.apis.tasks import Tasks
from unstill.dialects.apis.videos.dialect import Videos
from unstill.dialects.call import Call
from unstill.dialects.port import Dialect
from unstill.domain.request import CreateCall, VideoRequest
from unstill.models.catalogue import Catalogue, resolve
from unstill.service.pictures import take

PICTURE = "https://example.com/first.png"
OTHER = "https://example.com/last.png"
DIALECTS: dict[str, Dialect] = {
    "tasks": Tasks(),
    "videos": Videos(),
    "openai": Videos(prefix="/openai", states="openai"),
    "dashscope": DashScope(),
}
SECTIONED = ("tasks", "dashscope")  # a body of input and parameters
FLAT = ("videos", "openai")
RANDOM_SEED = 77


class Made(NamedTuple):
    request: VideoRequest
    ignored: tuple[str, ...]


def body_of(dialect: str, model: str = "wan2.7-i2v", **fields: object) -> dict[str, Any]:
    """A body with a first frame; `fields` by the dialect's own names, a prompt among them."""
    fields = {"prompt": "push in"} | fields
    if dialect in FLAT:
        return {"model": model, "input_reference": PICTURE} | fields
    inputs = {k: fields.pop(k) for k in tuple(fields) if k in {"prompt", "negative_prompt"}}
    return {
        "model": model,
        "input": {"first_frame_url": PICTURE} | inputs,
        "parameters": fields,
    }


def picture_section(dialect: str, body: dict[str, Any]) -> dict[str, Any]:
    """Where a body has its pictures."""
    section: dict[str, Any] = body if dialect in FLAT else body["input"]
    return section


def parsed(dialect: str, body: dict[str, Any], *, is_form: bool = False) -> CreateCall:
    headers = {"x-dashscope-async": "enable"}
    return DIALECTS[dialect].parse(Call("r", {}, {}, headers, body, is_form))


def made(dialect: str, body: dict[str, Any], *, is_form: bool = False) -> Made:
    """What becomes of a create call; raises CallerError."""
    asked = parsed(dialect, body, is_form=is_form)
    _, card = Catalogue().card(asked.model)
    frames = {role: each.frame for role, each in take(asked.frames).items()}
    return Made(*resolve(card, asked, frames, random_seed=RANDOM_SEED))
