"""What is drawn between the picture and the eye: soft coloured shapes, laid over planes.

Shapes are drawn at half the frame's size with their opacity multiplied in, so that a blur of them
keeps its colour; what is close to the eye and out of focus at a quarter, where a wide blur is
cheap.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from cv2.typing import MatLike
from numpy.typing import NDArray

from unstill.domain.request import Size
from unstill.media.yuv import RGB_TO_YUV, Plane, YuvPicture

SUBPIXEL_BITS = 4  # cv2 draws at fixed-point places
PALEST = 0.5  # so a line is drawn that is thinner than a pixel
Rgb = tuple[int, int, int]
Points = NDArray[np.float64]  # (shapes, corners, 2), x and y in frame heights
Paint = NDArray[np.float64]  # (shapes, 4): y, u, v and opacity, multiplied by the opacity


@dataclass(frozen=True, kw_only=True)
class Softness:
    """How soft shapes are: sigmas in frame heights; glow: how bright their halo is, 0 to 1."""

    sharp: float
    close: float
    glow: float = 0.0


class Overlay:
    """Two sheets of glass, one in focus and one close to the eye; drawn on, then laid over."""

    def __init__(self, size: Size, softness: Softness) -> None:
        self._softness = softness
        self._size = size
        self._far = np.zeros((size.height // 2, size.width // 2, 4), np.uint8)
        self._close = np.zeros((-(-size.height // 4), -(-size.width // 4), 4), np.uint8)

    def draw_shapes(self, points: Points, paint: Paint, *, is_close: bool) -> None:
        """Filled convex shapes."""
        sheet = self._close if is_close else self._far
        corners = self._fixed(points, sheet)
        for shape, colour in zip(corners, paint.tolist(), strict=True):
            cv2.fillConvexPoly(sheet, shape, colour, cv2.LINE_AA, SUBPIXEL_BITS)

    def draw_discs(
        self, points: Points, radius: NDArray[np.float64], paint: Paint, *, is_close: bool
    ) -> None:
        """Discs around the one corner of each shape; radius in frame heights."""
        sheet = self._close if is_close else self._far
        middles = self._fixed(points, sheet)[:, 0].tolist()
        radii = np.maximum(8, np.rint(radius * len(sheet) * 2**SUBPIXEL_BITS)).astype(int).tolist()
        for middle, size, colour in zip(middles, radii, paint.tolist(), strict=True):
            cv2.circle(sheet, middle, size, colour, -1, cv2.LINE_AA, SUBPIXEL_BITS)

    def draw_streaks(
        self, points: Points, width: NDArray[np.float64], paint: Paint, *, is_close: bool
    ) -> None:
        """Lines between the two corners of each shape; width in frame heights."""
        sheet = self._close if is_close else self._far
        ends = self._fixed(points, sheet).tolist()
        wide_px = width * len(sheet)
        paint = paint * np.clip(wide_px, PALEST, 1)[:, None]
        widths = np.maximum(1, np.rint(wide_px)).astype(int).tolist()
        for (one, other), wide, colour in zip(ends, widths, paint.tolist(), strict=True):
            cv2.line(sheet, one, other, colour, wide, cv2.LINE_AA, SUBPIXEL_BITS)

    def lay(self, frame: YuvPicture) -> None:
        """Lay both sheets over the frame and wipe them."""
        soft, high = self._softness, self._size.height
        sigma_px = max(soft.sharp * high / 2, 0.5), soft.close * high / 4
        paint = cv2.GaussianBlur(self._far, (0, 0), sigma_px[0])
        if soft.glow:
            small = cv2.resize(self._far, self._close.shape[1::-1], interpolation=cv2.INTER_AREA)
            halo = cv2.GaussianBlur(small, (0, 0), sigma_px[1])
            paint = over(paint, self._at_half(cv2.convertScaleAbs(halo, alpha=soft.glow)))
        self._far[:] = 0
        if self._close.any():
            paint = over(self._at_half(cv2.GaussianBlur(self._close, (0, 0), sigma_px[1])), paint)
            self._close[:] = 0
        lay_paint(frame, paint)

    def _at_half(self, paint: MatLike) -> MatLike:
        return cv2.resize(paint, self._far.shape[1::-1], interpolation=cv2.INTER_LINEAR)

    def _fixed(self, points: Points, sheet: Plane) -> NDArray[np.int32]:
        return np.asarray(np.rint(points * (len(sheet) * 2**SUBPIXEL_BITS)), np.int32)


def over(paint: MatLike, under: MatLike) -> MatLike:
    """One sheet of paint over another."""
    kept = cv2.bitwise_not(cv2.extractChannel(paint, 3))
    return cv2.add(paint, cv2.multiply(under, cv2.merge([kept] * 4), scale=1 / 255))


def lay_paint(frame: YuvPicture, paint: MatLike) -> None:
    """Lay y, u, v and opacity, uint8 (h/2, w/2, 4), over a frame of (h, w)."""
    luma, u, v, opacity = cv2.split(paint)
    kept = cv2.bitwise_not(opacity)
    for plane, added in ((frame.u, u), (frame.v, v)):
        cv2.add(cv2.multiply(plane, kept, scale=1 / 255), added, dst=plane)
    full = frame.y.shape[1::-1]
    kept = cv2.resize(kept, full, interpolation=cv2.INTER_LINEAR)
    added = cv2.resize(luma, full, interpolation=cv2.INTER_LINEAR)
    cv2.add(cv2.multiply(frame.y, kept, scale=1 / 255), added, dst=frame.y)


def paint_of(colours: tuple[Rgb, ...]) -> Paint:
    """Opaque paint, (colours, 4), of colours in sRGB."""
    rgb = np.array(colours, np.float64)
    yuv = np.clip(rgb @ RGB_TO_YUV[:, :3].T + RGB_TO_YUV[:, 3], 0, 255)
    return np.concatenate([yuv, np.full((len(rgb), 1), 255.0)], axis=1)
