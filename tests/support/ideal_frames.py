"""What a frame of the camera would be if it were fetched from the photo itself, at its best."""

from __future__ import annotations

import cv2
import numpy as np

from support.stills import Rgb
from unstill.domain.request import Size
from unstill.engines.camera.picture import Photo
from unstill.engines.camera.warp import CELL_PX, SourceGrid
from unstill.media.yuv import Floats, Plane, planes_of

SAMPLES = 4  # a pixel is the mean of so many samples in x and in y
RIM_PX = 24  # a morph's and an edge's mirrored pixels are no detail


def whole_size(rgb: Rgb, *, area_px: int) -> Size:
    """A frame of about this area that shows the whole picture, so that nothing is cut off."""
    height, width = rgb.shape[:2]
    scale = (area_px / (width * height)) ** 0.5
    return Size(round(width * scale / 2) * 2, round(height * scale / 2) * 2)


def ideal_luma(rgb: Rgb, photo: Photo, grid: SourceGrid) -> Floats:
    """The luma of a frame: each pixel the mean of Lanczos samples, float32 (h, w).

    rgb: what `photo` was made of, in the shape of its frame.
    """
    rows, columns = rgb.shape[0] // 2 * 2, rgb.shape[1] // 2 * 2
    luma = planes_of(np.ascontiguousarray(rgb[:rows, :columns])).y.astype(np.float32)
    x, y = (looked(cells, photo.size) for cells in (grid.x, grid.y))
    x_down, x_across = np.gradient(x)
    y_down, y_across = np.gradient(y)
    offsets = (np.arange(SAMPLES) + 0.5) / SAMPLES - 0.5
    half_x, half_y = photo.half_photo
    frame = np.zeros(x.shape, np.float32)
    for down in offsets:
        for across in offsets:
            at_x = x + x_across * across + x_down * down
            at_y = y + y_across * across + y_down * down
            map_x = ((at_x / half_x + 1) * rgb.shape[1] / 2 - 0.5).astype(np.float32)
            map_y = ((at_y / half_y + 1) * rgb.shape[0] / 2 - 0.5).astype(np.float32)
            frame += cv2.remap(
                luma, map_x, map_y, cv2.INTER_LANCZOS4, borderMode=cv2.BORDER_REFLECT_101
            )
    return frame / np.float32(SAMPLES**2)


def looked(cells: Floats, size: Size) -> Floats:
    """One coordinate of a grid, for each pixel of the frame."""
    whole = (cells.shape[1] * CELL_PX, cells.shape[0] * CELL_PX)
    grown = cv2.resize(cells, whole, interpolation=cv2.INTER_LINEAR)
    return grown[CELL_PX : CELL_PX + size.height, CELL_PX : CELL_PX + size.width].astype(np.float32)


def detail(luma: Plane | Floats) -> float:
    """How much a frame's pixels differ from their neighbours, in luma steps."""
    edges = np.abs(cv2.Laplacian(luma.astype(np.float32), cv2.CV_32F))
    return float(edges[RIM_PX:-RIM_PX, RIM_PX:-RIM_PX].mean())
