"""What Comfy Router's video models take: the bodies of their own vendors, as those document them.

Covers `wan/*` with DashScope's body, `byteplus/*` with Ark's, `minimax/*` with MiniMax's, and
Kling's omni model with that of Kling's first API; `model` may be left out of each, since the
address names it. Source: Comfy Router, models and requests, read 2026-11-30; the bodies:
dashscope_models.py, ark_models.py, minimax_models.py, kling_omni.py. That a body is looked at
before it is queued is the stricter reading.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from unstill.emulators.ark_models import MODELS as ARK_MODELS
from unstill.emulators.ark_models import read_wish as read_ark
from unstill.emulators.ark_models import tokens_of
from unstill.emulators.dashscope_bodies import check_picture, usage_of
from unstill.emulators.dashscope_bodies import read_wish as read_dashscope
from unstill.emulators.dashscope_models import MODELS as DASHSCOPE_MODELS
from unstill.emulators.jobs import EmulatedJob, Terms
from unstill.emulators.kling_omni import done_answer as done_at_kling
from unstill.emulators.kling_omni import read_wish as read_kling
from unstill.emulators.minimax_models import MODELS as MINIMAX_MODELS
from unstill.emulators.minimax_models import done_task
from unstill.emulators.minimax_models import read_wish as read_minimax
from unstill.emulators.pictures import PictureFault
from unstill.emulators.wire import Refusal

AT_BYTEPLUS: Mapping[str, str] = {  # where the catalogue has another name
    "dreamina-seedance-2-0-mini": "dreamina-seedance-2-0-mini-260615",
}
H3 = "MiniMax-H3"  # as MiniMax itself calls it
H3_FIELDS = msgspec.structs.replace(MINIMAX_MODELS[H3], durations_s=range(5, 16))


class ComfyRequest(msgspec.Struct, frozen=True):
    """A checked request; the terms name the model as Comfy does."""

    terms: Terms
    prompt: str | None


class Vendor(msgspec.Struct, frozen=True):
    """Whose words a model is asked in: how a body is read, and what a task that ended well says.

    Both know the model by its name without the provider.
    """

    read: Callable[[str, Mapping[str, Any]], ComfyRequest]  # raises Refusal
    result: Callable[[EmulatedJob, str], dict[str, Any]]
    own_name: str | None = None  # in a body, where it is not the address's
    model_field: str = "model"


def has_model(provider: str, name: str) -> bool:
    return f"{provider}/{name}" in MODELS


def read_request(provider: str, name: str, body: Mapping[str, Any]) -> ComfyRequest:
    """Raises Refusal, as invalid_input, in the vendor's words."""
    vendor = MODELS[f"{provider}/{name}"]
    own_name = vendor.own_name or name
    if body.get(vendor.model_field, own_name) != own_name:
        raise invalid(vendor.model_field, f"it must be {own_name}, as the address says")
    try:
        read = vendor.read(name, body)
    except Refusal as refusal:
        raise invalid(refusal.param or "body", refusal.message) from None
    terms = msgspec.structs.replace(read.terms, model=f"{provider}/{name}")
    return msgspec.structs.replace(read, terms=terms)


def result_of(job: EmulatedJob, link: str) -> dict[str, Any]:
    """What the vendor itself answers for a task that has ended well."""
    name = job.terms.model.partition("/")[2]
    own = msgspec.structs.replace(job, terms=msgspec.structs.replace(job.terms, model=name))
    return MODELS[job.terms.model].result(own, link)


def invalid(param: str, message: str) -> Refusal:
    return Refusal(422, "invalid_input", message, param=param, kind="value_error")


def _read_wan(name: str, body: Mapping[str, Any]) -> ComfyRequest:
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


def _done_at_wan(job: EmulatedJob, link: str) -> dict[str, Any]:
    output = {"task_id": job.id, "task_status": "SUCCEEDED", "video_url": link}
    return {"request_id": job.id, "output": output, "usage": usage_of(job)}


def _read_byteplus(name: str, body: Mapping[str, Any]) -> ComfyRequest:
    wish = read_ark(name, ARK_MODELS[AT_BYTEPLUS.get(name, name)], body)
    return ComfyRequest(wish.terms, wish.prompt)


def _done_at_byteplus(job: EmulatedJob, link: str) -> dict[str, Any]:
    tokens = tokens_of(job.terms)
    return {
        "id": f"cgt-{job.id}",
        "model": job.terms.model,
        "status": "succeeded",
        "content": {"video_url": link},
        "duration": job.terms.duration_s,
        "framespersecond": 24,
        "usage": {"completion_tokens": tokens, "total_tokens": tokens},
    }


def _read_kling(name: str, body: Mapping[str, Any]) -> ComfyRequest:
    prompt, terms = read_kling(name, body)
    return ComfyRequest(terms, prompt)


def _read_minimax(name: str, body: Mapping[str, Any]) -> ComfyRequest:
    prompt, terms = read_minimax(name, H3_FIELDS, body)
    return ComfyRequest(terms, prompt)


def _done_at_minimax(job: EmulatedJob, link: str) -> dict[str, Any]:
    return {"task": done_task(job, link) | {"model": H3}}


_WAN = Vendor(_read_wan, _done_at_wan)
_BYTEPLUS = Vendor(_read_byteplus, _done_at_byteplus)
MODELS: Mapping[str, Vendor] = {
    "wan/wan2.7-i2v": _WAN,
    "wan/wan2.6-i2v": _WAN,
    "wan/wan2.5-i2v-preview": _WAN,
    "wan/wan3.0-video": _WAN,
    "wan/wan3.0-video-prime": _WAN,
    "wan/happyhorse-1.0-i2v": _WAN,
    "wan/happyhorse-1.1-i2v": _WAN,
    "byteplus/dreamina-seedance-2-5-260628": _BYTEPLUS,
    "byteplus/dreamina-seedance-2-0-260128": _BYTEPLUS,
    "byteplus/dreamina-seedance-2-0-fast-260128": _BYTEPLUS,
    "byteplus/dreamina-seedance-2-0-mini": _BYTEPLUS,
    "byteplus/seedance-1-5-pro-251215": _BYTEPLUS,
    "byteplus/seedance-1-0-pro-250528": _BYTEPLUS,
    "byteplus/seedance-1-0-pro-fast-251015": _BYTEPLUS,
    "kling/kling-v3-omni": Vendor(_read_kling, done_at_kling, model_field="model_name"),
    "minimax/minimax-h3": Vendor(_read_minimax, _done_at_minimax, own_name=H3),
}
