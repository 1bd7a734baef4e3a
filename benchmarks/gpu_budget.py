"""The time that a run on a device may take, in parts."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping


class TimeBudget:
    """What is left of it; what one part does not need goes to the next.

    What may take longer than its part has left is not begun, and is said in `left_out`.
    """

    def __init__(
        self, shares_s: Mapping[str, float], clock: Callable[[], float] = time.monotonic
    ) -> None:
        """shares_s: of each part, in their order."""
        self._shares_s = shares_s
        self._clock = clock
        self._began_s = clock()
        self._until_s = self._began_s
        self.left_out: list[str] = []

    @property
    def took_s(self) -> float:
        return self._clock() - self._began_s

    def begin(self, part: str) -> None:
        """From now on there is the time of this part and of those before it."""
        names = list(self._shares_s)
        shares = [self._shares_s[name] for name in names[: names.index(part) + 1]]
        self._until_s = self._began_s + sum(shares)

    def allows(self, what: str, needs_s: float) -> bool:
        left_s = self._until_s - self._clock()
        if needs_s <= left_s:
            return True
        self.leave_out(what, f"may take {needs_s:.0f} s, {max(left_s, 0):.0f} s were left")
        return False

    def leave_out(self, what: str, why: str) -> None:
        self.left_out.append(f"{what}: {why}")
