"""A job's files where programs of this machine can use them, while one step needs them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from unstill.domain.engine import Scene
from unstill.domain.errors import OwnError
from unstill.domain.job import Job
from unstill.domain.request import Role
from unstill.files.port import PART, Files


def video_stem(attempt: int) -> str:
    return f"video-{attempt}"


def video_part(attempt: int) -> str:
    return video_stem(attempt) + PART


@asynccontextmanager
async def frames_of(files: Files, job: Job) -> AsyncIterator[dict[Role, Path]]:
    """The job's pictures, to be read."""
    async with AsyncExitStack() as held:
        yield {
            frame.role: await held.enter_async_context(files.local(job.id, frame.file_name))
            for frame in job.request.frames
        }


@asynccontextmanager
async def scene_of(files: Files, job: Job) -> AsyncIterator[Scene]:
    """What a local engine needs; its video is to be synced before the context ends."""
    if job.size is None:
        raise OwnError("a job without a size was given to an engine")
    async with (
        frames_of(files, job) as frames,
        files.scratch(job.id, video_part(job.attempt)) as out,
    ):
        yield Scene(
            job_id=job.id,
            request=job.request,
            size=job.size,
            frames=frames,
            out=out,
            deaths=job.deaths,
        )
