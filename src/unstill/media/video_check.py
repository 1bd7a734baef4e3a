"""Videos that an engine or an upstream made: read to the last packet before anybody gets them.

Covers mp4. Every packet of every stream is read, but only the first picture and those that the last
one needs are decoded: a file that is cut short is found, a picture in the middle that is merely
ugly is not.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Literal

import av
import msgspec
from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream
from av.video.stream import VideoStream

from unstill.media.errors import BadVideo
from unstill.media.mp4 import open_mp4
from unstill.media.tasks import VideoCheck, VideoFacts

LeftOut = Literal["NONREF", "DEFAULT"]  # FFmpeg's words for what a decoder may leave out

# ISO 14496-12, 6.2.3, and what QuickTime writers put first
FIRST_BOXES = frozenset({b"ftyp", b"styp", b"moov", b"mdat", b"free", b"skip", b"wide"})


class Seen(msgspec.Struct):
    """What the packets of one stream showed; times in units of its time base."""

    count: int = 0
    corrupt: int = 0
    starts_with_key: bool = False
    last_key: int = 0  # shown at
    first: int | None = None  # shown at
    last: int = 0  # shown at
    end: int = 0

    def add(self, packet: Packet[Stream]) -> None:
        if self.count == 0:
            self.starts_with_key = packet.is_keyframe
        self.count += 1
        self.corrupt += packet.is_corrupt
        if packet.pts is None or packet.is_discard:
            return
        self.first = packet.pts if self.first is None else min(self.first, packet.pts)
        self.last = max(self.last, packet.pts)
        self.end = max(self.end, packet.pts + (packet.duration or 0))
        if packet.is_keyframe:
            self.last_key = max(self.last_key, packet.pts)


def check_video(check: VideoCheck) -> VideoFacts:
    """Read an mp4 to its end and say what it is.

    Raises BadVideo if it is no mp4, has no pictures, lacks packets of its own index, does not
    begin with a key frame, does not decode, or is not about as long as it should be.
    """
    path = Path(check.path)
    size_bytes = path.stat().st_size
    if size_bytes == 0:
        raise BadVideo("the video file is empty")
    _check_boxes(path, size_bytes)
    try:
        with open_mp4(path) as container:
            facts = _facts(container, size_bytes)
    except av.FFmpegError as error:
        raise BadVideo(f"the video is not a whole mp4: {error.strerror}") from error
    _check_length(facts, check)
    return facts


def _check_boxes(path: Path, size_bytes: int) -> None:
    """Walk the outermost boxes: a decoder forgives a last one that is cut short.

    Source: ISO 14496-12, 4.2: size, type, then a 64-bit size if the first is 1; 0 is to the end.
    """
    at = 0
    with path.open("rb") as file:
        while at < size_bytes:
            file.seek(at)
            head = file.read(16)
            if at == 0 and head[4:8] not in FIRST_BOXES:
                begin = head.decode("ascii", "replace")
                raise BadVideo(f"the file is not an mp4, it begins with {begin!r}")
            length = int.from_bytes(head[:4], "big")
            if length == 0:
                return
            if length == 1:
                length = int.from_bytes(head[8:], "big")
            at += max(length, 8)
    if at > size_bytes:
        raise BadVideo(f"the video is cut short: {at - size_bytes} bytes are missing at its end")


def _facts(container: InputContainer, size_bytes: int) -> VideoFacts:
    stream = container.streams.best("video")
    if not isinstance(stream, VideoStream):
        raise BadVideo("the video has no pictures")
    if stream.codec_context is None:  # PyAV's types do not tell: a codec that ffmpeg does not know
        raise BadVideo("the pictures of the video are coded in an unknown way")
    stream.codec_context.thread_count = 1  # children are counted as one core each
    seen = _read_all(container)[stream.index]
    if seen.first is None:
        raise BadVideo("the video has no pictures")
    _decode_ends(container, stream, seen)
    return VideoFacts(
        width=stream.codec_context.width,
        height=stream.codec_context.height,
        duration_s=float((seen.end - seen.first) * (stream.time_base or Fraction(0))),
        frame_rate=float(stream.average_rate or 0),
        frame_count=seen.count,
        size_bytes=size_bytes,
        has_audio=bool(container.streams.audio),
    )


def _read_all(container: InputContainer) -> dict[int, Seen]:
    """Every packet of every stream, by stream index; refuses a file that lacks some."""
    seen = {stream.index: Seen() for stream in container.streams}
    for packet in container.demux():
        if packet.size > 0:  # the last one of each stream is empty and only ends it
            seen[packet.stream_index].add(packet)
    for stream in container.streams:
        # The index is complete only now: a fragmented file brings it piece by piece.
        promised, came = len(stream.index_entries), seen[stream.index]
        whole = came.count - came.corrupt
        if whole < promised:
            raise BadVideo(
                f"the video is cut short: {whole} of {promised} {stream.type} packets are there"
            )
    return seen


def _decode_ends(container: InputContainer, stream: VideoStream, seen: Seen) -> None:
    if not seen.starts_with_key:
        raise BadVideo("the video does not begin with a key frame")
    container.seek(seen.first or 0, stream=stream)
    first = next(container.decode(stream), None)
    if first is None or first.pts != seen.first:
        raise BadVideo("the first picture of the video cannot be decoded")
    # At first without those that no other needs: most of a group, and hardly ever its last.
    is_there = _shows_last(container, stream, seen, "NONREF")
    if not is_there and not _shows_last(container, stream, seen, "DEFAULT"):
        raise BadVideo("the last picture of the video cannot be decoded")


def _shows_last(
    container: InputContainer, stream: VideoStream, seen: Seen, left_out: LeftOut
) -> bool:
    """Whether the last group of pictures decodes to its last."""
    stream.codec_context.skip_frame = left_out
    container.seek(seen.last_key, stream=stream)
    return max((frame.pts or 0 for frame in container.decode(stream)), default=None) == seen.last


def _check_length(facts: VideoFacts, check: VideoCheck) -> None:
    if facts.duration_s <= 0:
        raise BadVideo("the video has no length")
    if check.duration_s is None:
        return
    if abs(facts.duration_s - check.duration_s) > check.tolerance_s:
        raise BadVideo(
            f"the video must be {check.duration_s:g} s long, give or take {check.tolerance_s:g} s,"
            f" got {facts.duration_s:.2f} s"
        )
