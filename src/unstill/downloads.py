"""Finished videos for their owners, and for whoever has a signed link to one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from unstill.backend.port import Backend
from unstill.errors import NoSuchJob, NotReady, NoVideo
from unstill.files.links import Links
from unstill.files.port import Files
from unstill.job import Job


class Downloads:
    """Where the files of finished jobs are."""

    def __init__(
        self, *, backend: Backend, files: Files, links: Links, clock_ms: Callable[[], int]
    ) -> None:
        self._backend = backend
        self._files = files
        self._links = links
        self._clock_ms = clock_ms

    def video(self, job: Job, word: Callable[[Job], str]) -> Path:
        """The finished file; `word` says an unfinished job's state in the caller's dialect.

        Raises NotReady, NoVideo.
        """
        if not job.state.is_final:
            raise NotReady(job.id, word(job))
        return self._video_path(job)

    async def linked(self, job_id: str, variant: str, expires: str, signature: str) -> Path:
        """The finished file behind a signed link; raises BadLink, NoSuchJob, NoVideo."""
        self._links.check(job_id, variant, expires, signature, self._clock_ms() // 1000)
        job = await self._backend.find(job_id)
        if job is None or job.is_hidden:
            raise NoSuchJob(job_id)
        return self._video_path(job)

    def link(self, job: Job) -> str | None:
        """Path and query of a signed link to the video, or None while there is none."""
        if job.video is None:
            return None
        return self._links.sign(job.id, "video", self._clock_ms() // 1000)

    def _video_path(self, job: Job) -> Path:
        if job.video is None:
            failure = job.failure.message if job.failure else f"it is {job.state}"
            raise NoVideo(job.id, failure)
        return self._files.path(job.id, job.video.file_name)
