"""A saving job's step: the video is fetched if it is elsewhere, checked, and put in its place.

It may be begun again at any point: what has its final name is whole, what has not is made anew.
What is wrong with a video that an upstream has finished is tried again for minutes
(`save_retries.py`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

import structlog

from unstill.domain.errors import (
    ShuttingDown,
    StorageFailed,
    StorageFull,
    UnstillError,
    UpstreamError,
)
from unstill.domain.job import Change, Job, State, Usage, Video, succeeded, unsaved
from unstill.domain.log_fields import job_fields
from unstill.domain.owner import Owner
from unstill.files.port import PART, Files, storage_errors
from unstill.media.containers import ENOUGH_BYTES, Container, container_of
from unstill.media.errors import BadVideo
from unstill.media.tasks import Repack, SoundCut, VideoCheck, VideoFacts
from unstill.models.sizes import tier_height
from unstill.progress.stalls import Stalls
from unstill.steps.bills import WITHOUT_COSTS, Bills
from unstill.steps.job_files import video_part, video_stem
from unstill.steps.save_retries import FailedTries
from unstill.system.tracing import open_span
from unstill.upstreams.client import Trouble
from unstill.upstreams.port import Done, Remote, Ticket

log = structlog.get_logger()

# Beyond these a video is not as it was asked for. Upstreams render whole groups of frames (Wan's 81
# at 16 a second are 5.06 s) and sides of whole blocks.
OTHER_LENGTH_S = 1.0
OTHER_SHAPE = 1.1

NOT_IN_TIME = "the upstream did not give the finished video before the deadline"


class ChecksVideos(Protocol):
    """What saving asks of the media children."""

    async def check_video(self, check: VideoCheck, *, owner: Owner) -> VideoFacts: ...

    async def cut_sound(self, cut: SoundCut, *, owner: Owner) -> None: ...

    async def as_mp4(self, repack: Repack, *, owner: Owner) -> None: ...


class Saver:
    """Saves videos to their place in the job's folder."""

    def __init__(
        self,
        *,
        files: Files,
        media: ChecksVideos,
        remotes: Mapping[str, Remote],
        stalls: Stalls,
        clock_ms: Callable[[], int],
        uptime_ms: Callable[[], int],
        bills: Bills = WITHOUT_COSTS,
    ) -> None:
        self._files = files
        self._media = media
        self._remotes = remotes
        self._stalls = stalls
        self._clock_ms = clock_ms
        self._uptime_ms = uptime_ms
        self._bills = bills
        self._tries: dict[str, FailedTries] = {}  # videos have them that could not be saved; by job

    async def save(self, job: Job) -> Change:
        """What becomes of the job by it: its end, or another try after a pause.

        Raises what was wrong with the last try; StorageFull, StorageFailed or ShuttingDown, which
        say nothing of the video.
        """
        try:
            change = await self._brought(job)
        except (StorageFull, StorageFailed, ShuttingDown):
            raise
        except UnstillError as error:
            if job.is_rendered_here:  # the next look at the file would find the same
                raise
            return await self._tried(job, error)
        self._tries.pop(job.id, None)
        return change

    async def _tried(self, job: Job, error: UnstillError) -> Change:
        """Another try after a pause; raises `error` where it was the last."""
        await self._drop(job)
        tries = self._tries.setdefault(job.id, FailedTries())
        if tries.are_over(error, is_late=0 < job.deadline_ms <= self._uptime_ms()):
            del self._tries[job.id]
            if isinstance(error, Trouble):
                raise UpstreamError(f"{NOT_IN_TIME}: {error.message}") from error
            raise error
        self._stalls.job(job.id, State.SAVING, error.code, error.message)
        open_span().fail(error.code)
        if tries.is_worth_telling:
            log.warning(
                "video_not_saved",
                **job_fields(job),
                engine=job.engine,
                why=error.message,
                tries=tries.count,
                again_in_s=tries.pause_ms // 1000,
            )
        return unsaved(self._clock_ms() + tries.pause_ms)

    async def _drop(self, job: Job) -> None:
        """What is left of a failed try: half a gigabyte, it may be."""
        for stem in (_video(job), _silent(job)):
            await self._files.discard(job.id, stem + PART)

    async def _brought(self, job: Job) -> Change:
        name = await self._home(job)
        if name is None:
            name, facts = await self._made_home(job)
        else:
            facts = await self._checked_home(job, name)
        await self._clear(job, name)
        video = _video_of(name, facts)
        others = differences(job, video)
        if others:
            log.warning("video_not_as_asked", **job_fields(job), engine=job.engine, **others)
        bill = self._bills.made(job, video)
        return succeeded(video, _usage(job, video), self._clock_ms(), bill=bill)

    async def _home(self, job: Job) -> str | None:
        """The name of a video that an earlier start of this step has published."""
        for stem in (_video(job), _silent(job)):
            if await self._files.find(job.id, f"{stem}.mp4") is not None:
                return f"{stem}.mp4"
        return None

    async def _checked_home(self, job: Job, name: str) -> VideoFacts:
        try:
            async with self._files.local(job.id, name) as path:
                return await self._checked(job, path)
        except BadVideo:
            # It has been spoilt since, and is fetched anew. Nothing else that has its name is
            # dropped by a failed try: another server may have brought it home meanwhile.
            if not job.is_rendered_here:
                await self._files.discard(job.id, name)
            raise

    async def _made_home(self, job: Job) -> tuple[str, VideoFacts]:
        """Fetch if need be, check and publish: the video's name, and its facts."""
        part = _video(job) + PART
        if job.is_rendered_here:
            return await self._published_here(job, part)
        async with self._files.scratch(job.id, part) as path:
            await self._fetch(job, path)
            await self._unpack(job, path)
            return await self._published(job, path)

    async def _published_here(self, job: Job, part: str) -> tuple[str, VideoFacts]:
        try:
            async with self._files.local(job.id, part) as path:
                return await self._published(job, path)
        except BadVideo:
            # Another server may have brought it home meanwhile, and taken the part away by that.
            name = await self._home(job)
            if name is None:
                raise
            return name, await self._checked_home(job, name)

    async def _published(self, job: Job, path: Path) -> tuple[str, VideoFacts]:
        """A video that is whole gets its name, without sound that was refused."""
        facts = await self._checked(job, path)
        if job.request.generate_audio is not False or not facts.has_audio:
            return await self._named(job, _video(job)), facts
        async with self._files.scratch(job.id, _silent(job) + PART) as out:
            cut = SoundCut(path=str(path), out=str(out))
            await self._media.cut_sound(cut, owner=job.owner)
            facts = await self._checked(job, out)
            return await self._named(job, _silent(job)), facts

    async def _named(self, job: Job, stem: str) -> str:
        name = f"{stem}.mp4"
        await self._files.publish(job.id, stem + PART, name)
        return name

    async def _fetch(self, job: Job, out: Path) -> None:
        remote = self._remotes.get(job.engine)
        if remote is None or job.ticket is None or job.result is None:
            # It may come back with the next start.
            raise Trouble(f"the engine {job.engine} that has the video is not configured")
        ticket = Ticket(job.id, job.ticket, job.upstream_model or "", job.started_ms or 0)
        done = Done(job.result.url, job.result.usage)
        with storage_errors():
            await remote.fetch(ticket, done, out)

    async def _unpack(self, job: Job, path: Path) -> None:
        """A video in WebM and its like is paid for too: it is kept in an mp4."""
        if await asyncio.to_thread(_container, path) is None:
            return
        log.info("video_repacked", **job_fields(job), engine=job.engine)
        # Where a cut of its sound is written afterwards: a part that is made anew in any case.
        async with self._files.scratch(job.id, _silent(job) + PART) as out:
            repack = Repack(path=str(path), out=str(out))
            await self._media.as_mp4(repack, owner=job.owner)

    async def _checked(self, job: Job, path: Path) -> VideoFacts:
        """The video's facts; of one that is paid for its true length, whatever was asked for."""
        asked_s = float(job.request.duration_s)
        check = VideoCheck(path=str(path), duration_s=asked_s if job.is_rendered_here else None)
        return await self._media.check_video(check, owner=job.owner)

    async def _clear(self, job: Job, name: str) -> None:
        """Drop what earlier attempts and steps have left beside the video."""
        left = [video_part(n) for n in range(1, job.attempt)]
        if name != f"{_video(job)}.mp4":
            left.append(_video(job) + PART)
        for each in left:
            await self._files.discard(job.id, each)


