"""What no turn of the plane explains of the way between two pictures of one scene: its depth.

Both pictures are seen from half the way, where they are as alike as they get. Points that are known
to match say roughly where the rest goes, dense optical flow says exactly; where the ways there and
back disagree, something is hidden in one of the pictures, and goes where its neighbours go.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from unstill.engines.camera.morph import LUMA_WEIGHTS, flow_between
from unstill.engines.camera.picture import Photo
from unstill.engines.camera.same_scene import SameScene
from unstill.engines.camera.turns import Matrix, share_of, turned
from unstill.media.yuv import Floats, Plane

Mask = NDArray[np.bool_]
Reach = tuple[float, float]

SIDE_PX = 480
REACH = 1.2  # the view from half the way goes so far beyond the frame
MOST_UNITS = 0.8  # a point that is left further behind is a false match
SMALLER = 4  # times, what is blurred widely
NEIGHBOURS = 8  # and so is one that goes elsewhere than so many around it
MISSED_UNITS = 0.012  # the way there and back may miss by so much
# From coarse to fine, in pixels of the smaller field: how far a matched point tells of others, and
# how far a sure way does; and the weight at which it is believed as much as what is coarser.
SPEAKS_FOR: Final[tuple[Reach, ...]] = ((15.0, 2e-4), (4.0, 3e-3))
FILLED_FROM: Final[tuple[Reach, ...]] = ((20.0, 0.02), (5.0, 0.02), (1.5, 0.02))
GAINS: Final = (0.6, 1.6)
UNLIKE = 24.0  # levels of difference, softened, that no light explains


@dataclass(frozen=True, kw_only=True)
class Light:
    """How the last picture's luma becomes as light as the first's, 0 black to 255 white."""

    gain: float = 1.0
    lift: float = 0.0

    def on(self, luma: Plane) -> Plane:
        return cv2.convertScaleAbs(luma, alpha=self.gain, beta=self.lift).astype(np.uint8)


@dataclass(frozen=True, kw_only=True)
class ResidualParallax:
    """Ways in units over the view from half the way, which reaches `half` from its centre.

    there: float32 (h, w, 2), of what the first picture shows; back: of what the last one shows;
    alike: float32 (h, w), 1 where both show the same, 0 where they do not; agreeing: the mean of
    `alike` where both are seen; light: which of the last one is as light as the first.
    """

    there: Floats
    back: Floats
    alike: Floats
    half: tuple[float, float]
    agreeing: float
    light: Light


def find_residual_parallax(first: Photo, last: Photo, scene: SameScene) -> ResidualParallax:
    half = (REACH * first.half_frame[0], REACH * first.half_frame[1])
    px_per_unit = np.float32(SIDE_PX / 2 / max(half))
    grid = view_grid(half, px_per_unit)
    to_first, to_last = share_of(scene.log, -0.5), share_of(scene.log, 0.5)
    one, in_one = seen(first, turned(to_first, *grid))
    other, in_other = seen(last, turned(to_last, *grid))
    in_both = in_one & in_other
    light = light_between(one, other, in_both)
    other = light.on(other)
    # where only one is seen, nothing is to be found
    one, other = np.where(in_one, one, other), np.where(in_other, other, one)
    a, b = plausible(brought(scene.matched[0], to_last), brought(scene.matched[1], to_first))
    guess_there = spread(a, (b - a) * px_per_unit, half, one.shape)
    guess_back = spread(b, (a - b) * px_per_unit, half, one.shape)
    there, back = refined(one, other, guess_there), refined(other, one, guess_back)
    missed_px = MISSED_UNITS * float(px_per_unit)
    sure_there, sure_back = (
        returns(way, other_way, missed_px) * in_both
        for way, other_way in ((there, back), (back, there))
    )
    there, back = filled(there, sure_there), filled(back, sure_back)
    alike = likeness(after_half(one, there), after_half(other, back)) * in_both
    return ResidualParallax(
        there=there / px_per_unit,
        back=back / px_per_unit,
        alike=cv2.GaussianBlur(alike, (0, 0), SIDE_PX / 80).astype(np.float32),
        half=half,
        agreeing=float(alike[in_both].mean()) if in_both.any() else 0.0,
        light=light,
    )


def view_grid(half: tuple[float, float], px_per_unit: np.float32) -> tuple[Floats, Floats]:
    axes = (
        (np.arange(round(2 * reach * float(px_per_unit)), dtype=np.float32) + np.float32(0.5))
        / px_per_unit
        - np.float32(reach)
        for reach in half
    )
    x, y = np.meshgrid(*axes)
    return x, y


def seen(photo: Photo, look: tuple[Floats, Floats]) -> tuple[Plane, Mask]:
    """The photo's luma where a grid looks, uint8 (h, w), and whether that is inside of it."""
    half_x, half_y = photo.half_photo
    height, width = photo.rgb.shape[:2]
    # about as many pixels as the grid looks at, so that fine detail does not become noise
    span = float(np.ptp(look[0])) / (2 * half_x)
    scale = min(1.0, look[0].shape[1] / max(span, 0.2) / width)
    size = (max(8, round(width * scale)), max(8, round(height * scale)))
    small = cv2.resize(photo.rgb, size, interpolation=cv2.INTER_AREA)
    luma = cv2.transform(small, LUMA_WEIGHTS).astype(np.uint8)
    x = (look[0] / np.float32(half_x) + 1) * np.float32(size[0] / 2) - np.float32(0.5)
    y = (look[1] / np.float32(half_y) + 1) * np.float32(size[1] / 2) - np.float32(0.5)
    return fetched(luma, x, y).astype(np.uint8), (np.abs(look[0]) < half_x) & (
        np.abs(look[1]) < half_y
    )


