"""Frames of a photo in two layers: the background, and the subject laid over it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from unstill.domain.request import Size
from unstill.engines.camera.cutout import cut_out
from unstill.engines.camera.layers import Split
from unstill.engines.camera.path import CameraState
from unstill.engines.camera.warp import (
    CELL_PX,
    STRIP_CELLS,
    Patch,
    PixelFetcher,
    SourceGrid,
    Strips,
    sample,
)
from unstill.media.yuv import Floats, Plane, YuvPicture

LEAST_HIDDEN = 0.2  # a share of a frame's width: it is not worth it to leave out less
SURELY = 0.99  # a share of a cell
HALF = np.float32(0.5)

Looks = tuple[Floats, Floats]


class TwoLayers:
    """Both layers' pixels on their way into frames, strip by strip.

    Nothing is fetched of the background where the subject hides it, and nothing is blended but at
    the subject's rim.
    """

    def __init__(self, split: Split) -> None:
        photo = self._photo = split.photo
        self._cutout, self._lens = cut_out(photo, split.rim), split.lens
        self._fetcher = PixelFetcher(photo)
        size = photo.size
        self._luma = Strips(size, CELL_PX)
        half = Size(width=size.width // 2, height=size.height // 2)
        self._chroma = Strips(half, CELL_PX // 2)
        self._spare = np.empty((2, STRIP_CELLS * CELL_PX, size.width), np.uint8)

    def show(self, state: CameraState, into: YuvPicture) -> None:
        cutout = self._cutout
        front = self._lens.front.grid(state)
        back_px = self._fetcher.source_px(self._lens.back.grid(state))
        x, y = self._fetcher.source_px(front)
        front_px = x - np.float32(cutout.window.left), y - np.float32(cutout.window.top)
        chroma = [
            (cutout.back.u, cutout.front.u, into.u),
            (cutout.back.v, cutout.front.v, into.v),
        ]
        back_half, front_half = (
            ((x - HALF) * HALF, (y - HALF) * HALF) for x, y in (back_px, front_px)
        )
        for strip in self._strips(front):
            luma = [(cutout.back.y, cutout.front.y, into.y)]
            self._fill(self._luma, strip, (back_px, front_px), cutout.veil, luma)
            looks = back_half, front_half
            self._fill(self._chroma, strip.halved, looks, cutout.half_veil, chroma)

    def _strips(self, front: SourceGrid) -> list[Strip]:
        """front: where a frame's cells look in the subject's layer."""
        look = SourceGrid(x=front.x[1:-1, 1:-1], y=front.y[1:-1, 1:-1])
        seen = sample(self._cutout.kinds, look, self._photo.half_photo)
        size = self._photo.size
        strips = []
        for first in range(0, len(seen), STRIP_CELLS):
            cells = seen[first : first + STRIP_CELLS]
            shown = np.flatnonzero((cells[..., 0] < SURELY).any(axis=0))
            span = (int(shown[0]), int(shown[-1]) + 1) if shown.size else (0, 0)
            whole = longest_run(np.all(cells[..., 1] > SURELY, axis=0))
            if whole[1] - whole[0] < LEAST_HIDDEN * seen.shape[1]:
                whole = span[1], span[1]
            ends = (min(at * CELL_PX, size.width) for at in (*span, *whole))
            begin, end, hides, shows = ends
            strips.append(
                Strip(
                    top=first * CELL_PX,
                    bottom=min((first + STRIP_CELLS) * CELL_PX, size.height),
                    ends=(begin, hides, shows, end, size.width),
                )
            )
        return strips

    def _fill(
        self,
        maps: Strips,
        strip: Strip,
        looks: tuple[Looks, Looks],
        veil: Plane,
        planes: list[tuple[Plane, Plane, Plane]],
    ) -> None:
        """Fill a strip; looks: both layers'; planes: of the back, the front and a frame."""
        begin, hides, shows, end, width = strip.ends
        of_back, of_front = looks
        for left, right in ((0, hides), (shows, width)) if hides < shows else ((0, width),):
            if left < right:
                part = strip.part(left, right)
                map_x, map_y = maps.maps_of(part, *of_back)
                for back, _, frame in planes:
                    fetch(back, map_x, map_y, part.of(frame))
        if begin == end:
            return
        map_x, map_y = maps.maps_of(strip.part(begin, end), *of_front)
        for left, right in ((begin, hides), (hides, shows), (shows, end)):
            if left == right:
                continue
            part = strip.part(left, right)
            look_x, look_y = (each[:, left - begin : right - begin] for each in (map_x, map_y))
            if left == hides < shows:
                for _, front, frame in planes:
                    fetch(front, look_x, look_y, part.of(frame))
                continue
            wide, high = part.size
            seen, added = self._spare[:, :high, :wide]
            fetch(veil, look_x, look_y, seen)
            for _, front, frame in planes:
                fetch(front, look_x, look_y, added)
                under = part.of(frame)
                cv2.multiply(under, seen, scale=1 / 255, dst=under)
                cv2.add(under, added, dst=under)


@dataclass(frozen=True, kw_only=True)
class Strip:
    """Some rows of a frame's plane.

    ends: the columns where the subject begins, where it begins and ends to hide all else, where it
    ends, and where the plane does.
    """

    top: int
    bottom: int
    ends: tuple[int, int, int, int, int]

    @property
    def halved(self) -> Strip:
        """The same in a plane of half the size."""
        begin, hides, shows, end, width = (at // 2 for at in self.ends)
        ends = begin, hides, shows, end, width
        return Strip(top=self.top // 2, bottom=self.bottom // 2, ends=ends)

    def part(self, left: int, right: int) -> Patch:
        return Patch(top=self.top, bottom=self.bottom, left=left, right=right)


def longest_run(marked: NDArray[np.bool_]) -> tuple[int, int]:
    """Where most marked places stand side by side; from and to 0 where none is marked."""
    ends = np.flatnonzero(np.diff(np.concatenate([[0], marked.astype(np.int8), [0]])))
    if not ends.size:
        return 0, 0
    begins, after = ends[::2], ends[1::2]
    best = int((after - begins).argmax())
    return int(begins[best]), int(after[best])


def fetch(source: Plane, map_x: Floats, map_y: Floats, into: Plane) -> None:
    cv2.remap(source, map_x, map_y, cv2.INTER_LINEAR, dst=into, borderMode=cv2.BORDER_REPLICATE)
