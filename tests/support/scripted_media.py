"""Media children that say what a test tells them, and the files that they know."""

from __future__ import annotations

import asyncio
from pathlib import Path

from unstill.media.errors import BadVideo
from unstill.media.tasks import (
    FrameCheck,
    FrameFacts,
    FrameFit,
    Repack,
    SoundCut,
    StillDraw,
    VideoCheck,
    VideoFacts,
)

VIDEO = b"a whole video"
THUMBNAIL = b"a picture of it"
SPRITESHEET = b"pictures of it"
LAST_FRAME = b"its last picture"


class Checks:
    """Media children that find every picture good, after the `troubles` are used up."""

    def __init__(self) -> None:
        self.troubles: list[Exception] = []
        self.checks: list[FrameCheck | VideoCheck] = []
        self.draws: list[StillDraw] = []
        self.length_s = 5.0  # every video has it
        self.has_audio = True
        self.gate = asyncio.Event()  # nothing is answered before it is set
        self.gate.set()

    async def check_frame(self, check: FrameCheck, *, owner: str) -> FrameFacts:
        del owner
        await self._look(check)
        return FrameFacts(1280, 720, "JPEG")

    async def check_video(self, check: VideoCheck, *, owner: str) -> VideoFacts:
        del owner
        await self._look(check)
        if Path(check.path).read_bytes() != VIDEO:
            raise BadVideo("the video is not whole")
        count = round(30 * self.length_s)
        return VideoFacts(
            1280, 720, self.length_s, 30.0, count, len(VIDEO), has_audio=self.has_audio
        )

    async def fit_frame(self, fit: FrameFit, *, owner: str) -> bool:
        del fit, owner
        return False  # every picture is as it should be

    async def cut_sound(self, cut: SoundCut, *, owner: str) -> None:
        del owner
        Path(cut.out).write_bytes(VIDEO)

    async def as_mp4(self, repack: Repack, *, owner: str) -> None:
        del owner
        Path(repack.path).write_bytes(VIDEO)

    async def draw_thumbnail(self, draw: StillDraw) -> None:
        await self._draw(draw, THUMBNAIL)

    async def draw_spritesheet(self, draw: StillDraw) -> None:
        await self._draw(draw, SPRITESHEET)

    async def draw_last_frame(self, draw: StillDraw) -> None:
        await self._draw(draw, LAST_FRAME)

    async def _draw(self, draw: StillDraw, picture: bytes) -> None:
        self.draws.append(draw)
        await self.gate.wait()
        if self.troubles:
            raise self.troubles.pop(0)
        Path(draw.out).write_bytes(picture)

    async def _look(self, check: FrameCheck | VideoCheck) -> None:
        self.checks.append(check)
        await self.gate.wait()
        if self.troubles:
            raise self.troubles.pop(0)
        assert Path(check.path).exists()
