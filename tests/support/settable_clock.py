"""A machine whose clock is set, in either direction, while time goes on."""

from __future__ import annotations

from unstill.system.clock import Clock

HOUR_MS = 3600 * 1000
START_MS = 1_763_600_000_000


class Machine:
    """What it takes for the time, and the time that has passed; both are a test's to move."""

    def __init__(self) -> None:
        self.passed_ms = 0.0
        self.set_by_ms = 0.0

    def clock(self) -> Clock:
        """That of a process which starts now."""
        return Clock(self.wall_ms, lambda: round(self.passed_ms * 1_000_000))

    def wall_ms(self) -> int:
        return START_MS + round(self.passed_ms + self.set_by_ms)

    def wait(self, ms: float) -> None:
        self.passed_ms += ms

    def set(self, by_ms: float) -> None:
        self.set_by_ms += by_ms
