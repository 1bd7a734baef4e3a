"""A job: its states, the one table of moves between them, and the changes that make those moves.

A `Job` is a frozen value read from its row. A `Change` is what one step does to a row, with the
states it may start from; a store applies it with a guarded write and answers the new job, or
None when somebody else had moved it first. `apply` is the same rule without a database.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Literal, TypedDict

import msgspec

from unstill.domain.attempts import Attempt, Settlement
from unstill.domain.lease import Lease
from unstill.domain.money import Bill
from unstill.domain.owner import Owner
from unstill.domain.request import Size, VideoRequest

Vocabulary = Literal["openai", "unified"]
# What a finished video is asked for as: in OpenAI's names, and one of ours.
Variant = Literal["video", "thumbnail", "spritesheet", "last_frame"]


class State(StrEnum):
    QUEUED = "queued"  # the frames are still to be fetched and checked
    READY = "ready"  # waits for a slot of its engine
    SUBMITTING = "submitting"  # a call that may cost is under way
    RUNNING = "running"  # an upstream, or a child here, renders it
    SAVING = "saving"  # the video is being checked and brought to its place
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    # Not the enum's own, which hashes the name in Python: each answer looks up its job's state in
    # several tables.
    __hash__ = str.__hash__

    @property
    def is_final(self) -> bool:
        return self in FINAL


FINAL = frozenset({State.SUCCEEDED, State.FAILED, State.CANCELLED})
UNFINISHED = frozenset(State) - FINAL

# The only way a state changes. Back are `submitting -> ready` (told "busy") and
# `running -> ready` (a local child died, or the server did).
MOVES: dict[State, frozenset[State]] = {
    State.QUEUED: frozenset({State.READY, State.FAILED, State.CANCELLED}),
    State.READY: frozenset({State.SUBMITTING, State.RUNNING, State.FAILED, State.CANCELLED}),
    State.SUBMITTING: frozenset({State.RUNNING, State.READY, State.FAILED}),
    State.RUNNING: frozenset({State.SAVING, State.READY, State.FAILED, State.CANCELLED}),
    State.SAVING: frozenset({State.SUCCEEDED, State.FAILED}),
    State.SUCCEEDED: frozenset(),
    State.FAILED: frozenset(),
    State.CANCELLED: frozenset(),
}


# Codes of a failure that came without its upstream's word, which had taken the job.
UNTOLD = frozenset({"upstream_lost", "deadline_exceeded", "engine_removed"})
IN_DOUBT = "submit_unknown"  # the code of a failure of which nobody knows whether it is billed


def states_before(to: State) -> frozenset[State]:
    return frozenset(state for state, following in MOVES.items() if to in following)


class Failure(msgspec.Struct, frozen=True, omit_defaults=True):
    """Why a job failed; `param` is the caller's own name of the field at fault."""

    code: str
    message: str
    param: str | None = None


class Video(msgspec.Struct, frozen=True, omit_defaults=True):
    """The finished file, as measured from it; the file goes before the row that says so."""

    file_name: str
    width: int
    height: int
    duration_s: float
    frame_rate: float
    frame_count: int
    size_bytes: int
    has_audio: bool
    removed_ms: int | None = None  # when its time was over

    @property
    def whole_s(self) -> int:
        """Its length as callers count it: an upstream's 81 frames at 16 a second are 5 seconds."""
        return max(1, int(self.duration_s + 0.5))


class Usage(msgspec.Struct, frozen=True):
    """What the job used, in the callers' billing terms."""

    duration_s: int  # whole seconds of video made; 0 when the job failed
    video_count: int = 1
    tier_height: int = 0  # 480, 720, 1080


class Result(msgspec.Struct, frozen=True, omit_defaults=True):
    """A finished video that is still to be saved, and what its engine says of it."""

    url: str | None = None  # None: it is fetched by the job's ticket, or was rendered here
    usage: dict[str, int | float] = {}
    made_by: str = ""  # in the engine's words, where its label does not say it all
    unheard: tuple[str, ...] = ()  # the pieces of the prompt that had no effect


