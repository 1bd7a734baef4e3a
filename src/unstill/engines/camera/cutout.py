"""A photo cut in two: its subject with a soft matte, and what is behind it, filled.

Laid over each other where they were, they are the photo again: the subject's planes hold what the
background lacks, `photo - (1 - matte) * background`, so its rim brings no old background along.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from unstill.engines.camera.fill import grown_from
from unstill.engines.camera.picture import Photo
from unstill.engines.camera.sketch import lay_over
from unstill.engines.camera.subject import INSIDE
from unstill.engines.camera.warp import CELL_PX, Patch
from unstill.media.yuv import BLACK, WHITE, Floats, Plane, YuvPicture

Field = TypeVar("Field", Floats, Plane)

SIDE_PX = 640  # a matte has such a side: frames find the fine edges in the subject's own planes
# So far in and out from where the mask says half, its word is not the last: shares of the
# longer side.
RIM_IN, RIM_OUT = 0.009, 0.017
TOLD_APART = 24.0  # steps of 255: colours that differ so much share a pixel by their colour alone
ALIKE = 12.0  # likewise: less is no edge
LOWEST = 0.25  # a share of its height
NEITHER = 30.0  # steps of 255: so far from both colours and all between, a colour says nothing
STEEP = 2.0  # the mask's rim is softer than the subject's
OPAQUE = 0.05  # less of a matte is none, and as much less than all is all
GUARD, GUARD_SHARE = 0.005, 0.5  # a share of the longer side, and how opaque
NEARLY = 8  # steps of 255: so little of a background says nothing of it
MORE, BESIDE_PX = 1.2, 2  # times a frame's cell: a dolly out sees so much more; and what is between
MIRRORED = 0.07  # a share of the longer side: so far in the background goes on as its mirror image
SMOOTH_PX = 5.0  # at SIDE_PX; the mirror's edge has no dents
LEVELS = 9


@dataclass(frozen=True, kw_only=True)
class Cutout:
    """window: where the subject is; front: what it adds to the background there.

    veil, half_veil: how much of the background is seen, 0 to 255; back: the whole of it.
    kinds: float32 (h, w, 2) over the photo, 1 where all around is background, and where all around
    is subject.
    """

    window: Patch
    front: YuvPicture
    veil: Plane
    half_veil: Plane
    back: YuvPicture
    kinds: Floats


@dataclass(frozen=True, kw_only=True)
class Rim:
    """What is told of a subject's rim at SIDE_PX.

    matte: how much of each pixel is the subject's, float32, 0 to 1; outer: uint8, 1 where nothing
    but background is; behind: float32 (h, w, 3), its colours, and what they would be elsewhere;
    alike: how much of the rim has like colours on both sides, 0 to 1; strange: how far the colours
    just outside are from those expected there, steps of 255.
    """

    matte: Floats
    outer: Plane
    behind: Floats
    alike: float
    strange: float


def find_rim(planes: YuvPicture, mask: Floats) -> Rim:
    """mask: over the whole picture, 0 to 1."""
    rows, columns = planes.y.shape
    scale = scale_of(planes.y)
    size = (max(8, round(columns * scale)), max(8, round(rows * scale)))
    small = np.dstack(
        [cv2.resize(p, size, interpolation=cv2.INTER_AREA) for p in (planes.y, planes.u, planes.v)]
    ).astype(np.float32)
    fine = cv2.resize(mask, size, interpolation=cv2.INTER_LINEAR).astype(np.float32)
    inside = (fine > INSIDE).astype(np.uint8)
    inner = cv2.erode(inside, disc_of(RIM_IN), borderValue=1).astype(np.uint8)
    outer = (1 - cv2.dilate(inside, disc_of(RIM_OUT))).astype(np.uint8)
    front, behind = (
        grown_from(small, side.astype(np.float32), levels=LEVELS) for side in (inner, outer)
    )
    share = np.clip((fine - INSIDE) * STEEP + 0.5, 0, 1)
    matte = guarded(shared(small, front, behind, share.astype(np.float32)))
    matte = np.clip(matte, inner, 1 - outer)
    apart = np.linalg.norm(front - behind, axis=2)
    edge = np.abs(fine - INSIDE) < INSIDE / 2
    beside = (outer == 0) & (inside == 0)
    off = np.linalg.norm(small - behind, axis=2) * (1 - matte)
    return Rim(
        matte=matte.astype(np.float32),
        outer=outer,
        behind=behind,
        alike=alike_on(edge, apart),
        strange=float(off[beside].mean()) if beside.any() else 0.0,
    )


def alike_on(edge: NDArray[np.bool_], apart: Floats) -> float:
    """How much of an edge has like colours on both sides: of all of it, or where it stands."""
    rows = np.flatnonzero(edge.any(axis=1))
    if not rows.size:
        return 1.0
    lowest = edge.copy()
    lowest[: int(rows[-1] - LOWEST * (rows[-1] - rows[0]))] = False
    return max(float((apart[part] < ALIKE).mean()) for part in (edge, lowest))


def disc_of(share: float) -> Plane:
    """A disc with a radius of so much of SIDE_PX."""
    side = 2 * max(1, round(share * SIDE_PX)) + 1
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)).astype(np.uint8)


def shared(colours: Floats, front: Floats, behind: Floats, edge: Floats) -> Floats:
    """How much of each pixel is the front's, 0 to 1, by where its colour is between both colours.

    Where these are too alike to tell, or it is like neither, the mask's edge says it.
    """
    way, off = front - behind, colours - behind
    length = (way**2).sum(axis=2)
    gone = (way * off).sum(axis=2) / np.maximum(length, 1.0)
    beside = np.maximum((off**2).sum(axis=2) - gone.clip(0, 1) ** 2 * length, 0)
    told = length / (length + TOLD_APART**2) * NEITHER**2 / (beside + NEITHER**2)
    share = gone.clip(0, 1) * told + edge * (1 - told)
    return np.asarray(((share - OPAQUE) / (1 - 2 * OPAQUE)).clip(0, 1), np.float32)


def guarded(matte: Floats) -> Floats:
    """The matte, and thinly what is beside it: sharpening has brought the subject's edge there."""
    around = cv2.GaussianBlur(cv2.dilate(matte, disc_of(GUARD)), (0, 0), 1)
    return np.asarray(np.maximum(matte, np.float32(GUARD_SHARE) * around), np.float32)


