"""The server's way to the children that decode."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from functools import partial
from typing import TypeVar

import msgspec

from unstill.domain.errors import BadImage
from unstill.domain.owner import NOBODY, Owner
from unstill.domain.owner_turns import WeightOf, equal_weight
from unstill.media.errors import DiedAtWork
from unstill.media.pool import Pool
from unstill.media.retry import retried_once
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
from unstill.system.machine import Confinement

T = TypeVar("T")

DRAWINGS_AT_ONCE = 3  # one owner has two of them, and whoever comes next finds one
FRAME_TIMEOUT_S = 15.0  # measured: 120 megapixels take 2.5 s of a core
FRAME_TRIES = 2  # a child may also be ended by the system, for want of memory
VIDEO_TIMEOUT_S = 120.0  # measured: 8 s of 1080P take 0.2 s


class Media:
    """The server's way to the media children; owners that wait for one take turns, by
    weight.

    A child that dies is asked once more, as an engine's is.

    size: how many may be at work for jobs at once; drawings: beside them, for pictures of videos.
    """

    def __init__(
        self,
        *,
        size: int = 2,
        drawings: int = DRAWINGS_AT_ONCE,
        frame_timeout_s: float = FRAME_TIMEOUT_S,
        weight_of: WeightOf = equal_weight,
    ) -> None:
        self._pool = Pool("unstill.media", size=size, weight_of=weight_of)
        # Apart: a gallery full of videos holds up no job.
        self._drawing = Pool("unstill.media", size=drawings)
        self._frame_timeout_s = frame_timeout_s

    @property
    def children(self) -> tuple[Pool, Pool]:
        return self._pool, self._drawing

    @property
    def confinement(self) -> Confinement | None:
        """What keeps its children to their tasks; None before one has started."""
        return self._pool.confinement

    async def check_frame(self, check: FrameCheck, *, owner: Owner = NOBODY) -> FrameFacts:
        """What a picture is; raises BadImage, EngineDied."""
        return await retried_once(partial(self._frame_facts, owner=owner), check)

    async def _frame_facts(self, check: FrameCheck, *, owner: Owner) -> FrameFacts:
        for _ in range(FRAME_TRIES):
            with suppress(DiedAtWork):
                return await self._pool.run(
                    "check_frame", check, FrameFacts, timeout_s=self._frame_timeout_s, owner=owner
                )
        # A JPEG of a thousand scans, say: small, within all limits, and minutes of work.
        raise BadImage(check.param, "this image takes too much time or memory to decode")

    async def check_video(self, check: VideoCheck, *, owner: Owner = NOBODY) -> VideoFacts:
        """What an mp4 is; raises BadVideo, EngineDied."""
        return await self._done("check_video", check, VideoFacts, owner=owner)

    async def fit_frame(self, fit: FrameFit, *, owner: Owner = NOBODY) -> bool:
        """Write a checked picture in an upstream's form; False if it has it. Raises EngineDied."""
        return await self._done("fit_frame", fit, bool, self._frame_timeout_s, owner=owner)

    async def cut_sound(self, cut: SoundCut, *, owner: Owner = NOBODY) -> None:
        """Write a checked mp4 without its sound; raises EngineDied."""
        await self._done("cut_sound", cut, type(None), owner=owner)

    async def as_mp4(self, repack: Repack, *, owner: Owner = NOBODY) -> None:
        """Put a video of another container into an mp4; raises BadVideo, EngineDied."""
        await self._done("as_mp4", repack, type(None), owner=owner)

    async def draw_thumbnail(self, draw: StillDraw) -> None:
        """Write the picture in the middle of a checked mp4; raises BadVideo, EngineDied."""
        await self._done("draw_thumbnail", draw, type(None), by=self._drawing)

    async def draw_spritesheet(self, draw: StillDraw) -> None:
        """Write pictures from all over a checked mp4 as one; raises BadVideo, EngineDied."""
        await self._done("draw_spritesheet", draw, type(None), by=self._drawing)

    async def draw_last_frame(self, draw: StillDraw) -> None:
        """Write the last picture of a checked mp4 as it is; raises BadVideo, EngineDied."""
        await self._done("draw_last_frame", draw, type(None), by=self._drawing)

    async def _done(
        self,
        task: str,
        args: msgspec.Struct,
        result: type[T],
        timeout_s: float = VIDEO_TIMEOUT_S,
        *,
        by: Pool | None = None,
        owner: Owner = NOBODY,
    ) -> T:
        run = (by or self._pool).run
        given = partial(run, task, result=result, timeout_s=timeout_s, owner=owner)
        return await retried_once(given, args)

    async def close(self) -> None:
        await asyncio.gather(self._pool.close(), self._drawing.close())
