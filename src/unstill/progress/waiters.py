"""Those who wait for a change, and what wakes them."""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from typing import Self

from unstill.domain.owner import Owner

ALARM_STEP_S = 0.25


class Alarms:
    """When to wake sleepers at the latest: one timer for all that are due in the same step.

    A timer of the loop for each of thousands takes most of a kilobyte more for each.
    """

    def __init__(self) -> None:
        self._due: dict[int, set[Waiter]] = {}

    def set(self, waiter: Waiter, *, within_s: float) -> int:
        """Not before that time, and up to a step later; the step, to cancel it by."""
        loop = asyncio.get_running_loop()
        step = math.ceil((loop.time() + within_s) / ALARM_STEP_S)
        if step not in self._due:
            self._due[step] = set()
            loop.call_at(step * ALARM_STEP_S, self._ring, step)
        self._due[step].add(waiter)
        return step

    def cancel(self, waiter: Waiter, step: int) -> None:
        self._due.get(step, set()).discard(waiter)

    def _ring(self, step: int) -> None:
        for waiter in self._due.pop(step):
            waiter.wake()


class WaitCounts:
    """How many wait, by address and by owner."""

    def __init__(self) -> None:
        self.at: Counter[str] = Counter()
        self.of: Counter[Owner] = Counter()

    def add(self, waiter: Waiter, count: int) -> None:
        self.at[waiter.caller] += count
        self.of[waiter.owner] += count
        if not self.at[waiter.caller]:
            del self.at[waiter.caller]
        if not self.of[waiter.owner]:
            del self.of[waiter.owner]


class Waiter:
    """One who waits for a job to change.

    All changes while it is awake wake it once: who is slow gets the newest state and no backlog.
    """

    # Thousands wait: a generator as context manager, and a dict in each, take a kilobyte more.
    __slots__ = (
        "_alarms",
        "_counts",
        "_is_woken",
        "_job_id",
        "_sleep",
        "_waiters",
        "caller",
        "is_over",
        "key_id",
        "owner",
    )

    def __init__(
        self,
        job_id: str,
        waiters: dict[str, set[Waiter]],
        alarms: Alarms,
        counts: WaitCounts,
        *,
        caller: str,
        owner: Owner,
        key_id: str,
        is_over: bool,
    ) -> None:
        self.caller = caller
        self.owner = owner
        self._counts = counts
        self.key_id = key_id
        self.is_over = is_over  # it does not sleep any more
        self._job_id = job_id
        self._alarms = alarms
        self._waiters = waiters
        self._is_woken = False
        self._sleep: asyncio.Future[None] | None = None

    def __enter__(self) -> Self:
        self._waiters.setdefault(self._job_id, set()).add(self)
        self._counts.add(self, 1)
        return self

    def __exit__(self, *error: object) -> None:
        waiters = self._waiters[self._job_id]
        waiters.discard(self)
        if not waiters:
            del self._waiters[self._job_id]
        self._counts.add(self, -1)

    def wake(self) -> None:
        """Something may be different."""
        self._is_woken = True
        if self._sleep is not None and not self._sleep.done():
            self._sleep.set_result(None)

    def end(self) -> None:
        """Nothing that comes is worth waiting for."""
        self.is_over = True
        self.wake()

    async def woken(self, *, within_s: float) -> None:
        """Sleep until the next `wake`, or not at all if there was one since the last sleep."""
        if not self._is_woken and not self.is_over:
            step = self._alarms.set(self, within_s=within_s)
            self._sleep = asyncio.get_running_loop().create_future()
            try:
                await self._sleep
            finally:
                self._sleep = None
                self._alarms.cancel(self, step)
        self._is_woken = False
