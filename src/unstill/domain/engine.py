"""What every engine is, and the port of those that render on this machine.

A `Local` engine has child processes of its own, and may be asked to render the same job again. A
`Remote` one (upstreams/port.py) asks somebody else's server, which may cost money each time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

import msgspec

from unstill.domain.errors import BadField
from unstill.domain.request import Role, Size, VideoRequest

Report = Callable[[float], None]  # called with the finished fraction, 0 to 1, growing

MOST_DEATHS = 1  # a job whose local child dies is rendered once more


class Scene(msgspec.Struct, frozen=True):
    """All that a local engine needs to render one job.

    `frames` are the callers' pictures, already checked, in their original format; `size` is the
    exact output size; the result is an mp4 of `request.frame_count` frames at
    `request.frame_rate`, or as long at the engine's own rate, written to `out` (complete only when
    `render` has returned). `deaths` counts the children that have died of the job so far: what
    killed them may be what it needs.
    """

    job_id: str
    request: VideoRequest
    size: Size
    frames: Mapping[Role, Path]
    out: Path
    deaths: int = 0


class Made(msgspec.Struct, frozen=True):
    """What a local engine says of a video that it has rendered.

    usage: figures as upstreams bill them, where they differ from what was asked for:
        `video_count`, and as `SR` the tier's height. Callers are told those that their model's card
        counts.
    made_by: what made it, in words for whoever asks for the job once it is there; empty: the
        engine's `label` says enough.
    unheard: the pieces of the prompt that had no effect, where the engine knows.
    """

    usage: Mapping[str, int | float] = {}
    made_by: str = ""
    unheard: tuple[str, ...] = ()


class Engine(Protocol):
    """What every engine says of itself before it is asked for anything."""

    name: str  # the operator's name for it, `[engines.NAME]`
    is_generative: bool
    description: str  # what it is, for those who choose and those who get its videos

    @property
    def kind(self) -> str: ...

    @property
    def label(self) -> str:
        """What it calls itself in the answers about its jobs: its name, and what else it is."""

    def misfit(self, request: VideoRequest) -> BadField | None:
        """What this engine cannot do of the request, or None; pure, asked before the answer."""

    async def close(self) -> None:
        """End what it has open."""


@runtime_checkable
class Changing(Protocol):
    """An engine whose `misfit` changes while it runs."""

    edition: int  # another number after each change


def region_misfit(request: VideoRequest, *, name: str) -> BadField | None:
    """A region asked of an engine that moves what its model will; `name` is what that is called."""
    if not request.regions:
        return None
    return BadField("region", f"absent: {name} cannot be told where to move", found="regions")


class Children(Protocol):
    """Child processes of one program, as they are counted."""

    program: str
    started: int
    died: int  # without a last word, or ended for their silence or nonsense

    @property
    def alive(self) -> int:
        """How many there are now."""


class Local(Engine, Protocol):
    """An engine of this machine: children of its own, free to repeat."""

    slots: int  # renders at once

    @property
    def children(self) -> Sequence[Children]: ...

    async def startup(self) -> None:
        """Begin what is better done before the first job; returns at once."""

    async def render(self, scene: Scene, report: Report) -> Made:
        """Render; cancelling the task ends the work within two seconds, if need be by the child's.

        Raises EngineDied if the child ended without a last word, StorageFull or StorageFailed if
        it could not write; any other UnstillError fails the job.
        """
