"""What a caller asks for and a pipeline cannot do. Pure.

    last frame        refused where the pipeline ignores it
    region            refused
    negative prompt   refused where it takes none; with guidance 1 it is taken and has no effect:
                      clients send one with every call, and keep their API on distilled weights
    sound             `true` refused where it makes none; `false` and none said: as it is
    length            refused where the pipeline is never asked for so many frames

The watermark is unstill's own, so it is never refused; nor is a size but for too many pixels.
"""

from __future__ import annotations

from collections.abc import Sequence

from unstill.domain.engine import region_misfit
from unstill.domain.errors import BadField
from unstill.domain.request import VideoRequest
from unstill.engines.diffusers.options import PipelineOptions
from unstill.engines.diffusers.profile import Profile
from unstill.engines.diffusers.shapes import is_too_long, longest_s
from unstill.models.sizes import too_large_for_here


def misfit_of(
    request: VideoRequest, *, models: Sequence[str], options: PipelineOptions, profile: Profile
) -> BadField | None:
    """The first thing asked for that would be missing without a word; `models` are those served."""
    title = profile.title
    if (misfit := plain_misfit(request, models)) is not None:
        return misfit
    if request.last_frame is not None and profile.last_frame == "none":
        allowed = f"absent: {title} has no last frame"
        return BadField(request.last_frame.param, allowed, found="a picture")
    if request.negative_prompt and not profile.negative_prompt:
        return BadField("negative_prompt", f"absent: {title} has none", request.negative_prompt)
    if request.generate_audio and not profile.sound:
        return BadField("generate_audio", f"false: {title} makes no sound", request.generate_audio)
    if is_too_long(request, options, profile):
        allowed = f"at most {longest_s(options, profile)}: {title} makes no longer video"
        return BadField("duration", allowed, request.duration_s)
    return None


def plain_misfit(request: VideoRequest, models: Sequence[str]) -> BadField | None:
    """What no pipeline can do: another model than those `models` that are served, a region, a
    larger video than of any.
    """
    if request.model not in models:
        return BadField("model", f"one of {', '.join(models)}", request.model)
    return region_misfit(request, name="a pipeline") or too_large_for_here(request)
