"""The port of the lanes, which give jobs to their steps, and those who are told of each commit."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple, Protocol

import msgspec

from unstill.domain.job import Job
from unstill.domain.limits import Party
from unstill.domain.owner import Owner
from unstill.domain.owner_turns import WeightOf


class PutOff(msgspec.Struct, frozen=True):
    """A step's word that its job waits where it is until then; nothing is stored of that."""

    until_ms: int


# Does the one step that a job asks for; the job is given as its row is when the step begins. None:
# the row says where the job waits next, and one that was not moved waits for a pause that doubles.
# It is cancelled when its job is, and when the store comes to rest.
Step = Callable[[Job], Awaitable[PutOff | None]]
Listener = Callable[[Job], None]  # told on the event loop, after the commit


class Turnstile(Protocol):
    """Says whose jobs may be begun, of those that may have so many begun at once."""

    def may_begin(self, owner: Owner) -> bool:
        """Whether one more may; where none may, `Queue.look_again` follows when that changes."""

    def holder_of(self, job_id: str) -> Party | None:
        """Whose limit holds a job that its owner might begin; None where it may be begun.

        `Queue.look_again` follows when that changes.
        """

    def room_of(self, holder: Party) -> int:
        """How many more of its jobs may be begun."""

    def begin(self, owner: Owner, job_id: str) -> None:
        """A step that may begin the job is under way."""

    def end(self, owner: Owner, job_id: str) -> None:
        """That step has ended, whatever it came to."""


class Lane(msgspec.Struct, frozen=True):
    """Jobs whose `Job.lane` is `name` are given to `step`, at most `slots` at once.

    The owners of those that are due take turns, by weight; of an owner's jobs the oldest is first.
    """

    name: str
    slots: int
    step: Step
    # An owner has no more steps under way than slots are free, so that whoever comes finds one: for
    # steps that wait for a stranger's server. One owner alone has half of the slots.
    keeps_room: bool = False
    # An owner's job that has been due for longest is first: for steps that mostly fail, and would
    # else be the oldest jobs' alone.
    is_in_turn: bool = False
    # Its steps begin jobs: only those of owners that may have one more begun.
    begins_jobs: bool = False
    # Done at the end of each step, however it ended, with the job as it is then.
    ended: Callable[[Job], Awaitable[None]] | None = None
    # An owner has no more steps under way in a lane that keeps room than so many; 0: as it is.
    most_of_one: int = 0
    # What its slots are for, where they are one limit for all servers: lanes that name the same
    # share them. Empty: they are this machine's own.
    shared_by: str = ""


class LaneUse(NamedTuple):
    """How much of a lane is taken now."""

    name: str
    busy: int  # steps under way
    slots: int


class LaneStep(NamedTuple):
    """One step under way."""

    lane: str
    owner: Owner
    is_in_lane: bool  # its job's row still says so


class Queue(Protocol):
    def in_use(self) -> Sequence[LaneUse]:
        """The lanes that are served."""

    def steps(self) -> Sequence[LaneStep]:
        """All that are under way."""

    def weigh(self, weight_of: WeightOf) -> None:
        """Let owners' turns weigh so; before, all weigh the same."""

    def hold_by(self, turnstile: Turnstile) -> None:
        """Let it say whose jobs may be begun; before, all may."""

    def look_again(self) -> None:
        """Somebody may have more jobs begun than before."""

    async def know(self, lanes: Sequence[Lane]) -> None:
        """These lanes are served, here or elsewhere: jobs may be put on them.

        Raises OperatorError where another server that is up has other slots for what lanes share.
        """

    def serve(self, lanes: Sequence[Lane]) -> None:
        """Begin to give due jobs to their lanes, what was left unfinished included."""

    async def rest(self, timeout_s: float) -> None:
        """Start no more steps, wait for those under way, cancel them after `timeout_s`."""
