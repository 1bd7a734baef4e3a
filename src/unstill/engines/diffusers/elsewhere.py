"""Open weights on other machines, as a server knows them that renders none of their jobs.

It takes the jobs. What the pipeline cannot do of one is known where the folder is: there it is
asked before the render.
"""

from __future__ import annotations

from collections.abc import Sequence

from unstill.domain.engine import Children, Made, Report, Scene
from unstill.domain.errors import BadField, OwnError
from unstill.domain.request import VideoRequest
from unstill.engines.diffusers.misfits import plain_misfit


class DiffusersElsewhere:
    """A `Local` without weights, packages or devices."""

    kind = "diffusers"
    is_generative = True
    description = "an open model, on a device of another machine"
    children: Sequence[Children] = ()

    def __init__(self, name: str, *, models: Sequence[str], slots: int) -> None:
        """models: canonical ids. slots: as the settings have it."""
        self.name = name
        self.label = f"{name}; kind={self.kind}"
        self.slots = slots
        self._models = tuple(models)

    def misfit(self, request: VideoRequest) -> BadField | None:
        return plain_misfit(request, self._models)

    async def startup(self) -> None:
        """There is nothing to begin."""

    async def render(self, scene: Scene, report: Report) -> Made:
        del report
        raise OwnError(f"{scene.job_id} was given to a server that has no weights")

    async def close(self) -> None:
        """There is nothing to end."""