class Job(msgspec.Struct, frozen=True):
    """One row. Times are Unix milliseconds."""

    id: str
    owner: Owner
    dialect: str  # that made it
    words: Vocabulary  # state words that its create call documents at /v1/videos
    model: str  # the name it was asked for by
    request: VideoRequest
    engine: str
    created_ms: int
    state: State = State.QUEUED
    attempt: int = 0  # counts starts; a video file carries it, so that a late one cannot win
    deaths: int = 0  # local children that ended without a last word
    due_ms: int = 0  # not before then; of a job that is saved, 0 until a try has failed
    size: Size | None = None  # the video has it; known once the first frame is
    started_ms: int | None = None
    ended_ms: int | None = None
    video: Video | None = None
    usage: Usage | None = None
    failure: Failure | None = None
    is_hidden: bool = False  # deleted by its owner
    ticket: str | None = None  # an upstream's id of it
    upstream_model: str | None = None
    result: Result | None = None
    deadline_ms: int = 0  # trouble with an upstream fails no job before; 0: none
    wants_cancel: bool = False  # noted while it could not be done
    webhook_url: str | None = (
        None  # where its end is told; "": where the settings say for its owner
    )
    request_id: str = ""  # its create call had it; for the log
    key_id: str = ""  # the key that made it; empty for one of the environment, and without one
    trace: str = ""  # its create call's span, as a W3C `traceparent`; empty: it is not traced

    @property
    def seconds(self) -> int:
        """How long the video is; before it is there, how long it is to be."""
        return self.request.duration_s if self.video is None else self.video.whole_s

    @property
    def unheard(self) -> tuple[str, ...]:
        """The pieces of the prompt that had no effect, as far as the engine has said."""
        return () if self.result is None else self.result.unheard

    @property
    def is_rendered_here(self) -> bool:
        """Whether a job that has been rendered was rendered here, and by no upstream."""
        return self.ticket is None

    @property
    def lane(self) -> str | None:
        """The one lane that works on the job in its state; None when none does."""
        return lane_of(self.state, self.engine, self.due_ms)


class IdempotencyMark(msgspec.Struct, frozen=True):
    """By what a create call is known when it is sent again; stored together with its job.

    Under a key the call is known for as long as the job's row stands. Without one it was made by
    an SDK that says when it tries again: a retry is the call of the newest job that was marked so
    since `since_ms`, and a first try, without `since_ms`, is never another call.
    """

    fingerprint: str  # it stands for what the caller asked for, see service/idempotency.py
    key: str | None = None
    since_ms: int | None = None


def lane_of(state: State, engine: str, due_ms: int) -> str | None:
    match state:
        case State.QUEUED:
            return "frames"
        case State.READY:
            return f"engine:{engine}"
        case State.SAVING:
            # What has failed before has slots of its own: it never stands before what has not.
            return f"again:{engine}" if due_ms else f"save:{engine}"
        case _:
            return None


class ChangedFields(TypedDict, total=False):
    """What a change may set of a job: all but what the job is known by and what moves it.

    Each has the type that it has in `Job`.
    """

    engine: str
    due_ms: int
    size: Size | None
    started_ms: int | None
    ended_ms: int | None
    video: Video | None
    usage: Usage | None
    failure: Failure | None
    is_hidden: bool
    ticket: str | None
    upstream_model: str | None
    result: Result | None
    wants_cancel: bool


class Change(msgspec.Struct, frozen=True):
    """What one step does to a job: from any of `of` to `to`, setting `sets`.

    `to` None leaves the state. `starts` counts an attempt, `dies` a death. With `is_local` it is
    only made to a job that no upstream has, with `held_by` to one that this server has under way.
    `lease` says which has it from then on. `opens` is written to the ledger together with the
    move, `closes` whether or not the job could be moved. `bill` is what an end means for the book
    of money.
    """

    of: frozenset[State]
    to: State | None
    sets: ChangedFields
    starts: bool = False
    dies: bool = False
    is_local: bool = False
    lease: Lease | None = None
    held_by: str | None = None
    opens: Attempt | None = None
    closes: Settlement | None = None
    bill: Bill | None = None

    @property
    def ends_by_owner(self) -> bool:
        """Whether it makes room: its owner deletes the job, or calls it off."""
        return bool(self.sets.get("is_hidden")) or self.to is State.CANCELLED


def made_ready(size: Size) -> Change:
    """The frames are there and can be used."""
    return Change(of=frozenset({State.QUEUED}), to=State.READY, sets={"size": size})


def started(now_ms: int, lease: Lease) -> Change:
    """A local engine begins to render."""
    return Change(
        of=frozenset({State.READY}),
        to=State.RUNNING,
        sets={"started_ms": now_ms},
        starts=True,
        lease=lease,
    )


def rendered(says: Result | None = None) -> Change:
    """The engine's file is whole, as far as the engine knows; the rest as it says, if it does."""
    sets: ChangedFields = {"due_ms": 0, "result": None if says == Result() else says}
    return Change(of=frozenset({State.RUNNING}), to=State.SAVING, sets=sets)


def put_back(due_ms: int, *, died: bool = False) -> Change:
    """A local render ended without a result: by its child's death, or by the server's end."""
    return Change(
        of=frozenset({State.RUNNING}),
        to=State.READY,
        sets={"due_ms": due_ms},
        dies=died,
        is_local=True,  # what an upstream has taken is never rendered again by mistake
    )


