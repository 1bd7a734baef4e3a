"""A pace for work that may go on without end: it rests as long as it has computed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class ReadPace:
    """One thread keeps it: it has half a core at the most, and rests before its next work.

    Who asks once, or now and then, does not wait: the time between counts as rest.
    """

    def __init__(
        self,
        clock_s: Callable[[], float] = time.monotonic,
        computed_s: Callable[[], float] = time.thread_time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._clock_s = clock_s
        self._computed_s = computed_s  # by the thread, so that a busy machine makes no rest longer
        self._sleep = sleep
        self._rested_s = clock_s()  # when it may go on

    def rest(self) -> None:
        left_s = self._rested_s - self._clock_s()
        if left_s > 0:
            self._sleep(left_s)

    @contextmanager
    def work(self) -> Iterator[None]:
        begun_s = self._computed_s()
        try:
            yield
        finally:
            self._rested_s = self._clock_s() + self._computed_s() - begun_s
