"""What a caller asks for and an upstream has no field for. Pure.

    last frame        refused
    region            refused
    negative prompt   refused
    watermark         `true` refused; a mere default has given way before (ModelEngines)
    sound             `true` refused where none comes for sure; `false`: its track is removed here
    prompt_extend     `false` refused where every prompt is rewritten; else left out
    seed              left out: no document promises the same video for the same seed

A value that is left out is named on the engine's page in docs/engines.
"""

from __future__ import annotations

import msgspec

from unstill.domain.engine import region_misfit
from unstill.domain.errors import BadField, MissingField
from unstill.domain.request import VideoRequest


class Has(msgspec.Struct, frozen=True, kw_only=True):
    """What one upstream model can be asked for, or gives anyway."""

    last_frame: bool
    negative_prompt: bool
    watermark: bool
    sound: bool  # it comes, or comes when it is asked for
    plain_prompt: bool = True  # a prompt is not rewritten against the caller's will


def unsupported(request: VideoRequest, has: Has, *, name: str) -> BadField | None:
    """The first thing asked for that would be missing without a word; `name` is the upstream's."""
    if (misfit := region_misfit(request, name=name)) is not None:
        return misfit
    if request.last_frame is not None and not has.last_frame:
        allowed = f"absent: {name} has no last frame"
        return BadField(request.last_frame.param, allowed, found="a picture")
    if request.negative_prompt and not has.negative_prompt:
        return BadField("negative_prompt", f"absent: {name} has none", request.negative_prompt)
    if request.watermark and not has.watermark:
        return BadField("watermark", f"false: {name} draws none", request.watermark)
    if request.generate_audio and not has.sound:
        return BadField(
            "generate_audio", f"false: {name} is not known to make sound", request.generate_audio
        )
    extends = request.options.get("prompt_extend")
    if extends is False and not has.plain_prompt:
        return BadField("prompt_extend", f"true: {name} cannot be told", extends)
    return None


def prompt_misfit(
    prompt: str, *, name: str, is_needed: bool = False, least: int = 0, most: int | None = None
) -> BadField | None:
    """What an upstream model, `name`, does not take of a prompt; one of blanks alone is none.

    least, most: characters of one that is there.
    """
    if not prompt.strip():
        return MissingField("prompt", f"{name} needs one") if is_needed else None
    if len(prompt) >= least and (most is None or len(prompt) <= most):
        return None
    allowed = f"text of {least} to {most}" if least else f"text of at most {most}"
    found = f"{len(prompt)} characters"
    return BadField("prompt", f"{allowed} characters", prompt, found=found)
