"""Owners take turns in the lines of all servers, by tags that say how far along each entry is.

An owner's next entry is one turn further than its last one, divided by its weight, or as far as
the line is by now, whichever is more: start-time fair queueing. Nothing is asked of the database:
each server reckons for itself, and follows what it hears of the entries that others put and take.
A tag by an old count is a few turns off, and nobody's turns are lost by it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

from unstill.domain.owner import Owner
from unstill.domain.owner_turns import WeightOf, equal_weight

TURN = 840  # for the weight 1; weights up to 8 divide it
MOST_PRIORITY = 2**31 - 1  # a priority has 32 bits, and the highest is first
LOWERED_FROM = 3 * 2**30  # where a line has come so far, its tags are written smaller
_KNOWN = 10_000  # owners of all lines, before those that say nothing are dropped


class TaggedPlace(NamedTuple):
    """Where a job waits."""

    line: str
    owner: Owner
    tag: int


class Tags:
    def __init__(self) -> None:
        self.weight_of: WeightOf = equal_weight
        self._reached: dict[str, int] = {}  # by line: the furthest that was taken
        self._next: dict[tuple[str, Owner], int] = {}
        self._lowered: dict[str, int] = {}  # by line: tags are written so much smaller
        self._places: dict[str, TaggedPlace] = {}  # the jobs that wait, as is known here
        self._waiting: dict[str, Counter[Owner]] = {}

    # --- tags ----------------------------------------------------------------------------------

    def reserve(self, line: str, owner: Owner) -> int:
        """The tag of the owner's next entry in the line."""
        key = (line, owner)
        tag = max(self._reached.get(line, 0), self._next.get(key, 0))
        self._next[key] = tag + self._turn(owner)
        if len(self._next) > _KNOWN:
            self._drop_spent()
        return tag

    def give_back(self, line: str, owner: Owner, tag: int) -> None:
        """No entry came of it."""
        if self._next.get((line, owner)) == tag + self._turn(owner):
            self._next[line, owner] = tag

    def priority(self, line: str, tag: int) -> int:
        """A tag as it is written."""
        priority = MOST_PRIORITY - tag + self._lowered.get(line, 0)
        return max(-MOST_PRIORITY, min(MOST_PRIORITY, priority))

    def tag_of(self, line: str, priority: int) -> int:
        """A tag that is written so."""
        return MOST_PRIORITY - priority + self._lowered.get(line, 0)

    def reached(self, line: str) -> int:
        return self._reached.get(line, 0)

    def lowered(self, line: str) -> int:
        return self._lowered.get(line, 0)

    def lower(self, line: str, by: int) -> None:
        """Tags of the line are written so much smaller than they are."""
        self._lowered[line] = by

    # --- what is heard -------------------------------------------------------------------------

    def put(self, job_id: str, line: str, owner: Owner, tag: int | None = None) -> None:
        """A job waits in the line; without a `tag`, another server has put it there."""
        known = self._places.get(job_id)
        if known is not None and known.line == line:
            return
        if known is not None:
            self.leave(job_id, has_begun=True)
        tag = self.reserve(line, owner) if tag is None else tag
        self._places[job_id] = TaggedPlace(line, owner, tag)
        self._waiting.setdefault(line, Counter())[owner] += 1

    def has_written(self, job_id: str, line: str, owner: Owner, tag: int) -> None:
        """The job waits by that tag, as the database says; its owner's next is behind it."""
        self.put(job_id, line, owner, tag)
        behind = tag + self._turn(owner)
        self._next[line, owner] = max(self._next.get((line, owner), 0), behind)

    def leave(self, job_id: str, *, has_begun: bool) -> str | None:
        """A job waits no more; the line that it was in. If it `has_begun`, that was a turn."""
        place = self._places.pop(job_id, None)
        if place is None:
            return None
        waiting = self._waiting[place.line]
        waiting[place.owner] -= 1
        if not waiting[place.owner]:
            del waiting[place.owner]
        if has_begun:
            self.reach(place.line, place.tag)
        return place.line

    def reach(self, line: str, tag: int) -> None:
        """An entry by that tag was taken."""
        self._reached[line] = max(tag, self._reached.get(line, 0))

    def place_of(self, job_id: str) -> TaggedPlace | None:
        return self._places.get(job_id)

    def waiting(self, line: str) -> Mapping[Owner, int]:
        """How many jobs of each owner."""
        return self._waiting.get(line, {})

    def _turn(self, owner: Owner) -> int:
        return max(1, round(TURN / self.weight_of(owner)))

    def _drop_spent(self) -> None:
        """Who is not further than its line begins there again."""
        self._next = {
            (line, owner): tag
            for (line, owner), tag in self._next.items()
            if tag > self._reached.get(line, 0)
        }
