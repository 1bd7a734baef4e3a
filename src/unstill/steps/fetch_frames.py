"""A queued job's step: the pictures that are elsewhere are fetched, and all are decoded.

It may be begun again at any point: a picture that has its name in the job's folder is whole.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from time import monotonic
from typing import Protocol

from unstill.domain.backoff import FETCH_FRAME
from unstill.domain.errors import BadImage, FetchFailed
from unstill.domain.job import Job
from unstill.domain.owner import Owner
from unstill.domain.request import Frame
from unstill.files.port import PART, Files, storage_errors
from unstill.media.frame_limits import frame_check
from unstill.media.picture_limits import MAX_FILE_BYTES
from unstill.media.tasks import FrameCheck, FrameFacts
from unstill.models.card import Card
from unstill.system.tracing import outgoing

FETCH_TIMEOUT_S = 15.0  # a caller's picture must have arrived by then, whatever happened on the way


class ChecksFrames(Protocol):
    """What is asked of the media children."""

    async def check_frame(self, check: FrameCheck, *, owner: Owner) -> FrameFacts: ...


class Fetches(Protocol):
    """What is asked of the net."""

    async def fetch(self, url: str, out: Path, *, max_bytes: int, timeout_s: float) -> int: ...


class Frames:
    """Brings callers' pictures to their place in the job's folder."""

    def __init__(
        self,
        *,
        files: Files,
        media: ChecksFrames,
        fetcher: Fetches,
        cards: Mapping[str, Card],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        now_s: Callable[[], float] = monotonic,
    ) -> None:
        self._files = files
        self._media = media
        self._fetcher = fetcher
        self._cards = cards
        self._sleep = sleep
        self._now_s = now_s

    async def take(self, job: Job) -> list[FrameFacts]:
        """What the job's pictures are, in order; raises BadImage in the caller's own name."""
        await self._files.adopt(job.id)  # it has its row: its folder is no begun one any more
        return [await self._taken(job, frame) for frame in job.request.frames]

    async def _taken(self, job: Job, frame: Frame) -> FrameFacts:
        if frame.url is not None and await self._files.find(job.id, frame.file_name) is None:
            await self._fetch(job, frame, frame.url)
        rule = self._cards[job.request.model].rule_of(frame.role)
        async with self._files.local(job.id, frame.file_name) as path:
            check = frame_check(frame, rule, path=str(path))
            return await self._media.check_frame(check, owner=job.owner)

    async def _fetch(self, job: Job, frame: Frame, url: str) -> None:
        part = frame.file_name + PART
        async with self._files.scratch(job.id, part) as path:
            try:
                await self._fetched(url, path)
            except FetchFailed as error:
                raise BadImage(frame.param, error.reason) from error
            await self._files.publish(job.id, part, frame.file_name)

    async def _fetched(self, url: str, out: Path) -> None:
        """Fetch, and again after the trouble of a moment, all within one time. Raises FetchFailed.

        Storages answer 503 or cut a connection now and then, and are well a second later.
        """
        until_s = self._now_s() + FETCH_TIMEOUT_S
        left_s = FETCH_TIMEOUT_S
        for tries, pause_ms in enumerate((*FETCH_FRAME.pauses_ms, None), start=1):
            try:
                with storage_errors(), outgoing("GET"):
                    await self._fetcher.fetch(url, out, max_bytes=MAX_FILE_BYTES, timeout_s=left_s)
            except FetchFailed as error:
                wait_s = max((pause_ms or 0) / 1000, error.retry_after_s or 0)
                left_s = until_s - self._now_s() - wait_s
                if pause_ms is None or not error.is_passing or left_s <= 0:
                    raise _told(error, tries) from error
                await self._sleep(wait_s)
            else:
                return


def _told(error: FetchFailed, tries: int) -> FetchFailed:
    return error if tries == 1 else FetchFailed(f"{error.reason} (tried {tries} times)")
