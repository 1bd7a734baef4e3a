"""What the emulators deliver: small real videos, and signed links to them that die.

A video has the length that was asked for and nothing else of it: 64x64, five pictures a second.
It is in H.265 with 10 bits where the upstream's is.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from fractions import Fraction
from functools import lru_cache
from io import BytesIO
from urllib.parse import quote

import av
import numpy as np
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.video.stream import VideoStream

from unstill.emulators.faults import Fault
from unstill.emulators.jobs import EmulatedJob, EmulatedState
from unstill.emulators.wire import Answer, Ask, BodyPace

SIDE_PX = 64
FRAME_RATE = 5
SAMPLE_RATE = 44_100
SAMPLES_A_BLOCK = 1024  # AAC
MP4 = "video/mp4"
PAGE = b"<!doctype html><title>502 Bad Gateway</title><h1>Bad Gateway</h1>"
RESULTS = "/results/"

_DENIED = (
    b'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>AccessDenied</Code>'
    b"<Message>Request has expired.</Message></Error>"
)
_NO_KEY = (
    b'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>NoSuchKey</Code>'
    b"<Message>The specified key does not exist.</Message></Error>"
)


class ResultLinks:
    """Links on the emulator's own host, signed and mortal as an object store's are.

    Source: Alibaba Cloud OSS, signature version 1 in a URL (Expires, OSSAccessKeyId, Signature).
    """

    def __init__(
        self, *, secret: bytes, life_s: float, find: Callable[[str], EmulatedJob | None]
    ) -> None:
        self._secret = secret
        self._life_s = life_s
        self._find = find
        self._made = 0
        self._dead: set[str] = set()  # signatures

    def link(self, job: EmulatedJob, *, origin: str, now_ms: int) -> str:
        """A new link to a finished job's video, another one at each call."""
        self._made += 1
        expires = f"{int(now_ms / 1000 + self._life_s)}.{self._made}"
        signature = quote(self._signature(job.id, expires), safe="")
        return (
            f"{origin}{RESULTS}{job.id}.mp4"
            f"?Expires={expires}&OSSAccessKeyId=emulator&Signature={signature}"
        )

    def follow(self, ask: Ask, *, now_ms: int) -> Answer:
        """The video behind a link, or what an object store says."""
        job_id = ask.names["name"].removesuffix(".mp4")
        expires = ask.query.get("Expires", "")
        signature = ask.query.get("Signature", "")
        if ask.fault is Fault.DEAD_LINK:
            self._dead.add(signature)
        is_alive = (
            hmac.compare_digest(signature.encode(), self._signature(job_id, expires).encode())
            and now_ms < float(expires.partition(".")[0]) * 1000
            and signature not in self._dead
        )
        if not is_alive:
            return Answer(403, _DENIED, "application/xml")
        job = self._find(job_id)
        if job is None or job.state is not EmulatedState.DONE:
            return Answer(404, _NO_KEY, "application/xml")
        return video_answer(job, ask.fault)

    def _signature(self, job_id: str, expires: str) -> str:
        return hmac.new(self._secret, f"{job_id} {expires}".encode(), hashlib.sha256).hexdigest()


def video_answer(job: EmulatedJob, fault: Fault | None) -> Answer:
    """The job's video, or what the fault makes of it."""
    terms = job.terms
    video = make_video(terms.duration_s, has_audio=terms.has_audio, is_hevc=terms.is_hevc)
    match fault:
        case Fault.DEAD_LINK:  # where there are no links, the file itself
            return Answer(403, _DENIED, "application/xml")
        case Fault.TRUNCATED:
            return Answer(200, video[: len(video) * 2 // 3], MP4)
        case Fault.HTML_VIDEO:
            return Answer(200, PAGE, MP4)
        case Fault.SLOW:
            return Answer(200, video, MP4, pace=BodyPace.SLOW)
        case Fault.EMPTY:
            return Answer(200, b"", MP4)
        case Fault.HUGE:
            return Answer(200, video, MP4, pace=BodyPace.HUGE)
        case Fault.ENDLESS:
            return Answer(200, video, MP4, pace=BodyPace.ENDLESS)
        case Fault.WRONG_LENGTH:
            other_s = terms.duration_s + 3
            other = make_video(other_s, has_audio=terms.has_audio, is_hevc=terms.is_hevc)
            return Answer(200, other, MP4)
        case Fault.DROP_AFTER:
            return Answer(200, video, MP4, pace=BodyPace.CUT)
        case _:
            return Answer(200, video, MP4)


@lru_cache(maxsize=128)
def make_video(duration_s: int, *, has_audio: bool, is_hevc: bool = False) -> bytes:
    """An mp4 of a square that turns from dark to light, with silence if it has audio."""
    file = BytesIO()
    with av.open(file, "w", format="mp4") as container:
        # Both before the first packet: it writes the header.
        pictures = _picture_stream(container, is_hevc=is_hevc)
        sound = container.add_stream("aac", rate=SAMPLE_RATE, layout="mono") if has_audio else None
        _write_pictures(container, pictures, duration_s)
        if sound is not None:
            _write_silence(container, sound, duration_s)
    return file.getvalue()


def _picture_stream(container: OutputContainer, *, is_hevc: bool) -> VideoStream:
    if is_hevc:
        quiet = {"x265-params": "log-level=none:pools=none"}
        stream = container.add_stream("libx265", rate=FRAME_RATE, options=quiet)
        stream.codec_context.codec_tag = "hvc1"
    else:
        stream = container.add_stream("libx264", rate=FRAME_RATE)
    stream.width, stream.height = SIDE_PX, SIDE_PX
    stream.pix_fmt = "yuv420p10le" if is_hevc else "yuv420p"
    stream.codec_context.time_base = Fraction(1, FRAME_RATE)
    stream.codec_context.thread_count = 1
    return stream


def _write_pictures(container: OutputContainer, stream: VideoStream, duration_s: int) -> None:
    count = duration_s * FRAME_RATE
    for at in range(count):
        grey = np.full((SIDE_PX, SIDE_PX, 3), 255 * at // count, np.uint8)
        frame = av.VideoFrame.from_ndarray(grey, format="rgb24")
        frame.pts = at
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


def _write_silence(container: OutputContainer, stream: AudioStream, duration_s: int) -> None:
    block = np.zeros((1, SAMPLES_A_BLOCK), np.float32)
    for at in range(duration_s * SAMPLE_RATE // SAMPLES_A_BLOCK):
        frame = av.AudioFrame.from_ndarray(block, format="fltp", layout="mono")
        frame.sample_rate = SAMPLE_RATE
        frame.time_base = Fraction(1, SAMPLE_RATE)
        frame.pts = at * SAMPLES_A_BLOCK
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))
