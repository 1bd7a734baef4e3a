"""How an unfinished job stands: how far it is, and when to ask again."""

from __future__ import annotations

from collections.abc import Callable, Container

import msgspec

from unstill.board import Board, poll_after_ms
from unstill.job import Job, State


class Prospect(msgspec.Struct, frozen=True):
    """What is known of an unfinished job's future; None: not known."""

    queue_position: int | None = None  # 1: the next one
    expected_end_ms: int | None = None  # Unix milliseconds


class Outlook:
    """What can be told of a job besides its row."""

    def __init__(
        self, *, board: Board, upstream_engines: Container[str], clock_ms: Callable[[], int]
    ) -> None:
        """`upstream_engines`: those that ask somebody else's server."""
        self._board = board
        self._upstream_engines = upstream_engines
        self._clock_ms = clock_ms

    def progress(self, job: Job) -> float:
        """0 to 1; it never goes back."""
        return self._board.progress(job)

    def poll_after_ms(self, job: Job) -> int:
        """When it is worth while to ask again about an unfinished job."""
        return poll_after_ms(
            job,
            done=self._board.progress(job),
            is_upstream=job.engine in self._upstream_engines,
            now_ms=self._clock_ms(),
        )

    def prospect(self, job: Job) -> Prospect:
        """Of a running job that reports progress: its end, at the pace it had so far."""
        done = self._board.progress(job)
        if job.state is not State.RUNNING or job.started_ms is None or done <= 0:
            return Prospect()
        return Prospect(
            expected_end_ms=job.started_ms + int((self._clock_ms() - job.started_ms) / done)
        )
