"""Everything that decodes what others made, in child processes: a hostile file ends only a child.

The server imports this module, `facts`, `sniff`, `errors` and `pool`, none of which loads a
decoder; `frames` and `videos` are for child programs.
"""

from __future__ import annotations

from unstill.media.facts import FrameCheck, FrameFacts, VideoCheck, VideoFacts
from unstill.media.pool import Pool

__all__ = ["FrameCheck", "FrameFacts", "Media", "VideoCheck", "VideoFacts"]

FRAME_TIMEOUT_S = 30.0  # measured: 50 megapixels take 1 s
VIDEO_TIMEOUT_S = 120.0  # measured: 8 s of 1080P take 0.2 s


class Media:
    """The server's way to the media children; `size` is how many may be at work at once."""

    def __init__(self, *, size: int = 2) -> None:
        self._pool = Pool("unstill.media", size=size)

    async def check_frame(self, check: FrameCheck) -> FrameFacts:
        """What a picture is; raises BadImage, EngineDied."""
        return await self._pool.run("check_frame", check, FrameFacts, timeout_s=FRAME_TIMEOUT_S)

    async def check_video(self, check: VideoCheck) -> VideoFacts:
        """What an mp4 is; raises BadVideo, EngineDied."""
        return await self._pool.run("check_video", check, VideoFacts, timeout_s=VIDEO_TIMEOUT_S)

    async def close(self) -> None:
        await self._pool.close()
