"""What moves in the picture itself: what the prompt asks for where its region is sure, and what the
caller has marked, where it is marked.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Protocol

from unstill.domain.request import VideoRequest
from unstill.engines.camera.effect_time import EffectTime
from unstill.engines.camera.effect_words import Effect
from unstill.engines.camera.flicker import find_flicker
from unstill.engines.camera.picture import Photo
from unstill.engines.camera.prompt import Plan
from unstill.engines.camera.sky import find_clouds
from unstill.engines.camera.smoke import Smoke
from unstill.engines.camera.strands import marked_hair, marked_leaves
from unstill.engines.camera.sway import find_sway
from unstill.engines.camera.warp import SourceGrid
from unstill.engines.camera.water import find_ripples, marked_ripples
from unstill.media.yuv import Floats, YuvPicture


class Region(Protocol):
    """A part of the photo that moves by itself."""

    def draw(self, grid: SourceGrid, time_s: float, into: YuvPicture) -> None:
        """Draw it over a frame that shows the photo through the grid."""


class Finder(Protocol):
    """Finds a region of a photo; None where it has none, or it is not sure."""

    def __call__(
        self, photo: Photo, effect_time: EffectTime, *, amount: float, seed: int
    ) -> Region | None: ...


FINDERS: Final[Mapping[Effect, Finder]] = {  # in the order in which they are laid over a frame
    Effect.CLOUDS: find_clouds,
    Effect.WATER: find_ripples,
    Effect.FLICKER: find_flicker,
}


class Maker(Protocol):
    """Makes a region of what a caller has marked; `share` as in `marked.Mark`."""

    def __call__(
        self, photo: Photo, share: Floats, effect_time: EffectTime, *, amount: float, seed: int
    ) -> Region: ...


MAKERS: Final[Mapping[Effect, Maker]] = {
    Effect.WATER: marked_ripples,
    Effect.SMOKE: Smoke,
    Effect.HAIR: marked_hair,
    Effect.WIND: marked_leaves,
}

# what takes a region of one photo
LOCAL: Final = frozenset({Effect.WIND, *FINDERS, *MAKERS})


class Alive:
    """All that moves in one photo.

    drawn, undrawn: the effects that the plan has, with and without a sure region.
    """

    def __init__(self, photo: Photo, plan: Plan, request: VideoRequest) -> None:
        self._duration_s, seed = request.duration_s, request.seed
        effect_time = EffectTime(request.duration_s, is_loop=plan.is_loop)
        # drawn lines stand still
        effects = {} if Effect.SKETCH in plan.effects else plan.effects
        marks = [mark for mark in photo.marks if mark.effect in effects]
        # where a caller says where, nothing is looked for
        sought = effects.keys() - {mark.effect for mark in marks}
        wind = effects[Effect.WIND] if Effect.WIND in sought else 0
        self._sway = find_sway(photo, effect_time, amount=wind, seed=seed) if wind else None
        found = {
            effect: find(photo, effect_time, amount=effects[effect], seed=seed)
            for effect, find in FINDERS.items()
            if effect in sought
        }
        seen = [mark for mark in marks if mark.is_seen]
        self._regions = [region for region in found.values() if region is not None] + [
            MAKERS[mark.effect](
                photo, mark.share, effect_time, amount=effects[mark.effect], seed=seed + place
            )
            for place, mark in enumerate(seen)
        ]
        self.drawn = {effect for effect, region in found.items() if region is not None}
        self.drawn |= {mark.effect for mark in seen}
        if self._sway:
            self.drawn.add(Effect.WIND)
        self.undrawn = (LOCAL & plan.effects.keys()) - self.drawn

    def bent(self, grid: SourceGrid, fraction: float) -> SourceGrid:
        """Where the frame looks, with what the wind does."""
        return self._sway.bent(grid, fraction * self._duration_s) if self._sway else grid

    def draw(self, grid: SourceGrid, fraction: float, into: YuvPicture) -> None:
        for region in self._regions:
            region.draw(grid, fraction * self._duration_s, into)