def light_between(one: Plane, other: Plane, where: Mask) -> Light:
    """What makes the other view as bright and as contrasty as the one is where both are seen."""
    if where.sum() < SIDE_PX:
        return Light()
    a, b = one[where].astype(np.float32), other[where].astype(np.float32)
    gain = float(np.clip(a.std() / max(float(b.std()), 1.0), *GAINS))
    return Light(gain=gain, lift=float(a.mean()) - gain * float(b.mean()))


def brought(points: Floats, turn: Matrix) -> Floats:
    return np.stack(turned(turn, points[:, 0], points[:, 1]), axis=1)


def plausible(a: Floats, b: Floats) -> tuple[Floats, Floats]:
    """The matched points that go about where those around them go."""
    way = b - a
    apart = np.linalg.norm(a[:, None] - a[None], axis=2)
    near = np.argsort(apart, axis=1)[:, 1 : NEIGHBOURS + 1]
    odd = np.linalg.norm(way - np.median(way[near], axis=1), axis=1)
    far = np.take_along_axis(apart, near, axis=1).mean(axis=1)
    kept = (odd < 0.03 + 0.4 * far) & (np.linalg.norm(way, axis=1) < MOST_UNITS)
    return a[kept], b[kept]


def spread(
    points: Floats, ways: Floats, half: tuple[float, float], shape: tuple[int, ...]
) -> Floats:
    """The ways of points as a field, float32 (h, w, 2): each speaks for what is near it."""
    rows, columns = (side // SMALLER for side in shape)
    at_x = np.floor((points[:, 0] / half[0] + 1) * columns / 2).astype(int)
    at_y = np.floor((points[:, 1] / half[1] + 1) * rows / 2).astype(int)
    kept = (at_x >= 0) & (at_x < columns) & (at_y >= 0) & (at_y < rows)
    field = np.zeros((rows, columns, 3), np.float32)
    np.add.at(field, (at_y[kept], at_x[kept]), np.c_[ways[kept], np.ones(kept.sum())])
    return spoken(field, SPEAKS_FOR, shape)


def spoken(field: Floats, reaches: tuple[Reach, ...], shape: tuple[int, ...]) -> Floats:
    """A field of sums and weights, small and with gaps, as a field of means without gaps.

    field: float32 (h, w, 3), two sums and their weight; reaches: coarse to fine.
    """
    result = np.zeros((*field.shape[:2], 2), np.float32)
    for sigma, weight in reaches:
        soft = cv2.GaussianBlur(field, (0, 0), sigma, borderType=cv2.BORDER_CONSTANT)
        little = np.float32(weight)
        result = (soft[..., :2] + result * little) / (soft[..., 2:] + little)
    size = (shape[1], shape[0])
    return cv2.resize(result, size, interpolation=cv2.INTER_LINEAR).astype(np.float32)


def refined(one: Plane, other: Plane, guess: Floats) -> Floats:
    """Where each pixel of the one is in the other, given a guess of it."""
    x, y = pixels(one)
    moved = fetched(other, x + guess[..., 0], y + guess[..., 1]).astype(np.uint8)
    rest = flow_between(one, moved)
    return (rest + fetched(guess, x + rest[..., 0], y + rest[..., 1])).astype(np.float32)


def returns(way: Floats, other_way: Floats, missed_px: float) -> Floats:
    """1 where the other way leads back to where the way began, 0 where it does not."""
    x, y = pixels(way)
    returned = fetched(other_way, x + way[..., 0], y + way[..., 1])
    missed = np.linalg.norm(way + returned, axis=2).astype(np.float32)
    sure: Floats = np.exp(-((missed / np.float32(missed_px)) ** 2))
    return sure


def filled(way: Floats, sure: Floats) -> Floats:
    """Where the way is not sure, that of what is around it."""
    keep = sure[..., None]
    size = (way.shape[1] // SMALLER, way.shape[0] // SMALLER)
    field = cv2.resize(np.dstack([way * keep, sure]), size, interpolation=cv2.INTER_AREA)
    around = spoken(field.astype(np.float32), FILLED_FROM, way.shape)
    whole = cv2.GaussianBlur(way * keep + around * (1 - keep), (0, 0), 1.5)
    return whole.astype(np.float32)


def after_half(view: Plane, way: Floats) -> Plane:
    x, y = pixels(view)
    at_x, at_y = x, y
    for _ in range(3):
        step = fetched(way, at_x, at_y) / np.float32(2)
        at_x, at_y = x - step[..., 0], y - step[..., 1]
    return fetched(view, at_x, at_y).astype(np.uint8)


def likeness(one: Plane, other: Plane) -> Floats:
    apart = cv2.absdiff(one, other).astype(np.float32)
    # a slight misfit at an edge is none
    apart = cv2.GaussianBlur(apart, (0, 0), SIDE_PX / 120) / np.float32(UNLIKE)
    alike: Floats = np.clip(np.float32(1.5) - apart, 0, 1)
    return alike


def pixels(view: Plane | Floats) -> tuple[Floats, Floats]:
    rows, columns = view.shape[:2]
    y, x = np.mgrid[:rows, :columns].astype(np.float32)
    return x, y


def fetched(field: Plane | Floats, x: Floats, y: Floats) -> Floats:
    return cv2.remap(field, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)  # type: ignore[return-value]
