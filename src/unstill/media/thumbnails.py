"""Pictures out of a finished video: one from its middle, or a sheet of many. Child side.

Covers what check_video has let pass, in square pixels and the right way up. A frame that does not
decode is passed over for the next one that does.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import suppress

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
    _save(image, draw.out, "WEBP", WEBP_QUALITY)


def draw_spritesheet(draw: StillDraw) -> None:
    """Write frames from all over an mp4 as one JPEG, row by row; raises BadVideo."""
    tiles = _pictures(draw.path, most=TILES, side_px=TILE_SIDE_PX)
    width, height = tiles[0].size
    columns, rows = min(COLUMNS, len(tiles)), -(-len(tiles) // COLUMNS)
    sheet = Image.new("RGB", (columns * width, rows * height))
    for number, tile in enumerate(tiles):
        row, column = divmod(number, COLUMNS)
        sheet.paste(tile, (column * width, row * height))
    _save(sheet, draw.out, "JPEG", JPEG_QUALITY)


def _pictures(path: str, *, most: int, side_px: int) -> list[Image.Image]:
    """The middle frame of each of `most` equal parts; of fewer frames, all. Raises BadVideo."""
    try:
        with open_mp4(path) as container:
            stream = container.streams.best("video")
            if not isinstance(stream, VideoStream):
                raise BadVideo("the video has no pictures")
            stream.codec_context.thread_count = 1  # children are counted as one core each
            shown, keys = _times(container, stream)
            if not keys:
                raise BadVideo("the video has no pictures")
            wanted = _middles(shown, min(most, len(shown)))
            return [_fitted(frame, side_px) for frame in _found(container, stream, wanted, keys)]
    except av.FFmpegError as error:
        raise BadVideo(f"no picture of the video can be drawn: {error.strerror}") from error


def _save(image: Image.Image, out: str, form: str, quality: int) -> None:
    try:
        image.save(out, form, quality=quality)
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
    container: InputContainer, stream: VideoStream, wanted: frozenset[int]
) -> Iterator[VideoFrame]:
    for packet in container.demux(stream):
        # A frame that is neither wanted nor needed by another: measured, a quarter of the time.
        stream.codec_context.skip_frame = "DEFAULT" if packet.pts in wanted else "NONREF"
        with suppress(av.InvalidDataError):
            yield from packet.decode()


def _fitted(frame: VideoFrame, side_px: int) -> Image.Image:
    image = Image.fromarray(frame.to_ndarray(format="rgb24"))
    image.thumbnail((side_px, side_px), Image.Resampling.LANCZOS)
    return image
