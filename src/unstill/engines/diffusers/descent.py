"""How far down the memory ladder the jobs of an engine begin, as deaths of children have taught.

Only a child sees what is free on its device, and begins at the first rung that fits by its size. It
may die of a job all the same. The job then goes on one rung further down, whatever it was: what
killed the child may be what the job needs. Where it was want of memory, which the child says before
it ends, the jobs after it begin there too. An operator's own rung is never left.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from unstill.engines.diffusers.options import Memory, Rung
from unstill.engines.diffusers.task import LOADED, OUT_OF_MEMORY

_STEPS = {0: "what fits", 1: "one step below what fits"}
MOST_FALLEN = 1000  # jobs that died once and never came back: cancelled meanwhile, say


class Descent:
    """How far one engine has come down its ladder.

    Rungs are counted from the one that fits by its size, `rungs_down` of a task.
    rungs: those of the profile, top first.
    """

    def __init__(self, *, memory: Memory, rungs: Sequence[Rung]) -> None:
        self._is_fixed = memory != "auto"
        self._rungs = tuple(rungs)
        self._seen: dict[Rung, int] = {}  # how far down each is, as children have noted
        self._fallen: dict[str, list[int]] = {}  # by job, how far down each of its children died
        self.learnt = 0  # what every task begins with

    def begins_at(self, job_id: str, deaths: int) -> int:
        """How far down a job begins; `deaths` may be of an earlier run of the server."""
        if self._is_fixed:
            return 0
        fallen = self._fallen.get(job_id)
        own = deaths if fallen is None else max(fallen) + 1
        return self._on_ladder(max(self.learnt, own))

    def noted(self, name: str, fields: Mapping[str, object]) -> None:
        """What a child says of itself: which rung it loaded for, which one was too much."""
        down, rung = fields.get("rungs_down"), fields.get("memory")
        if self._is_fixed or not isinstance(down, int):
            return
        if name == LOADED:
            self._seen |= {each: down for each in self._rungs if each == rung}
        if name == OUT_OF_MEMORY:
            self.learnt = self._on_ladder(max(self.learnt, down + 1))

    def died(self, job_id: str, down: int, *, is_last: bool) -> str:
        """What is to be said of the death of a child at a job that was so far down."""
        if self._is_fixed:
            return ""
        fallen = self._fallen.setdefault(job_id, [])
        fallen.append(down)
        if is_last:
            self.ended(job_id)
            return f"memory was tried as {', then '.join(map(self._named, fallen))}"
        while len(self._fallen) > MOST_FALLEN:
            self._fallen.pop(next(iter(self._fallen)))
        after = self.begins_at(job_id, 0)
        again = " once more" if after == down else ""
        memory = "" if self._seen else "memory "
        return f"the job goes on with {memory}{self._named(after)}{again}"

    def ended(self, job_id: str) -> None:
        """Its children are counted no more."""
        self._fallen.pop(job_id, None)

    def _on_ladder(self, down: int) -> int:
        """At its end there is one step more: a child then decodes each frame in pieces."""
        return min(down, len(self._rungs))

    def _named(self, down: int) -> str:
        """The rung, where a child has said which one that is, or its neighbour's is known."""
        for rung, known in self._seen.items():
            place = self._rungs.index(rung) + down - known
            if place >= 0:
                return self._rungs[min(place, len(self._rungs) - 1)]
        return _STEPS.get(down, f"{down} steps below what fits")
