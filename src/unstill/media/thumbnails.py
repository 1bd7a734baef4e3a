"""Pictures out of a finished video: from its middle, a sheet of many, or its end. Child side.

Covers what check_video has let pass, in square pixels and the right way up. A frame that does not
decode is passed over for the next one that does; at the end, for the one before.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

import av
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from PIL import Image

from unstill.media.errors import BadVideo
from unstill.media.mp4 import open_mp4
from unstill.media.tasks import StillDraw

THUMBNAIL_SIDE_PX = 640  # the longest side; a smaller video is not enlarged
TILE_SIDE_PX = 320
TILES = 16
COLUMNS = 4
WEBP_QUALITY = 80
JPEG_QUALITY = 85


def draw_thumbnail(draw: StillDraw) -> None:
    """Write the frame in the middle of an mp4 as a WebP; raises BadVideo."""
    (image,) = _pictures(draw.path, most=1, side_px=THUMBNAIL_SIDE_PX)
    _save(image, draw.out, "WEBP", quality=WEBP_QUALITY)


def draw_spritesheet(draw: StillDraw) -> None:
    """Write frames from all over an mp4 as one JPEG, row by row; raises BadVideo."""
    tiles = _pictures(draw.path, most=TILES, side_px=TILE_SIDE_PX)
    width, height = tiles[0].size
    columns, rows = min(COLUMNS, len(tiles)), -(-len(tiles) // COLUMNS)
    sheet = Image.new("RGB", (columns * width, rows * height))
    for number, tile in enumerate(tiles):
        row, column = divmod(number, COLUMNS)
        sheet.paste(tile, (column * width, row * height))
    _save(sheet, draw.out, "JPEG", quality=JPEG_QUALITY)


def draw_last_frame(draw: StillDraw) -> None:
    """Write the last frame of an mp4 as a PNG, pixel for pixel; raises BadVideo."""
    with _opened(draw.path) as (container, stream):
        _, keys = _times(container, stream)
        # From the last key frame on; from an earlier one where nothing behind that decodes.
        for key in (keys[-1], *keys[-2:-1], keys[0]) if keys else ():
            container.seek(key, stream=stream)
            last = deque(_decoded(container, stream), maxlen=1)
            if last:
                image = Image.fromarray(last[0].to_ndarray(format="rgb24"))
                return _save(image, draw.out, "PNG")
    raise BadVideo("a picture of the video cannot be decoded")


def _pictures(path: str, *, most: int, side_px: int) -> list[Image.Image]:
    """The middle frame of each of `most` equal parts; of fewer frames, all. Raises BadVideo."""
    with _opened(path) as (container, stream):
        shown, keys = _times(container, stream)
        if not keys:
            raise BadVideo("the video has no pictures")
        wanted = _middles(shown, min(most, len(shown)))
        return [_fitted(frame, side_px) for frame in _found(container, stream, wanted, keys)]


@contextmanager
def _opened(path: str) -> Iterator[tuple[InputContainer, VideoStream]]:
    """Raises BadVideo, also for what goes wrong while it is read."""
    try:
        with open_mp4(path) as container:
            stream = container.streams.best("video")
            if not isinstance(stream, VideoStream):
                raise BadVideo("the video has no pictures")
            stream.codec_context.thread_count = 1  # children are counted as one core each
            yield container, stream
    except av.FFmpegError as error:
        raise BadVideo(f"no picture of the video can be drawn: {error.strerror}") from error


def _save(image: Image.Image, out: str, form: str, **options: int) -> None:
    try:
        image.save(out, form, **options)
    except FileNotFoundError as error:
        raise BadVideo("the video was deleted while its picture was drawn") from error


def _times(container: InputContainer, stream: VideoStream) -> tuple[list[int], list[int]]:
    """When each frame is shown, and each key frame, in order; in units of the time base."""
    times = sorted(
        (packet.pts, packet.is_keyframe)
        for packet in container.demux(stream)
        if packet.pts is not None and not packet.is_discard
    )
    return [pts for pts, _ in times], [pts for pts, is_key in times if is_key]


def _middles(shown: Sequence[int], parts: int) -> list[int]:
    return [shown[(2 * part + 1) * len(shown) // (2 * parts)] for part in range(parts)]


def _found(
    container: InputContainer, stream: VideoStream, wanted: Sequence[int], keys: Sequence[int]
) -> Iterator[VideoFrame]:
    """The frames shown at the wanted times, which grow; decodes none twice."""
    frames: Iterator[VideoFrame] = iter(())
    decoded_to: int | None = None
    for pts in wanted:
        key = keys[bisect_right(keys, pts) - 1]
        if decoded_to is None or key > decoded_to:
            # A demuxer may land on the next key frame where they are closer than B-frames reach;
            # then the picture is of a frame nearby.
            container.seek(key, stream=stream)
            frames = _decoded(container, stream, frozenset(wanted))
        frame = next((each for each in frames if each.pts is not None and each.pts >= pts), None)
        if frame is None:
            raise BadVideo("a picture of the video cannot be decoded")
        decoded_to = frame.pts
        yield frame


def _decoded(
    container: InputContainer, stream: VideoStream, wanted: frozenset[int] | None = None
) -> Iterator[VideoFrame]:
    """`wanted`: those without which a picture is not drawn; None: all."""
    for packet in container.demux(stream):
        # A frame that is neither wanted nor needed by another: measured, a quarter of the time.
        is_wanted = wanted is None or packet.pts in wanted
        stream.codec_context.skip_frame = "DEFAULT" if is_wanted else "NONREF"
        with suppress(av.InvalidDataError):
            yield from packet.decode()


def _fitted(frame: VideoFrame, side_px: int) -> Image.Image:
    image = Image.fromarray(frame.to_ndarray(format="rgb24"))
    image.thumbnail((side_px, side_px), Image.Resampling.LANCZOS)
    return image
