"""How an unfinished job stands: how far it is, when it will end, and when to ask again."""

from __future__ import annotations

from collections.abc import Callable, Container

import msgspec

from unstill.domain.job import Job, State
from unstill.domain.stall import Stall
from unstill.progress.board import Board
from unstill.progress.queue import WAITING, Forecast
from unstill.progress.stalls import Stalls

# OpenAI's SDK asks each second by itself (openai 3.51.0, videos.poll), and takes the first advice
# for the whole job: longer than 5 s, and a short job would be seen late.
POLL_AFTER_MS = (1000, 5000)
_POLLS_TO_THE_END = 4


class Estimate(msgspec.Struct, frozen=True):
    """What is known of an unfinished job's future; None: not known."""

    queue_position: int | None = None  # 1: the next one
    expected_end_ms: int | None = None  # Unix milliseconds


class Estimates:
    """What can be told of a job besides its row."""

    def __init__(
        self,
        *,
        board: Board,
        stalls: Stalls,
        forecast: Forecast,
        upstream_engines: Container[str],
        clock_ms: Callable[[], int],
    ) -> None:
        """`upstream_engines`: those that ask somebody else's server."""
        self._board = board
        self._stalls = stalls
        self._forecast = forecast
        self._upstream_engines = upstream_engines
        self._clock_ms = clock_ms

    def progress(self, job: Job) -> float:
        """0 to 1; it never goes back."""
        return self._board.progress(job)

    def stall(self, job: Job) -> Stall | None:
        """What it waits for, if it waits for more than its turn."""
        return None if job.state.is_final else self._stalls.of(job)

    def poll_after_ms(self, job: Job, estimate: Estimate) -> int:
        """When to ask again about an unfinished job: after a quarter of the time that is left.

        Where nothing tells how long that is, a job here is taken for a matter of seconds and one
        at an upstream for one of minutes.
        """
        least, most = POLL_AFTER_MS
        if job.state is State.SAVING:
            return least
        if estimate.expected_end_ms is None:
            return most if job.engine in self._upstream_engines else least
        left_ms = estimate.expected_end_ms - self._clock_ms()
        return max(least, min(left_ms // _POLLS_TO_THE_END, most))

    def estimate(self, job: Job) -> Estimate:
        """Where the job stands in its engine's queue, and when it will end."""
        now_ms = self._clock_ms()
        if job.state in WAITING:
            ahead, left_ms = self._forecast.place(job, now_ms)
            return Estimate(ahead + 1, None if left_ms is None else now_ms + left_ms)
        if job.state.is_final:
            return Estimate()
        left_ms = self._forecast.left_ms(job, done=self._board.progress(job), now_ms=now_ms)
        return Estimate(None, None if left_ms is None else now_ms + left_ms)
