"""Pictures and videos made fit for others, without another look at what they show. Child side."""

from __future__ import annotations

import io
from math import ceil, inf
from pathlib import Path

import av
from PIL import Image, ImageOps

from unstill.domain.errors import OwnError
from unstill.media.decode import form_of, open_frame
from unstill.media.mp4 import open_mp4
from unstill.media.tasks import FrameFit, SoundCut

QUALITIES = (95, 90, 80, 70)  # a JPEG is made with each, until it is small enough
SHRINK = 0.8  # per side, once quality alone is not enough
LEAST_SIDE_PX = 64


def fit_frame(fit: FrameFit) -> bool:
    """Write the picture to `fit.out` as the upstream takes it; False if it is so already.

    The result is an upright sRGB JPEG (PNG where no JPEG is taken) without alpha.
    """
    path = Path(fit.path)
    if _is_fit(path, fit):
        return False
    if fit.width is not None and fit.height is not None:
        # Twice as fine as it will be: the scaling to the exact size is still what one sees.
        image = Image.fromarray(open_frame(path, enough_px=2 * max(fit.width, fit.height)))
        image = ImageOps.fit(image, (fit.width, fit.height), Image.Resampling.LANCZOS)
    else:
        image = Image.fromarray(open_frame(path, most_side_px=fit.most_side_px))
        if min(image.size) < fit.least_side_px:
            factor = fit.least_side_px / min(image.size)
            sides = (ceil(image.width * factor), ceil(image.height * factor))
            image = image.resize(sides, Image.Resampling.LANCZOS)
        image = _shortened(image, fit.most_ratio)
    Path(fit.out).write_bytes(_encoded(image, fit))
    return True


def cut_sound(cut: SoundCut) -> None:
    """Copy the pictures of an mp4, packet by packet, into one without sound."""
    with (
        open_mp4(cut.path) as source,
        av.open(f"file:{cut.out}", "w", format="mp4", options={"movflags": "+faststart"}) as out,
    ):
        pictures = source.streams.video[0]
        copy = out.add_stream_from_template(pictures)
        out.metadata.update(source.metadata)
        for packet in source.demux(pictures):
            if packet.size > 0:  # the last one is empty and only ends the stream
                packet.stream = copy
                out.mux(packet)


def _is_fit(path: Path, fit: FrameFit) -> bool:
    form = form_of(path)
    return (
        form.format in fit.formats
        and path.stat().st_size <= fit.most_bytes
        and form.is_upright
        and (fit.takes_alpha or not form.has_alpha)
        and fit.width in {None, form.width}
        and fit.height in {None, form.height}
        and min(form.width, form.height) >= fit.least_side_px
        and (fit.most_side_px is None or max(form.width, form.height) <= fit.most_side_px)
        and _longest(min(form.width, form.height), fit.most_ratio) >= max(form.width, form.height)
    )


def _shortened(image: Image.Image, most_ratio: float | None) -> Image.Image:
    """The middle of a picture whose shape is longer than is taken."""
    longest = _longest(min(image.size), most_ratio)
    if max(image.size) <= longest:
        return image
    sides = (min(image.width, int(longest)), min(image.height, int(longest)))
    return ImageOps.fit(image, sides, Image.Resampling.LANCZOS)


def _longest(short_px: int, most_ratio: float | None) -> float:
    return inf if most_ratio is None else short_px * most_ratio


def _encoded(image: Image.Image, fit: FrameFit) -> bytes:
    """The best picture of at most `fit.most_bytes`; an exact size stays what it is."""
    while min(image.size) >= LEAST_SIDE_PX:
        for quality in QUALITIES:
            data = _written(image, fit, quality)
            if len(data) <= fit.most_bytes:
                return data
        if fit.width is not None:
            break
        image = image.resize((int(image.width * SHRINK), int(image.height * SHRINK)))
    raise OwnError(f"the picture cannot be made smaller than {fit.most_bytes} bytes")


def _written(image: Image.Image, fit: FrameFit, quality: int) -> bytes:
    buffer = io.BytesIO()
    if "JPEG" in fit.formats:
        image.save(buffer, "JPEG", quality=quality, subsampling=0 if quality > 90 else 2)
    else:
        image.save(buffer, "PNG")
    return buffer.getvalue()
