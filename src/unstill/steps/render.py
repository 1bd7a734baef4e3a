"""A ready job's step on this machine: a child renders, and what becomes of the job by it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import structlog

from unstill.domain.backoff import RENDER
from unstill.domain.engine import MOST_DEATHS, Local
from unstill.domain.errors import EngineDied, StorageFailed, StorageFull
from unstill.domain.job import Change, Job, Result, put_back, rendered
from unstill.domain.log_fields import job_fields
from unstill.files.port import Files
from unstill.progress.board import Board
from unstill.progress.stalls import Stalls
from unstill.steps.job_files import scene_of, video_part
from unstill.system.storage_pause import Shortage
from unstill.system.tracing import open_span

log = structlog.get_logger()


class Renderer:
    """Has the engines of this machine render."""

    def __init__(
        self,
        *,
        files: Files,
        engines: Mapping[str, Local],
        stalls: Stalls,
        board: Board,
        clock_ms: Callable[[], int],
        asks_again: bool = False,
    ) -> None:
        """`asks_again`: for what an engine cannot do; else who takes jobs has asked it."""
        self._asks_again = asks_again
        self._files = files
        self.engines = engines
        self._stalls = stalls
        self._board = board
        self._clock_ms = clock_ms
        self._shortage = Shortage("engine_cannot_store", clock_ms)

    async def render(self, job: Job) -> Change:
        """What becomes of a job that has been started. Raises what the engine has against it."""
        engine = self.engines[job.engine]
        misfit = engine.misfit(job.request) if self._asks_again else None
        if misfit is not None:
            raise misfit
        try:
            async with scene_of(self._files, job) as scene:
                made = await engine.render(scene, lambda done: self._board.report(job.id, done))
                await self._files.sync(job.id, video_part(job.attempt))
        except (StorageFull, StorageFailed) as error:
            self._stalls.engine(job.engine, "submits", error.code, error.message)
            open_span().fail(error.code)
            pause_ms = self._shortage.note(error.message, about=job_fields(job))
            return put_back(self._clock_ms() + pause_ms)
        except EngineDied as death:
            if job.deaths >= MOST_DEATHS:
                raise
            open_span().fail(death.code)
            log.warning(
                "engine_died",
                **job_fields(job),
                engine=engine.name,
                why=death.message,
                last_words=death.last_words,
            )
            return put_back(self._clock_ms() + RENDER.first_ms, died=True)
        self._shortage.over()
        self._stalls.engine_moves(job.engine, "submits")
        says = Result(usage=dict(made.usage), made_by=made.made_by, unheard=made.unheard)
        return rendered(says)