def differences(job: Job, video: Video) -> dict[str, str]:
    """What an upstream has made of a request otherwise than it was asked for: kept, and told."""
    request, found = job.request, dict[str, str]()
    if abs(video.duration_s - request.duration_s) > OTHER_LENGTH_S:
        found["length"] = f"asked {request.duration_s} s, got {video.duration_s:.2f} s"
    if request.generate_audio and not video.has_audio:
        found["sound"] = "asked for, got none"
    if job.size is not None:
        wanted, got = job.size.width / job.size.height, video.width / video.height
        if not 1 / OTHER_SHAPE < wanted / got < OTHER_SHAPE:
            found["size"] = (
                f"asked {job.size.width}x{job.size.height}, got {video.width}x{video.height}"
            )
    return found


def _container(path: Path) -> Container | None:
    with path.open("rb") as file:
        return container_of(file.read(ENOUGH_BYTES))


def _video_of(name: str, facts: VideoFacts) -> Video:
    return Video(
        file_name=name,
        width=facts.width,
        height=facts.height,
        duration_s=facts.duration_s,
        frame_rate=facts.frame_rate,
        frame_count=facts.frame_count,
        size_bytes=facts.size_bytes,
        has_audio=facts.has_audio,
    )


def _video(job: Job) -> str:
    return video_stem(job.attempt)


def _silent(job: Job) -> str:
    return f"silent-{job.attempt}"


def _usage(job: Job, video: Video) -> Usage:
    """In the callers' terms: the length as it is, the rest as its engine says."""
    said = {} if job.result is None else job.result.usage
    return Usage(
        duration_s=video.whole_s,
        video_count=int(said.get("video_count", 1)),
        tier_height=int(said.get("SR", tier_height(job.request))),
    )
