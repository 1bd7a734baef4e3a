"""What Comfy Router's video models take: the bodies of their own vendors, as those document them.

Covers `wan/*` with DashScope's body and `byteplus/*` with Ark's; `model` may be left out of either,
since the address names it. Source: Comfy Router, models and requests, read 2026-11-30; the bodies:
dashscope_models.py and ark_models.py. That a body is looked at before it is queued is the stricter
reading.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from unstill.emulators.ark_models import MODELS as ARK_MODELS
from unstill.emulators.ark_models import read_wish as read_ark
from unstill.emulators.ark_models import tokens_of
from unstill.emulators.dashscope_bodies import check_picture, usage_of
from unstill.emulators.dashscope_bodies import read_wish as read_dashscope
from unstill.emulators.dashscope_models import MODELS as DASHSCOPE_MODELS
from unstill.emulators.jobs import EmulatedJob, Terms
from unstill.emulators.pictures import PictureFault
from unstill.emulators.wire import Refusal

WAN = "wan"
BYTEPLUS = "byteplus"
MODELS: Mapping[str, tuple[str, ...]] = {
    WAN: (
        "wan2.7-i2v",
        "wan2.6-i2v",
        "wan2.5-i2v-preview",
        "wan3.0-video",
        "wan3.0-video-prime",
        "happyhorse-1.0-i2v",
        "happyhorse-1.1-i2v",
    ),
    BYTEPLUS: (
        "dreamina-seedance-2-5-260628",
        "dreamina-seedance-2-0-260128",
        "dreamina-seedance-2-0-fast-260128",
        "dreamina-seedance-2-0-mini",
        "seedance-1-5-pro-251215",
        "seedance-1-0-pro-250528",
        "seedance-1-0-pro-fast-251015",
    ),
}
AT_BYTEPLUS: Mapping[str, str] = {  # where the catalogue has another name
    "dreamina-seedance-2-0-mini": "dreamina-seedance-2-0-mini-260615",
}


class ComfyRequest(msgspec.Struct, frozen=True):
    """A checked request; the terms name the model as Comfy does."""

    terms: Terms
    prompt: str | None


def has_model(provider: str, name: str) -> bool:
    return name in MODELS.get(provider, ())


def read_request(provider: str, name: str, body: Mapping[str, Any]) -> ComfyRequest:
    """Raises Refusal, as invalid_input, in the vendor's words."""
    if body.get("model", name) != name:
        raise invalid("model", f"it must be {name}, as the address says")
    try:
        read = _read_wan(name, body) if provider == WAN else _read_byteplus(name, body)
    except Refusal as refusal:
        raise invalid(refusal.param or "body", refusal.message) from None
    terms = msgspec.structs.replace(read.terms, model=f"{provider}/{name}")
    return msgspec.structs.replace(read, terms=terms)


def result_of(job: EmulatedJob, link: str) -> dict[str, Any]:
    """What the vendor itself answers for a task that has ended well."""
    provider, _, name = job.terms.model.partition("/")
    own = msgspec.structs.replace(job, terms=msgspec.structs.replace(job.terms, model=name))
    if provider == WAN:
        output = {"task_id": job.id, "task_status": "SUCCEEDED", "video_url": link}
        return {"request_id": job.id, "output": output, "usage": usage_of(own)}
    tokens = tokens_of(own.terms)
    return {
        "id": f"cgt-{job.id}",
        "model": name,
        "status": "succeeded",
        "content": {"video_url": link},
        "duration": own.terms.duration_s,
        "framespersecond": 24,
        "usage": {"completion_tokens": tokens, "total_tokens": tokens},
    }


def invalid(param: str, message: str) -> Refusal:
    return Refusal(422, "invalid_input", message, param=param, kind="value_error")


def _read_wan(name: str, body: Mapping[str, Any]) -> ComfyRequest:
    """Raises Refusal."""
    if unknown := sorted(body.keys() - {"model", "input", "parameters"}):
        raise invalid(unknown[0], "it is not known")
    model = DASHSCOPE_MODELS[name]
    wish = read_dashscope(name, model, body)
    for field, address in wish.pictures:
        try:
            check_picture(address, model)
        except PictureFault as fault:
            raise invalid(field, str(fault)) from None
    return ComfyRequest(wish.terms, wish.prompt)


def _read_byteplus(name: str, body: Mapping[str, Any]) -> ComfyRequest:
    """Raises Refusal."""
    wish = read_ark(name, ARK_MODELS[AT_BYTEPLUS.get(name, name)], body)
    return ComfyRequest(wish.terms, wish.prompt)
