"""The two ports for engines. This release has the first; the second comes with the providers.

A `Local` engine renders on this machine, in child processes of its own, and may be asked to render
the same job again. A `Remote` engine asks somebody else's server, which may cost money each time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

import msgspec

from unstill.errors import BadField
from unstill.request import Role, Size, VideoRequest

Report = Callable[[float], None]  # called with the finished fraction, 0 to 1, growing


class Scene(msgspec.Struct, frozen=True):
    """All that a local engine needs to render one job.

    `frames` are the callers' pictures, already checked, in their original format; `size` is the
    exact output size; the result is an mp4 of `request.frame_count` frames at
    `request.frame_rate`, written to `out` (complete only when `render` has returned).
    """

    job_id: str
    request: VideoRequest
    size: Size
    frames: Mapping[Role, Path]
    out: Path


class Local(Protocol):
    """An engine of this machine: children of its own, free to repeat."""

    name: str  # the operator's name for it, `[engines.NAME]`
    kind: str
    slots: int  # renders at once
    is_generative: bool
    description: str  # what it is, for those who choose and those who get its videos

    def misfit(self, request: VideoRequest) -> BadField | None:
        """What this engine cannot do of the request, or None; pure, asked before the answer."""

    async def render(self, scene: Scene, report: Report) -> None:
        """Render; cancelling the task ends the child within a second.

        Raises EngineDied if the child ended without a last word, StorageFull or StorageFailed if
        it could not write; any other UnstillError fails the job.
        """

    async def close(self) -> None:
        """End the children."""
