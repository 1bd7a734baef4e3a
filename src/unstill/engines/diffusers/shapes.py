"""What a pipeline is asked to render for a request, and what is kept of it. Pure.

It makes only some numbers of frames, and sizes of which both sides are multiples of one number: it
is asked for the next ones above. What is too much is cut off, the frames at the end, the pixels
evenly at all edges, so that the video has exactly the length and the size that were asked for.
"""

from __future__ import annotations

import msgspec

from unstill.domain.request import Size, VideoRequest
from unstill.engines.diffusers.options import PipelineOptions
from unstill.engines.diffusers.profile import Profile


class Cut(msgspec.Struct, frozen=True):
    """Scale a picture to `scaled`, and keep `kept` of it from the pixel (left, top) on."""

    scaled: Size
    left: int
    top: int
    kept: Size


class Shape(msgspec.Struct, frozen=True):
    """One render: what is asked of the pipeline, and what the video has of it."""

    frame_rate: int
    frames_asked: int
    frames_kept: int  # the first ones
    render: Size  # asked for where the pipeline takes a size; else the first frame's shape
    size: Size  # the video's


def frame_rate_of(options: PipelineOptions, profile: Profile) -> int:
    """The operator's, else the one that the model was trained at."""
    return options.fps or profile.fps


def shape_of(*, duration_s: int, size: Size, options: PipelineOptions, profile: Profile) -> Shape:
    """size: the exact one of the video."""
    frame_rate = frame_rate_of(options, profile)
    kept = duration_s * frame_rate
    return Shape(
        frame_rate=frame_rate,
        frames_asked=profile.frames.at_least(kept),
        frames_kept=kept,
        render=Size(
            _multiple(size.width, profile.size_multiple),
            _multiple(size.height, profile.size_multiple),
        ),
        size=size,
    )


def is_too_long(request: VideoRequest, options: PipelineOptions, profile: Profile) -> bool:
    """Whether it has more frames than the pipeline is ever asked for."""
    kept = request.duration_s * frame_rate_of(options, profile)
    return profile.frames.at_least(kept) > profile.longest_frames


def longest_s(options: PipelineOptions, profile: Profile) -> int:
    """The whole seconds that fit; 0 where not even one does."""
    step, offset = profile.frames.step, profile.frames.offset
    most = (profile.longest_frames - offset) // step * step + offset  # the last legal number
    return most // frame_rate_of(options, profile)


def cut_to(picture: Size, size: Size) -> Cut:
    """How a picture covers `size`: a caller's frame that of the render, say."""
    scale = max(size.width / picture.width, size.height / picture.height)
    scaled = Size(
        max(size.width, round(picture.width * scale)),
        max(size.height, round(picture.height * scale)),
    )
    return _centred(scaled, size)


def cut_out(shape: Shape, profile: Profile, rendered: Size) -> Cut:
    """What the video has of a frame of the size `rendered`.

    Nothing is scaled where the pipeline renders what it is asked for.
    """
    if profile.size_from_image or rendered != shape.render:
        return cut_to(rendered, shape.size)
    return _centred(rendered, shape.size)


def _centred(scaled: Size, kept: Size) -> Cut:
    left, top = (scaled.width - kept.width) // 2, (scaled.height - kept.height) // 2
    return Cut(scaled=scaled, left=left, top=top, kept=kept)


def _multiple(side_px: int, of: int) -> int:
    """The next multiple above, or the side itself."""
    return -(-side_px // of) * of