def succeeded(video: Video, usage: Usage, now_ms: int, *, bill: Bill | None = None) -> Change:
    sets: ChangedFields = {"video": video, "usage": usage, "ended_ms": now_ms}
    return Change(of=states_before(State.SUCCEEDED), to=State.SUCCEEDED, sets=sets, bill=bill)


def failed(
    failure: Failure, now_ms: int, *, closes: Settlement | None = None, bill: Bill | None = None
) -> Change:
    """`bill`: where its video was made, and is charged for, all the same."""
    usage = Usage(duration_s=0, video_count=0)
    sets: ChangedFields = {"failure": failure, "ended_ms": now_ms, "usage": usage}
    of = states_before(State.FAILED)
    return Change(of=of, to=State.FAILED, sets=sets, closes=closes, bill=bill)


def intended(attempt: Attempt, lease: Lease) -> Change:
    """A call that may cost is about to be made."""
    return Change(
        of=frozenset({State.READY}),
        to=State.SUBMITTING,
        sets={},
        starts=True,
        lease=lease,
        opens=attempt,
    )


def accepted(ticket: str, upstream_model: str, settlement: Settlement) -> Change:
    """The upstream has the job."""
    return Change(
        of=frozenset({State.SUBMITTING}),
        to=State.RUNNING,
        sets={
            "ticket": ticket,
            "upstream_model": upstream_model,
            "started_ms": settlement.settled_ms,
        },
        closes=settlement,
    )


def sent_back(engine: str, due_ms: int, settlement: Settlement) -> Change:
    """Surely not taken: `engine`, the same or the next one, may try from `due_ms` on."""
    return Change(
        of=frozenset({State.SUBMITTING}),
        to=State.READY,
        sets={"engine": engine, "due_ms": due_ms},
        closes=settlement,
    )


def unprepared(attempt: Attempt, engine: str, due_ms: int) -> Change:
    """Nothing could be sent, as the settled `attempt` says: `engine` may try from `due_ms` on."""
    return Change(
        of=frozenset({State.READY}),
        to=None,
        sets={"engine": engine, "due_ms": due_ms},
        starts=True,
        opens=attempt,
    )


def unsent(attempt: Attempt, failure: Failure, now_ms: int) -> Change:
    """Nothing could be sent, as the settled `attempt` says, and no other engine is left."""
    change = failed(failure, now_ms)
    of = frozenset({State.READY})
    return msgspec.structs.replace(change, of=of, starts=True, opens=attempt)


def deferred(engine: str, due_ms: int) -> Change:
    """Nothing was sent: `engine` may try from `due_ms` on."""
    return Change(of=frozenset({State.READY}), to=None, sets={"engine": engine, "due_ms": due_ms})


def arrived(result: Result) -> Change:
    """The upstream has finished; the video is to be brought home."""
    sets: ChangedFields = {"result": result, "due_ms": 0}
    return Change(of=frozenset({State.RUNNING}), to=State.SAVING, sets=sets)


def unsaved(due_ms: int) -> Change:
    """The video could not be brought home: not again before `due_ms`."""
    return Change(of=frozenset({State.SAVING}), to=None, sets={"due_ms": due_ms})


def lost(due_ms: int) -> Change:
    """An upstream that may be asked again for free has forgotten the job."""
    sets: ChangedFields = {"ticket": None, "upstream_model": None, "due_ms": due_ms}
    return Change(of=frozenset({State.RUNNING}), to=State.READY, sets=sets)


def cancel_requested(of: State, *, is_hidden: bool = True) -> Change:
    """To be cancelled when that can be, by an upstream alone; with `is_hidden`, deleted too."""
    sets: ChangedFields = {"wants_cancel": True}
    if is_hidden:
        sets["is_hidden"] = True
    return Change(of=frozenset({of}), to=None, sets=sets)


def cancelled(now_ms: int, *, is_hidden: bool) -> Change:
    """Cancelled by its owner; with `is_hidden`, deleted in the same write."""
    sets: ChangedFields = {"ended_ms": now_ms}
    if is_hidden:
        sets["is_hidden"] = True
    return Change(of=states_before(State.CANCELLED), to=State.CANCELLED, sets=sets)


def hidden(of: State) -> Change:
    """Deleted by its owner while in state `of`, which goes on: nobody finds the job any more."""
    return Change(of=frozenset({of}), to=None, sets={"is_hidden": True})


def apply(job: Job, change: Change) -> Job | None:
    """The job after `change`, or None if its state does not allow it."""
    if job.state not in change.of or (change.is_local and job.ticket is not None):
        return None
    return msgspec.structs.replace(
        job,
        state=change.to or job.state,
        attempt=job.attempt + change.starts,
        deaths=job.deaths + change.dies,
        **change.sets,
    )
