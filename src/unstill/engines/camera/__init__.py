"""`camera`: a 2.5D camera move over one photo, on any CPU, steered by the prompt.

It is not a generative model, and each file says so: in the picture itself nothing moves but what a
rule can find. This module is the server's side; all that touches pixels is in the child
(`render.py` and below it).
"""

from __future__ import annotations

from pathlib import Path

from unstill.domain.engine import Made, Report, Scene
from unstill.domain.errors import BadField, BadSetting
from unstill.domain.request import VideoRequest
from unstill.engines.camera.task import Rendered, RenderTask
from unstill.media.pool import Pool
from unstill.models.sizes import too_large_for_here
from unstill.system.machine import Confinement

SILENCE_S = 60.0  # between two frames: measured, none of 1080P takes a second on one core


class Camera:
    """The camera as a `Local` engine; `slots` children render at once, one core each."""

    kind = "camera"
    is_generative = False
    description = "a 2.5D camera move over the photo, not a generative model"

    def __init__(
        self,
        name: str,
        *,
        slots: int,
        tells_prompt: bool = False,
        loop: bool = False,
        compatible: bool = False,
        depth_model: str = "",
        cores: int = 1,
        silence_s: float = SILENCE_S,
    ) -> None:
        """
        tells_prompt: in each file's metadata, for whoever gets the file.
        loop: each video's last frame meets its first.
        compatible: with players that know no B-frames; a third larger.
        depth_model: the file of a network that says what is near; empty: it is guessed.
        Raises BadSetting where there is no such file.
        cores: how many there are for all children. One that has a second core draws on it.
        """
        self.name = self.label = name
        self._tells_prompt = tells_prompt
        self._loop, self._compatible = loop, compatible
        if depth_model and not Path(depth_model).is_file():
            setting = f"engines.{name}.depth_model"
            raise BadSetting(setting, f"must be an ONNX file, and {depth_model} is no file here")
        self._depth_model = depth_model
        self._cores, self._rendering = cores, 0
        self.slots = slots
        self._silence_s = silence_s
        self._pool = Pool("unstill.engines.camera", size=slots)

    @property
    def children(self) -> tuple[Pool]:
        return (self._pool,)

    @property
    def confinement(self) -> Confinement | None:
        """What keeps its children to their tasks; None before one has started."""
        return self._pool.confinement

    def misfit(self, request: VideoRequest) -> BadField | None:
        """It makes something of every request that is not too large."""
        return too_large_for_here(request)

    async def startup(self) -> None:
        """Nothing: its children are up within tenths of a second."""

    async def render(self, scene: Scene, report: Report) -> Made:
        """Raises BadImage, EngineDied."""
        task = RenderTask(
            job_id=scene.job_id,
            request=scene.request,
            size=scene.size,
            frames={role: str(path) for role, path in scene.frames.items()},
            out=str(scene.out),
            tells_prompt=self._tells_prompt,
            loop=self._loop,
            compatible=self._compatible,
            depth_model=self._depth_model,
            is_alone=has_spare_core(others=self._rendering, cores=self._cores),
        )
        self._rendering += 1
        try:
            rendered = await self._pool.run(
                "render", task, Rendered, report=report, silence_s=self._silence_s
            )
        finally:
            self._rendering -= 1
        return Made(unheard=rendered.unheard)

    async def close(self) -> None:
        await self._pool.close()


def has_spare_core(*, others: int, cores: int) -> bool:
    """Whether each of a job and those beside it may have two cores."""
    return 2 * (others + 1) <= cores
