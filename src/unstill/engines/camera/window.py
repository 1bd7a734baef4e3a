"""The part of a frame that shows a marked region, so that no more than it is drawn."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from unstill.domain.request import Size
from unstill.engines.camera.marked import plane_of
from unstill.engines.camera.picture import Photo
from unstill.engines.camera.sketch import lay_over
from unstill.engines.camera.sky import halved
from unstill.engines.camera.warp import CELL_PX, PixelFetcher, SourceGrid, sample
from unstill.media.yuv import Floats, Plane, YuvPicture

REACH = 11  # pixels of a share's field: cells lie farther apart than a narrow region is wide


@dataclass(frozen=True, kw_only=True)
class Window:
    """grid: where its cells look, with one more all around; rows, columns: its pixels."""

    grid: SourceGrid
    rows: slice
    columns: slice

    @property
    def size(self) -> Size:
        return Size(self.columns.stop - self.columns.start, self.rows.stop - self.rows.start)

    def of(self, frame: YuvPicture) -> YuvPicture:
        """The pixels themselves, to be drawn on."""
        half = tuple(slice(s.start // 2, s.stop // 2) for s in (self.rows, self.columns))
        return YuvPicture(y=frame.y[self.rows, self.columns], u=frame.u[half], v=frame.v[half])


class RegionWindow:
    """Finds one region in frames, and fetches and lays over its pixels alone."""

    def __init__(self, photo: Photo, share: Floats, *, opacity: float = 1.0) -> None:
        """opacity: how much more of it is laid over than moves: 4 covers where a quarter does."""
        self._photo = photo
        self._around = cv2.dilate(share, np.ones((REACH, REACH), np.uint8)).astype(np.float32)
        covered = np.asarray(np.clip(share * opacity, 0, 1), np.float32)
        self._matte = plane_of(covered, photo.planes.y)
        self._half_matte = halved(self._matte)
        self._fetchers: dict[Size, PixelFetcher] = {}

    def find(self, grid: SourceGrid) -> Window | None:
        """Where a frame that looks so shows the region; None where it does not."""
        seen = sample(self._around, grid, self._photo.half_photo)[1:-1, 1:-1] > 0
        if not seen.any():
            return None
        rows, columns = (np.nonzero(seen.any(axis=axis))[0] for axis in (1, 0))
        (top, bottom), (left, right) = ((int(at[0]), int(at[-1]) + 1) for at in (rows, columns))
        size = self._photo.size
        cells = np.s_[top : bottom + 2, left : right + 2]
        return Window(
            grid=SourceGrid(
                x=np.ascontiguousarray(grid.x[cells]), y=np.ascontiguousarray(grid.y[cells])
            ),
            rows=slice(top * CELL_PX, min(bottom * CELL_PX, size.height)),
            columns=slice(left * CELL_PX, min(right * CELL_PX, size.width)),
        )

    def fetch(self, window: Window, grid: SourceGrid) -> YuvPicture:
        """The photo's pixels from where another grid of the window looks."""
        planes, fetcher = self._photo.planes, self._fetcher(window.size)
        y, u, v = blanks(window.size)
        fetcher.fetch(grid, [(planes.y, y)])
        fetcher.fetch_chroma(grid, [(planes.u, u), (planes.v, v)])
        return YuvPicture(y=y, u=u, v=v)

    def lay(self, window: Window, moved: YuvPicture, into: YuvPicture) -> None:
        """Lay moved pixels over the frame where the region is."""
        fetcher, under = self._fetcher(window.size), window.of(into)
        matte, half_matte, _ = blanks(window.size)
        fetcher.fetch(window.grid, [(self._matte, matte)])
        fetcher.fetch_chroma(window.grid, [(self._half_matte, half_matte)])
        lay_over(under.y, moved.y, matte)
        lay_over(under.u, moved.u, half_matte)
        lay_over(under.v, moved.v, half_matte)

    def _fetcher(self, size: Size) -> PixelFetcher:
        if size not in self._fetchers:
            self._fetchers = {size: PixelFetcher(self._photo, size)}
        return self._fetchers[size]


def blanks(size: Size) -> tuple[Plane, Plane, Plane]:
    half = (size.height // 2, size.width // 2)
    whole = np.empty((size.height, size.width), np.uint8)
    return whole, np.empty(half, np.uint8), np.empty(half, np.uint8)