def window_of(matte: Floats, shape: tuple[int, ...]) -> Patch:
    """Around all of the matte, in pixels of a picture of that shape."""
    inside = matte > 0
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    high, wide = inside.shape
    height, width = shape
    top, left = int(rows[0]) * height // high - 4, int(columns[0]) * width // wide - 4
    bottom = -(-(int(rows[-1]) + 1) * height // high) + 4
    right = -(-(int(columns[-1]) + 1) * width // wide) + 4
    return Patch(
        left=max(0, left) // 2 * 2,
        top=max(0, top) // 2 * 2,
        right=min(width, right + right % 2),
        bottom=min(height, bottom + bottom % 2),
    )


def cut_out(photo: Photo, rim: Rim) -> Cutout:
    """The photo in two."""
    planes = photo.planes
    window = window_of(rim.matte, planes.y.shape)
    matte = np.asarray(np.rint(255 * rim.matte), np.uint8)
    hole = cv2.blur(255 * (matte > 0).astype(np.uint8), (3, 3)).astype(np.uint8)
    low = np.asarray(rim.behind.clip(0, 255), np.uint8)
    x, y, fits = mirror_of(rim.outer)
    front: list[Plane] = []
    back: list[Plane] = []
    veils: list[Plane] = []
    for part, plane in enumerate((planes.y, planes.u, planes.v)):
        place = window if part == 0 else window.halved
        if part < 2:  # both planes of chroma are of one size
            rows, columns = plane.shape
            look_x = grown_in(x, place, plane.shape) * np.float32(columns) - np.float32(0.5)
            look_y = grown_in(y, place, plane.shape) * np.float32(rows) - np.float32(0.5)
            holds, gap = (grown_in(each, place, plane.shape) for each in (fits, hole))
            share = grown_in(matte, place, plane.shape)
            veils.append(cv2.bitwise_not(share).astype(np.uint8))
        shown = cv2.remap(
            plane, look_x, look_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101
        ).astype(np.uint8)
        filled = grown_in(np.ascontiguousarray(low[..., part]), place, plane.shape)
        lay_over(filled, shown, holds)
        whole = plane.copy()
        lay_over(place.of(whole), filled, gap)
        bound(place.of(whole), place.of(plane), veils[-1])
        back.append(whole)
        front.append(beyond(place.of(plane), place.of(whole), veils[-1]))
    return Cutout(
        window=window,
        front=YuvPicture(y=front[0], u=front[1], v=front[2]),
        veil=veils[0],
        half_veil=veils[1],
        back=YuvPicture(y=back[0], u=back[1], v=back[2]),
        kinds=kinds_of(matte, cell_px=CELL_PX * max(photo.density) * scale_of(planes.y)),
    )


def scale_of(plane: Plane) -> float:
    """Pixels of a matte per pixel of a plane."""
    return float(SIDE_PX / max(plane.shape))


def kinds_of(matte: Plane, *, cell_px: float) -> Floats:
    """See `Cutout.kinds`; cell_px: the side of a frame's cell in the matte, where nothing zooms."""
    side = 2 * math.ceil(MORE * cell_px / 2) + 2 * BESIDE_PX + 1
    around = np.ones((side, side), np.uint8)
    kinds = [cv2.erode((matte == end).astype(np.float32), around) for end in (0, 255)]
    return np.dstack(kinds).astype(np.float32)


def beyond(whole: Plane, back: Plane, veil: Plane) -> Plane:
    """What is to be added to the background where it is veiled."""
    return cv2.subtract(whole, cv2.multiply(back, veil, scale=1 / 255)).astype(np.uint8)


def bound(back: Plane, whole: Plane, veil: Plane) -> None:
    """Keep a background, in place, to what may be there if the subject's colour is a colour.

    So it is the photo where the matte is nothing, and both sides are the photo again everywhere.
    """
    matte = cv2.bitwise_not(veil)
    least, most = (
        cv2.divide(
            cv2.subtract(whole, cv2.convertScaleAbs(matte, alpha=end / 255)), veil, scale=255
        )
        for end in (WHITE, BLACK)
    )
    _, opaque = cv2.threshold(matte, 255 - NEARLY, 255, cv2.THRESH_BINARY)
    cv2.max(back, cv2.subtract(least, opaque), dst=back)
    cv2.min(back, cv2.max(most, opaque), dst=back)


def grown_in(field: Field, window: Patch, shape: tuple[int, ...]) -> Field:
    """A field over a whole picture, at each pixel of a window of it; shape: the picture's."""
    across, down = field.shape[1] / shape[1], field.shape[0] / shape[0]
    plane = np.array(
        [
            [across, 0, (window.left + 0.5) * across - 0.5],
            [0, down, (window.top + 0.5) * down - 0.5],
        ],
        np.float32,
    )
    return cv2.warpAffine(  # type: ignore[return-value]
        field,
        plane,
        window.size,
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )


def mirror_of(outer: Plane) -> tuple[Floats, Floats, Plane]:
    """Where each place looks, mirrored at the rim, in shares of the picture; how far that holds.

    How far: uint8, 255 all of it.
    """
    rough = cv2.GaussianBlur(255 * (1 - outer), (0, 0), SMOOTH_PX / 2)
    inside = (rough > 127).astype(np.uint8)
    away, labels = cv2.distanceTransformWithLabels(
        inside, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    rows, columns = inside.shape
    at = np.zeros((int(labels.max()) + 1, 2), np.float32)
    at[labels[inside == 0]] = np.argwhere(inside == 0)
    here = np.indices((rows, columns), np.float32).transpose(1, 2, 0)
    look = cv2.GaussianBlur(2 * at[labels] - here, (0, 0), SMOOTH_PX)
    x, y = np.ascontiguousarray(look[..., 1]), np.ascontiguousarray(look[..., 0])
    # what is mirrored into the subject, or from outside the picture, is not the background's
    there = cv2.remap(away, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=9.0)
    fits = (1 - there).clip(0, 1) * (2 - away / (MIRRORED / 2 * SIDE_PX)).clip(0, 1)
    fits = cv2.GaussianBlur(cv2.erode(fits, np.ones((3, 3), np.uint8)), (0, 0), SMOOTH_PX / 2)
    share_x, share_y = (x + 0.5) / columns, (y + 0.5) / rows
    return share_x, share_y, np.asarray(255 * fits, np.uint8)
