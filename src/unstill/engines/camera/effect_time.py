"""How much of what was asked for is there: it comes after the first frame, which is the photo's."""

from __future__ import annotations

import math

from unstill.engines.camera.path import smootherstep


class EffectTime:
    """When an effect comes, and in a loop also goes, so that the last frame meets the first."""

    def __init__(self, duration_s: float, *, is_loop: bool) -> None:
        self.duration_s = duration_s
        self.is_loop = is_loop

    def at(self, time_s: float, comes_s: float) -> float:
        """0 to 1, for what takes so long to come."""
        return smootherstep(self.since(time_s) / comes_s)

    def since(self, time_s: float) -> float:
        """Seconds since the first frame; in a loop, to the last one if that is nearer."""
        return min(time_s, self.duration_s - time_s) if self.is_loop else time_s

    def gone(self, time_s: float, comes_s: float) -> float:
        """Seconds of way that something has made; in a loop it comes back the way it went."""
        if not self.is_loop:
            begun = min(1.0, time_s / comes_s)
            return time_s - comes_s * begun * (1 - begun / 2)
        turns = math.tau / self.duration_s
        return (1 - math.cos(turns * time_s)) / turns
