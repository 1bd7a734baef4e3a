"""The port for engines on somebody else's server, which usually cost money.

`submit` is the only call that may cost: it is made once per attempt, by one caller, between two
committed rows. What it answers says how sure we are; `Doubt` is never followed by another submit.
An engine whose upstream can tell what became of a call, by a key that was minted for it, has
`settle` as well: it is asked before a doubt is believed. One whose upstream tells what its models
can do has `learn`; one whose upstream signs its callbacks has `is_its_word`.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

import msgspec

from unstill.domain.engine import Changing, Engine
from unstill.domain.errors import UpstreamError
from unstill.domain.request import Role, Size, VideoRequest
from unstill.media.picture_formats import Format


class Account(msgspec.Struct, frozen=True):
    """Equal host and key are one account, whatever engines use it."""

    id: str  # a hash of both: it is stored and shown, the key is not
    slots: int  # submits under way at once
    requests_per_s: float  # polls, lists and cancels share it
    interval_s: float  # advised between two polls of one ticket


class UpstreamRequest(msgspec.Struct, frozen=True):
    """A request with its checked pictures, ready to be prepared for an upstream."""

    job_id: str
    request: VideoRequest
    size: Size  # the sketch begins and is complete at these shares of the video
    frames: Mapping[Role, Path]
    key: str = ""  # a UUIDv4, of this call alone; "": for an engine that has no use for one


class FrameForm(msgspec.Struct, frozen=True):
    """What an upstream takes as a picture; one that is not so is converted before `prepare`."""

    formats: frozenset[Format]
    most_bytes: int
    size: Size | None = None  # scaled and centre-cropped to exactly this
    takes_alpha: bool = True
    least_side_px: int = 0  # a smaller picture is scaled up, one with a longer side down
    most_side_px: int | None = None
    most_ratio: float | None = None  # a longer shape is cropped around its middle to it


class Prepared(msgspec.Struct, frozen=True):
    """One submit, complete: sending it is all that is left.

    Of the same request, frames and key it is always the same.
    """

    path: str  # after the base URL; "": that itself, without a last slash
    headers: Mapping[str, str]
    body: bytes
    upstream_model: str
    key: str = ""  # by which the upstream knows the call, where it can


# --- what a submit may come to ---------------------------------------------------------------


class Accepted(msgspec.Struct, frozen=True, tag=True):
    """The upstream has it; `ticket` is its own id."""

    ticket: str


class Busy(msgspec.Struct, frozen=True, tag=True):
    """Surely not taken, and may be sent again later."""

    code: str
    message: str
    retry_after_s: float | None = None


class Refused(msgspec.Struct, frozen=True, tag=True):
    """Surely not taken; another engine may take it, this one will not."""

    code: str
    message: str
    of_account: bool = False  # by the host, the key or the bill: the next job fares alike
    unreached: bool = False  # no connection, or `not_taken`: the same engine may take it later


class Rejected(msgspec.Struct, frozen=True, tag=True):
    """The upstream does not do this request, now or later."""

    code: str
    message: str


class Doubt(msgspec.Struct, frozen=True, tag=True):
    """It may have been taken, and billed: stop."""

    code: str
    message: str


Submission = Accepted | Busy | Refused | Rejected | Doubt


def not_taken(message: str) -> Refused:
    """What `settle` answers where the upstream surely has no such call, and will not have it."""
    return Refused("not_taken", message, unreached=True)


# --- why a finished video could not be fetched ------------------------------------------------
#
# Beside `Trouble` of client.py, which says nothing of the video: it is waited out.


class NotThere(UpstreamError):
    """The upstream says that it is done, and gives no video: not yet, or never.

    Tried again for minutes, since links appear late; then the job ends with this.
    """


class TooLarge(UpstreamError):
    """The video is larger than any that is kept, or has no end: tried once more, never for long."""

    code = "video_too_large"


class PrepareRefused(UpstreamError):
    """What has to be done before a submit is refused, and will be the next time too."""

    def __init__(self, refusal: Refused) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal


# --- what becomes of a ticket ----------------------------------------------------------------


class Ticket(msgspec.Struct, frozen=True):
    """A job at the upstream, as its row keeps it."""

    job_id: str
    id: str  # the upstream's own
    upstream_model: str
    submitted_ms: int


class Waiting(msgspec.Struct, frozen=True, tag=True):
    """The upstream has not begun."""


class Running(msgspec.Struct, frozen=True, tag=True):
    progress: float | None = None  # 0 to 1, where the upstream says so


class Done(msgspec.Struct, frozen=True, tag=True):
    """The video is there to be fetched. `usage` is the upstream's own, numbers only."""

    url: str | None = None  # as the upstream names it; None: by the ticket's id, or not yet named
    usage: dict[str, int | float] = {}


