"""Frames and sound into an mp4 that browsers play and seek: H.264, AAC, index in front."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import av
import numpy as np
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc
from av.video.stream import VideoStream

from unstill.domain.request import Size
from unstill.media.sound import SAMPLE_RATE, Samples
from unstill.media.yuv import Plane, YuvPicture

X264: Final = {
    "preset": "veryfast",
    "crf": "19.5",
    # Measured: with macroblock trees the same frames sometimes gave other bytes. A camera move has
    # no cuts and an even pace, so that looking for either costs a quarter of the encoder's time;
    # and a quarter of the rest, to look whether a block of 16 pixels moves in parts. B-frames that
    # are no references, five in a row and hardly coarser than the P-frames around them: detail
    # comes and goes a third as much from frame to frame, for the same bits and VMAF.
    "x264-params": "mbtree=0:b-adapt=0:scenecut=0:partitions=i8x8,i4x4:"
    "bframes=5:b-pyramid=none:pbratio=1.15",
}
# For messengers whose players know no B-frames: a third more bits.
# Source: WhatsApp Business Platform, media, supported types (read 2026-11-28).
COMPATIBLE: Final = {
    "profile": "main",
    "x264-params": "mbtree=0:scenecut=0:bframes=0:partitions=i4x4",
}
KEY_FRAME_EVERY_S = 2  # a player seeks by key frames
AUDIO_BITS_PER_S = 96_000


class VideoWriter:
    """An mp4 being written; leaving its block by an error leaves no file."""

    def __init__(
        self,
        path: Path,
        *,
        size: Size,
        frame_rate: int,
        metadata: Mapping[str, str],
        sound: Iterator[Samples] | None = None,
        compatible: bool = False,
        buffers: int = 1,
    ) -> None:
        """
        compatible: without what some players do not know, and so larger.
        buffers: how many pictures there are to draw into, while others are written.
        """
        self._path = path
        self._frame_rate = frame_rate
        # the caller's name ends in .part, so the format cannot be told by it
        self._container: OutputContainer = av.open(
            path, "w", format="mp4", options={"movflags": "+faststart+use_metadata_tags"}
        )
        self._container.metadata.update(metadata)
        self._stream = video_stream(
            self._container, size, frame_rate, options=X264 | (COMPATIBLE if compatible else {})
        )
        self._sound = sound
        self._audio = audio_stream(self._container) if sound is not None else None
        self._frames = 0
        self._samples = 0
        self._buffers = [blank_frame(size, frame_rate) for _ in range(buffers)]
        # they serve again and again: x264 has copied one when `encode` returns
        self.pictures = tuple(picture_in(frame) for frame in self._buffers)

    @property
    def picture(self) -> YuvPicture:
        """The first of the pictures."""
        return self.pictures[0]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            self._write_sound(until=None)
            self._container.mux(self._stream.encode(None))
            if self._audio is not None:
                self._container.mux(self._audio.encode(None))
        self._container.close()
        if error is not None:
            self._path.unlink(missing_ok=True)

    def write(self, buffer: int = 0) -> None:
        """Encode what one of the pictures holds as the next frame."""
        frame = self._buffers[buffer]
        frame.pts = self._frames
        self._container.mux(self._stream.encode(frame))
        self._frames += 1
        self._write_sound(until=self._frames * SAMPLE_RATE // self._frame_rate)

    def _write_sound(self, until: int | None) -> None:
        """Encode sound up to a sample, or all that is left: players want both side by side."""
        if self._audio is None or self._sound is None:
            return
        while until is None or self._samples < until:
            block = next(self._sound, None)
            if block is None:
                return
            frame = av.AudioFrame.from_ndarray(block, format="fltp", layout="stereo")
            frame.sample_rate = SAMPLE_RATE
            frame.time_base = Fraction(1, SAMPLE_RATE)
            frame.pts = self._samples
            self._samples += block.shape[1]
            self._container.mux(self._audio.encode(frame))


def video_stream(
    container: OutputContainer, size: Size, frame_rate: int, *, options: dict[str, str]
) -> VideoStream:
    stream = container.add_stream("libx264", rate=frame_rate, options=options)
    stream.width, stream.height, stream.pix_fmt = size.width, size.height, "yuv420p"
    context = stream.codec_context
    # one thread, whatever the machine: the number of threads changes the bytes
    context.thread_count = 1
    context.gop_size = KEY_FRAME_EVERY_S * frame_rate
    context.time_base = Fraction(1, frame_rate)
    context.color_range = ColorRange.MPEG
    context.colorspace = Colorspace.ITU709
    context.color_primaries = ColorPrimaries.BT709
    context.color_trc = ColorTrc.BT709
    return stream


def audio_stream(container: OutputContainer) -> AudioStream:
    stream = container.add_stream("aac", rate=SAMPLE_RATE, layout="stereo")
    stream.bit_rate = AUDIO_BITS_PER_S
    return stream


def blank_frame(size: Size, frame_rate: int) -> av.VideoFrame:
    frame = av.VideoFrame(size.width, size.height, "yuv420p")
    frame.time_base = Fraction(1, frame_rate)
    frame.colorspace = Colorspace.ITU709
    frame.color_range = ColorRange.MPEG
    frame.color_primaries = ColorPrimaries.BT709
    frame.color_trc = ColorTrc.BT709
    return frame


def picture_in(frame: av.VideoFrame) -> YuvPicture:
    """The frame's planes, to draw into."""
    y, u, v = (pixels(frame, plane) for plane in range(3))
    return YuvPicture(y=y, u=u, v=v)


def pixels(frame: av.VideoFrame, plane: int) -> Plane:
    """A plane of the frame to write into: uint8 (h, w), its rows padded as the encoder likes."""
    memory = frame.planes[plane]
    whole = np.frombuffer(memoryview(memory), np.uint8)
    return whole.reshape(memory.height, memory.line_size)[:, : memory.width]
