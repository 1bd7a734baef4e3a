"""An engine of this machine that renders as a test tells it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from support.scripted_media import VIDEO
from unstill.domain.engine import Made, Report, Scene
from unstill.domain.errors import BadField, EngineDied
from unstill.domain.request import VideoRequest

Act = Callable[[Scene, Report], Awaitable[None]]


async def render_well(scene: Scene, report: Report) -> None:
    report(0.5)
    scene.out.write_bytes(VIDEO)
    report(1.0)


async def render_for_ever(scene: Scene, report: Report) -> None:
    report(0.5)
    scene.out.write_bytes(b"half a vid")
    await asyncio.Event().wait()


async def die(scene: Scene, report: Report) -> None:
    report(0.9)
    scene.out.write_bytes(b"half a vid")
    raise EngineDied("camera", "Traceback\n  File /srv/app/x.py\nOSError: out of memory")


class Engine:
    """A `Local` that does the next of `acts` at each render, and renders well after the last."""

    kind = "camera"
    is_generative = False
    description = "does as it is told"

    def __init__(self, name: str = "camera", slots: int = 1) -> None:
        self.name = self.label = name
        self.slots = slots
        self.acts: list[Act] = []
        self.scenes: list[Scene] = []
        self.under_way = 0
        self.usage: dict[str, int | float] = {}  # that it tells of each render
        self.made_by = ""  # likewise
        self.unheard: tuple[str, ...] = ()  # likewise
        self.refusal: BadField | None = None

    @property
    def children(self) -> tuple[()]:
        return ()

    def misfit(self, request: VideoRequest) -> BadField | None:
        del request
        return self.refusal

    async def startup(self) -> None:
        """It has no children."""

    async def render(self, scene: Scene, report: Report) -> Made:
        self.scenes.append(scene)
        act = self.acts.pop(0) if self.acts else render_well
        self.under_way += 1
        try:
            await act(scene, report)
        finally:
            self.under_way -= 1
        return Made(usage=self.usage, made_by=self.made_by, unheard=self.unheard)

    async def close(self) -> None:
        """It has no children."""
