"""A step that is under way for a job, wherever its lane is kept."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

from unstill.domain.job import Job, State
from unstill.domain.log_fields import job_fields
from unstill.domain.owner import Owner
from unstill.store.ports.queue import PutOff


class StepUnderWay:
    """One step under way: its task, and its job as the store has last told of it."""

    def __init__(self, job_id: str, lane: str, owner: Owner) -> None:
        self.job_id = job_id
        self.lane = lane
        self.owner = owner
        self.job: Job | None = None  # until its row is read
        self.task: asyncio.Task[None] | None = None
        self._is_doing = False

    def told(self, job: Job) -> None:
        """Follow the job. A cancel ends what is done for it, at most once."""
        was_called_off, self.job = self._is_called_off, job
        if self._is_doing and self._is_called_off and not was_called_off and self.task is not None:
            self.task.cancel()

    async def do(self, work: Awaitable[PutOff | None]) -> PutOff | None:
        """Wait for it until it ends or its job is cancelled; any other cancel is raised."""
        self._is_doing = True
        try:
            return await work
        except asyncio.CancelledError:
            if not self._is_called_off or self.task is None:
                raise
            self.task.uncancel()
            return None
        finally:
            self._is_doing = False

    def about(self, owner: Owner) -> dict[str, str]:
        """Whose job it is, for the log, also where its row could not be read."""
        if self.job is None:
            return {"job_id": self.job_id, "owner": owner}
        return job_fields(self.job)

    @property
    def _is_called_off(self) -> bool:
        return self.job is not None and self.job.state is State.CANCELLED
