"""A job's request with its pictures in the form that an engine's upstream takes them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Protocol

import msgspec

from unstill.domain.errors import OwnError, UnstillError
from unstill.domain.job import Job
from unstill.domain.owner import Owner
from unstill.domain.request import Role, Size
from unstill.files.port import Files
from unstill.media.tasks import FrameFit
from unstill.models.card import Card
from unstill.steps.job_files import frames_of
from unstill.upstreams.port import FrameForm, Remote, UpstreamRequest

# With the frames as the engine takes them.
PrepareFrames = Callable[[Remote, Job], AbstractAsyncContextManager[UpstreamRequest]]


class FitsFrames(Protocol):
    """What preparing frames asks of the media children."""

    async def fit_frame(self, fit: FrameFit, *, owner: Owner) -> bool: ...


class FramePreparer:
    """Prepares a job's frames for an upstream; free, and may be done again."""

    def __init__(self, *, files: Files, media: FitsFrames, cards: Mapping[str, Card]) -> None:
        self._files = files
        self._cards = cards
        self._media = media

    @asynccontextmanager
    async def prepare_frames(self, remote: Remote, job: Job) -> AsyncIterator[UpstreamRequest]:
        """The job's request to one engine; pictures of another form are made anew beside them."""
        if job.size is None:
            raise OwnError("a job without a size was given to an engine")
        async with AsyncExitStack() as held:
            yield await self._prepared(remote, job, job.size, held)

    async def _prepared(
        self, remote: Remote, job: Job, size: Size, held: AsyncExitStack
    ) -> UpstreamRequest:
        try:
            frames = await held.enter_async_context(frames_of(self._files, job))
            given = UpstreamRequest(job.id, job.request, size, frames)
            form = remote.frame_form(given)
            fitted = {
                role: await self._fitted(job, role, path, form, held)
                for role, path in frames.items()
            }
        except (UnstillError, OSError) as error:
            await self._check_kept(job, error)
            raise
        return msgspec.structs.replace(given, frames=fitted)

    async def _check_kept(self, job: Job, trouble: Exception) -> None:
        """Raises OwnError where the job has lost a picture: to try again would change nothing.

        One that goes on from another job's call never had them (domain/continuation.py), and its
        upstream may lose it.
        """
        for frame in job.request.frames:
            if await self._files.find(job.id, frame.file_name) is None:
                raise OwnError("its pictures are not kept: it cannot be sent again") from trouble

    async def _fitted(
        self, job: Job, role: Role, path: Path, form: FrameForm, held: AsyncExitStack
    ) -> Path:
        # The next attempt may ask another engine, which takes another form.
        name = f"{role}-frame-{job.attempt + 1}.fit"
        out = await held.enter_async_context(self._files.scratch(job.id, name))
        rule = self._cards[job.request.model].frame_rule
        fit = FrameFit(
            path=str(path),
            out=str(out),
            formats=form.formats,
            most_bytes=form.most_bytes,
            width=None if form.size is None else form.size.width,
            height=None if form.size is None else form.size.height,
            most_side_px=min(rule.most_side_px, form.most_side_px or rule.most_side_px),
            takes_alpha=form.takes_alpha,
            least_side_px=form.least_side_px,
            most_ratio=form.most_ratio,
        )
        is_made = await self._media.fit_frame(fit, owner=job.owner)
        return out if is_made else path
