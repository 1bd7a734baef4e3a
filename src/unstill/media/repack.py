"""A paid video in another container, put into an mp4. Child side.

What an mp4 may hold is copied packet by packet; only the rest is coded anew (VP8, Vorbis and what
is older). Nothing here checks it: that is done afterwards, as for every video.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import av
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import Stream
from av.video.stream import VideoStream

from unstill.media.containers import ENOUGH_BYTES, container_of
from unstill.media.errors import BadVideo
from unstill.media.tasks import Repack

PICTURES = frozenset({"h264", "hevc", "av1", "vp9", "mpeg4"})
SOUNDS = frozenset({"aac", "mp3", "opus"})
CRF = "16"  # x264's scale: what is lost beside the first coding is not seen


def as_mp4(args: Repack) -> None:
    """Put the video at `path` into an mp4 in its place; raises BadVideo.

    `out` is where that is written before it is whole.
    """
    path, out = Path(args.path), Path(args.out)
    with path.open("rb") as file:
        container = container_of(file.read(ENOUGH_BYTES))
    if container is None:
        raise BadVideo("the file is in no container that can be read")
    try:
        with (
            # The format is named: ffmpeg would follow the addresses in a playlist.
            av.open(f"file:{path}", "r", format=container) as source,
            av.open(f"file:{out}", "w", format="mp4", options={"movflags": "+faststart"}) as target,
        ):
            _put(source, target)
    except av.FFmpegError as error:
        raise BadVideo(f"the video is no whole {container}: {error.strerror}") from error
    out.replace(path)


class _Way(Protocol):
    """How one stream gets into the mp4."""

    def put(self, packet: Packet[Stream]) -> None: ...

    def end(self) -> None: ...


class _CopiedStream:
    def __init__(self, stream: VideoStream | AudioStream, target: OutputContainer) -> None:
        self._target = target
        self._out = target.add_stream_from_template(stream)

    def put(self, packet: Packet[Stream]) -> None:
        packet.stream = self._out
        self._target.mux(packet)

    def end(self) -> None:
        """All has been written."""


class _CodedPictures:
    def __init__(self, stream: VideoStream, target: OutputContainer) -> None:
        self._stream = stream
        self._target = target
        out = target.add_stream("libx264", rate=stream.average_rate or 24, options={"crf": CRF})
        out.width = stream.codec_context.width // 2 * 2
        out.height = stream.codec_context.height // 2 * 2
        out.pix_fmt = "yuv420p"
        if stream.time_base is not None:
            out.codec_context.time_base = stream.time_base
        self._out = out

    def put(self, packet: Packet[Stream] | None) -> None:
        for frame in self._stream.codec_context.decode(packet):
            fitted = frame.reformat(self._out.width, self._out.height, "yuv420p")
            self._target.mux(self._out.encode(fitted))

    def end(self) -> None:
        self.put(None)
        self._target.mux(self._out.encode(None))


class _CodedSound:
    def __init__(self, stream: AudioStream, target: OutputContainer) -> None:
        self._stream = stream
        self._target = target
        rate = 48_000  # one that every player has
        self._out = target.add_stream("aac", rate=rate)
        self._resampler = AudioResampler(format="fltp", layout="stereo", rate=rate)

    def put(self, packet: Packet[Stream] | None) -> None:
        for frame in self._stream.codec_context.decode(packet):
            for fitted in self._resampler.resample(frame):
                self._target.mux(self._out.encode(fitted))

    def end(self) -> None:
        self.put(None)
        for fitted in self._resampler.resample(None):
            self._target.mux(self._out.encode(fitted))
        self._target.mux(self._out.encode(None))


def _put(source: InputContainer, target: OutputContainer) -> None:
    pictures, sound = source.streams.best("video"), source.streams.best("audio")
    if not isinstance(pictures, VideoStream) or pictures.codec_context is None:
        raise BadVideo("the video has no pictures that can be read")
    is_kept = pictures.codec_context.name in PICTURES
    ways: dict[int, _Way] = {
        pictures.index: (_CopiedStream if is_kept else _CodedPictures)(pictures, target)
    }
    if isinstance(sound, AudioStream) and sound.codec_context is not None:
        is_kept = sound.codec_context.name in SOUNDS
        ways[sound.index] = (_CopiedStream if is_kept else _CodedSound)(sound, target)
    for packet in source.demux([source.streams[index] for index in ways]):
        if packet.size > 0:  # the last one of each stream is empty and only ends it
            ways[packet.stream_index].put(packet)
    for way in ways.values():
        way.end()
