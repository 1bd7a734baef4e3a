"""Finished videos and pictures of them for their owners, and for whoever has a signed link.

A picture of a video is drawn when it is first asked for, and kept beside the video.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Protocol

import msgspec

from unstill.domain.errors import NoSuchJob, ShuttingDown, UnstillError
from unstill.domain.file_errors import NoPicture, NotReady, NoVideo, PictureRemoved, VideoRemoved
from unstill.domain.job import Job, Variant
from unstill.domain.owner import Owner
from unstill.domain.owner_turns import Slots, WeightOf, equal_weight
from unstill.domain.request import Role
from unstill.files.port import PART, Files, StoredFile
from unstill.files.signed_links import Links
from unstill.media.facade import DRAWINGS_AT_ONCE
from unstill.media.tasks import StillDraw
from unstill.store.ports.jobs import Jobs

GONE = "its file is no longer there"


class Draws(Protocol):
    """What pictures of a video ask of the media children."""

    async def draw_thumbnail(self, draw: StillDraw) -> None: ...

    async def draw_spritesheet(self, draw: StillDraw) -> None: ...

    async def draw_last_frame(self, draw: StillDraw) -> None: ...


class Still(msgspec.Struct, frozen=True):
    """A picture of a video: how its file is called, and who draws it."""

    stem: str
    suffix: str
    draw: Callable[[StillDraw], Awaitable[None]]

    @property
    def file_name(self) -> str:
        return self.stem + self.suffix


class SignedLink(msgspec.Struct, frozen=True):
    """Path and query of a link to a video, and until when it holds."""

    path: str
    until_ms: int


class Downloads:
    """Where the files of finished jobs are."""

    def __init__(
        self,
        *,
        jobs: Jobs,
        files: Files,
        media: Draws,
        links: Links,
        clock_ms: Callable[[], int],
        kept_ms: int = 0,
        weight_of: WeightOf = equal_weight,
    ) -> None:
        """kept_ms: for how long from its job's end a video is kept; 0: for ever."""
        self._jobs = jobs
        self._files = files
        self._links = links
        self._clock_ms = clock_ms
        self._kept_ms = kept_ms
        self._stills: dict[Variant, Still] = {
            "thumbnail": Still("thumbnail", ".webp", media.draw_thumbnail),
            "spritesheet": Still("spritesheet", ".jpg", media.draw_spritesheet),
            # Not as the picture is called that the job was given.
            "last_frame": Still("last-still", ".png", media.draw_last_frame),
        }
        self._drawings: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._slots = Slots(DRAWINGS_AT_ONCE, keeps_room=True, weight_of=weight_of)
        self._is_stopping = False

    def stop_drawing(self) -> None:
        """Refuse what is still to be drawn; what is there is still found."""
        self._is_stopping = True

    async def file(self, job: Job, variant: Variant, word: Callable[[Job], str]) -> StoredFile:
        """The finished video's file, or that of a picture of it.

        `word` says an unfinished job's state in the caller's dialect.
        Raises NotReady, NoVideo, VideoRemoved; of a picture also BadVideo, OwnError.
        """
        if not job.state.is_final:
            raise NotReady(job.id, word(job))
        video = _video_name(job)
        still = self._stills.get(variant)
        if still is None:
            return await self._found(job, video)
        found = await self._files.find(job.id, still.file_name)
        if found is not None:
            return found
        await self._draw_once(job, video, still)
        return await self._found(job, still.file_name)

    async def linked(
        self, job_id: str, variant: str, expires: str, signature: str
    ) -> tuple[Owner, StoredFile]:
        """The finished file behind a signed link, and whose it is.

        Raises BadLink, NoSuchJob, NoVideo, VideoRemoved.
        """
        self._links.check(job_id, variant, expires, signature, self._clock_ms() // 1000)
        job = await self._jobs.find(job_id)
        if job is None or job.is_hidden:
            raise NoSuchJob(job_id)
        return job.owner, await self._found(job, _video_name(job))

    def link(self, job: Job) -> str | None:
        """Path and query of a signed link to the video, or None while there is none."""
        if job.video is None:
            return None
        return self._links.sign(job.id, "video", self._clock_ms() // 1000)

    def signed(self, job: Job) -> SignedLink | None:
        """The same with its end, of a video that is still there."""
        if job.video is None or job.video.removed_ms is not None:
            return None
        now_s = self._clock_ms() // 1000
        path = self._links.sign(job.id, "video", now_s)
        return SignedLink(path, self._links.until_s(now_s) * 1000)

    async def pictures(self, job: Job) -> Sequence[Role]:
        """Those that the job was given and that are still kept."""
        frames = job.request.frames
        found = [await self._files.find(job.id, frame.file_name) for frame in frames]
        return [frame.role for frame, file in zip(frames, found, strict=True) if file is not None]

    async def picture(self, job: Job, role: Role) -> StoredFile:
        """A picture that the job was given. Raises NoPicture, PictureRemoved."""
        frame = next((each for each in job.request.frames if each.role == role), None)
        if frame is None:
            raise NoPicture(role, "the job was made without one")
        found = await self._files.find(job.id, frame.file_name)
        if found is not None:
            return found
        if frame.sha256 is None and job.size is None:
            raise NoPicture(role, "its address was given, and nothing was fetched from there")
        raise PictureRemoved(role)

    def until_ms(self, job: Job) -> int | None:
        """Until when the video is kept; None while there is none, and where that is for ever."""
        if not self._kept_ms or job.video is None or job.ended_ms is None:
            return None
        return job.ended_ms + self._kept_ms

    async def _found(self, job: Job, name: str) -> StoredFile:
        found = await self._files.find(job.id, name)
        if found is None:
            raise NoVideo(job.id, GONE)
        return found

    async def _draw_once(self, job: Job, video: str, still: Still) -> None:
        """Whoever asks while it is being drawn waits for that; a failure is everybody's."""
        key = job.id, still.stem
        drawing = self._drawings.get(key)
        if drawing is None:
            drawing = asyncio.create_task(self._draw(job, video, still))
            self._drawings[key] = drawing
            drawing.add_done_callback(lambda drawing: self._end(key, drawing))
        # One of several who wait may be cancelled.
        await asyncio.shield(drawing)

    def _end(self, key: tuple[str, str], drawing: asyncio.Task[None]) -> None:
        del self._drawings[key]
        if not drawing.cancelled():
            drawing.exception()  # known, also where nobody waits for it any more

    async def _draw(self, job: Job, video: str, still: Still) -> None:
        try:
            async with self._slots.taken(job.owner):
                if self._is_stopping:
                    raise ShuttingDown("the server is stopping, ask again shortly")
                await self._found(job, video)  # no place is made for a job that is deleted
                await self._drawn(job, video, still)
        except UnstillError as error:
            if await self._files.find(job.id, still.file_name) is not None:
                return  # another server was asked for it too, and has drawn it first
            if await self._files.find(job.id, video) is not None:
                raise
            # Deleted meanwhile, with all that is in its folder.
            raise NoVideo(job.id, GONE) from error

    async def _drawn(self, job: Job, video: str, still: Still) -> None:
        part = still.stem + PART
        async with (
            self._files.local(job.id, video) as path,
            self._files.scratch(job.id, part) as out,
        ):
            await still.draw(StillDraw(path=str(path), out=str(out)))
            await self._files.publish(job.id, part, still.file_name)


def _video_name(job: Job) -> str:
    if job.video is None:
        failure = job.failure.message if job.failure else f"it is {job.state}"
        raise NoVideo(job.id, failure)
    if job.video.removed_ms is not None:
        removed = datetime.fromtimestamp(job.video.removed_ms / 1000, UTC)
        raise VideoRemoved(job.id, f"{removed:%Y-%m-%d}")
    return job.video.file_name