class Failed(msgspec.Struct, frozen=True, tag=True):
    """`usage`: what the upstream says to have used all the same, numbers only."""

    code: str
    message: str
    usage: dict[str, int | float] = {}


class Gone(msgspec.Struct, frozen=True, tag=True):
    """The upstream surely knows the ticket no more."""

    message: str


class Unclear(msgspec.Struct, frozen=True, tag=True):
    """It did not say, or nothing that is understood: asked again, and told to who waits."""

    code: str
    message: str
    fault: Exception | None = None  # it is ours, for the log alone


Verdict = Waiting | Running | Done | Failed | Gone | Unclear

# --- what a cancel may come to ---------------------------------------------------------------


class Cancelled(msgspec.Struct, frozen=True, tag=True):
    """The upstream has stopped it."""


class TooLate(msgspec.Struct, frozen=True, tag=True):
    """It runs on, and is paid for."""


class Unsupported(msgspec.Struct, frozen=True, tag=True):
    """This upstream cannot cancel."""


Cancellation = Cancelled | TooLate | Unsupported


# --- what it says to the key -----------------------------------------------------------------


class Standing(msgspec.Struct, frozen=True):
    """Whether the key is let in; None where the upstream does not say."""

    is_let_in: bool | None
    words: str


class Remote(Engine, Protocol):
    """An engine of somebody else's: what is pure thinks, the rest asks it."""

    account: Account
    is_free_to_repeat: bool  # declared by the operator: a lost job may be sent again

    def upstream_model(self, request: VideoRequest) -> str:
        """The name of the upstream's model for it, as it would be prepared; pure, never raises."""

    def frame_form(self, upstream_request: UpstreamRequest) -> FrameForm:
        """What the pictures must be before `prepare`; pure."""

    async def prepare(self, upstream_request: UpstreamRequest) -> Prepared:
        """Uploads and mapping: free, and may be repeated.

        Raises PrepareRefused if this engine will not take it: as good as a `Refused` submit. Any
        other UpstreamError if nothing can be sent now: the next engine is tried, or this later.
        """

    async def submit(self, prepared: Prepared) -> Submission:
        """Exactly one call that may cost."""

    def poll(self, tickets: Sequence[Ticket]) -> AsyncGenerator[tuple[Ticket, Verdict]]:
        """What has become of the tickets, as far as it can be learnt in one round.

        A ticket that is not answered is asked for again; one whose own answer says nothing is
        `Unclear`. Keeps the account's rate, and what the upstream asks for by Retry-After. Raises
        UpstreamError where all tickets of the account would hear the same.
        """

    async def fetch(self, ticket: Ticket, done: Done, out: Path) -> None:
        """Write the finished video to `out`; a dead link is refreshed once.

        Raises Trouble, NotThere or TooLarge, whose messages name no host; any other UpstreamError
        ends the job.
        """

    async def cancel(self, ticket: Ticket) -> Cancellation:
        """Ask the upstream to stop. Raises UpstreamError if it does not say."""

    async def standing(self) -> Standing:
        """Ask what it says to the key, by a call that costs nothing. Raises UpstreamError."""

    async def close(self) -> None:
        """End the connections."""


@runtime_checkable
class SettlingRemote(Remote, Protocol):
    """An engine whose upstream can tell whether it has taken a call, by the call's key."""

    async def settle(self, prepared: Prepared, *, age_s: float) -> Submission:
        """What became of a call that was made with `prepared`, whose reply is not known.

        By a question that is free, or by sending the same again where the upstream promises to
        take a key once. May be repeated, and asked of a call that never went out. Accepted: it was
        taken. `not_taken`, or any other refusal: surely not, and never will be; it is followed by
        another call, under another key. Doubt, or an UpstreamError: it did not say; asked again.

        age_s: since the call began; across a crash by the wall clock.
        """


@runtime_checkable
class CallbackRemote(Remote, Protocol):
    """An engine whose upstream calls back when a job has news, and signs that."""

    is_called_back: bool  # its operator wants it so: each submit says where

    async def is_its_word(self, headers: Mapping[str, str], body: bytes, now_ms: int) -> bool:
        """Whether the upstream has signed these bytes, within its own window of `now_ms`.

        By the wall clock. Headers have lower-case names; what has none of them is signed by nobody.
        """


@runtime_checkable
class LearningRemote(Remote, Changing, Protocol):
    """An engine whose upstream tells what its models can do; `misfit` follows it."""

    async def learn(self) -> None:
        """Ask it, by a call that costs nothing. Raises UpstreamError: what was known stands."""
