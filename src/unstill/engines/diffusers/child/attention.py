"""Which attention the denoisers run: what was asked for, where a tiny call with it works.

Whether one works depends on the card, on what is installed and on the kind of call, and shows at
the first call only. So each is called once, with a few numbers, before the denoisers are given it.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import torch
from diffusers.models.attention_dispatch import attention_backend, dispatch_attention_fn

from unstill.engines.diffusers.child.error_line import in_a_line
from unstill.engines.diffusers.environment import CUDA
from unstill.engines.diffusers.options import Attention

NATIVE = "native"
# An operator's word: diffusers' name, of version 0.42. `flash` and `flash-3` are the packages of
# these names; what torch has of them itself, `native` takes by itself.
BACKENDS: Mapping[str, str] = {
    NATIVE: "native",
    "cudnn": "_native_cudnn",
    "flash": "flash",
    "flash-3": "_flash_3",
    "efficient": "_native_efficient",
    "math": "_native_math",
    "flex": "flex",
    "xformers": "xformers",
    "sage": "sage",
}
# cuDNN: 595 TFLOP/s of 370 with FlashAttention 2 on an H100 (FlashAttention 3's paper), but 0.82
# of its speed on an A100 and 0.88 on an RTX PRO 6000 (transformers' PR 48163; read 2026-11-28).
CUDNN_IS_FASTEST_ON = ((9, 0),)  # compute capabilities
TRIED_SHAPE = (1, 128, 2, 128)  # batch, sequence, heads, head size: that of Wan's heads
LONGEST_REASON = 160  # characters


class Chosen(msgspec.Struct, frozen=True):
    """An operator's word for what the denoisers will run.

    note: why it is not the one that was asked for, in a line.
    """

    name: str
    note: str = ""


def choose(wanted: Attention, device: str, *, has_mask: bool = False) -> Chosen:
    """What runs on `device`, as torch calls it: the wanted one, or native with the reason.

    has_mask: as `masks_text` says; not every attention can.
    """
    name = _fastest_on(device) if wanted == "auto" else wanted
    reason = _refusal(name, device, has_mask=has_mask)
    if reason is None:
        return Chosen(name)
    return Chosen(NATIVE, f"{name} does not run here: {reason}")


def masks_text(pipeline: Any, denoisers: Sequence[str]) -> bool:
    """Whether its denoisers are told which of the text's places are empty, and mask them."""
    return any(
        "encoder_attention_mask" in inspect.signature(getattr(pipeline, name).forward).parameters
        for name in denoisers
    )


def usable(device: str) -> tuple[str, ...]:
    """The operator's words for all that run on this device; first what "auto" takes."""
    taken = choose("auto", device).name
    others = (name for name in BACKENDS if name != taken)
    return taken, *(name for name in others if _refusal(name, device) is None)


def set_on(pipeline: Any, denoisers: Sequence[str], name: str) -> None:
    """Have the pipeline's denoisers run it; `name` is one that was chosen."""
    for denoiser in denoisers:
        getattr(pipeline, denoiser).set_attention_backend(BACKENDS[name])


def _fastest_on(device: str) -> str:
    if torch.device(device).type != CUDA:
        return NATIVE
    capability = torch.cuda.get_device_capability(device)
    return "cudnn" if capability in CUDNN_IS_FASTEST_ON else NATIVE


def _refusal(name: str, device: str, *, has_mask: bool = False) -> str | None:
    """Why one call with it fails, in a line; None if it does not."""
    dtype = torch.bfloat16 if torch.device(device).type == CUDA else torch.float32
    query = torch.ones(TRIED_SHAPE, device=device, dtype=dtype)
    mask = torch.ones(TRIED_SHAPE[0], TRIED_SHAPE[1], device=device, dtype=torch.bool)
    try:
        with torch.no_grad(), warnings.catch_warnings(), attention_backend(BACKENDS[name]):
            warnings.simplefilter("ignore")  # torch warns of each kernel that it could not take
            result = dispatch_attention_fn(
                query, query, query, attn_mask=mask[:, None, None, :] if has_mask else None
            )
        if not bool(torch.isfinite(result).all()):
            return "its results are not finite"
    except Exception as error:  # noqa: BLE001  - a kernel's package may raise anything
        return in_a_line(error, longest=LONGEST_REASON)
    return None
