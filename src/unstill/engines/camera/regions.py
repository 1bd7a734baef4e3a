"""Where the sky, the water, the plants and the flames of a photo are; nothing where unsure.

By colour, smoothness and place, without a network. What is drawn into a region that is not what
it is taken for is worse than a picture that stands still, so each rule leaves off early.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from unstill.engines.camera.scaling import with_side
from unstill.media.yuv import Floats, Plane

SIDE_PX = 256
LEAST_SKY, MOST_SKY = 0.1, 0.93  # shares of the picture
SKY_TOP = 0.35  # so much of the top row is sky
HORIZON_REACH, HORIZON_STEP, HORIZON_WIDE = 4, 26.0, 0.4
MOST_EDGES = 0.12
LEAST_CLOUD = 1.2  # steps of lightness: in a sky without any cloud nothing can be seen to drift
BLUE = 119  # on b, from blue to yellow: less is sky in still water
LEAST_WATER, WATER_WIDE = 0.05, 0.6  # shares of the picture, and of its width
HIGHEST_SHORE, SHORE_LEVEL, WATER_DEEP = 0.2, 0.04, 0.08  # shares of its height
FINE = 2.0  # steps of lightness from leaf to leaf
LEAST_PLANTS = 0.06  # a share of the picture
LEAST_FLAME_PX, MOST_FLAME = 2, 0.03
DAYLIGHT = 120  # the median lightness: lamps do not flicker in the sun
SMOOTH = 7.0  # steps of lightness from pixel to pixel, of 255, that a sky does not have


def small_lab(rgb: Plane) -> Floats:
    """The photo with a long side of SIDE_PX: float32 (h, w, 3), L, a and b of 0 to 255."""
    return cv2.cvtColor(with_side(rgb, SIDE_PX), cv2.COLOR_RGB2LAB).astype(np.float32)


def find_sky(rgb: Plane) -> Plane | None:
    """0 or 255 at SIDE_PX; None where there is no sky, or it is not sure."""
    lab = small_lab(rgb)
    seed = joined_to_top(could_be_sky(lab))
    if seed.mean() < LEAST_SKY / 2:
        return None
    sky = cut_out(lab, seed)
    if (horizon := find_horizon(lab, sky)) is not None:
        sky[horizon:] = 0
    if not sky.any() or is_written_on(lab, sky) or is_earthen(lab, sky) or is_blank(lab, sky):
        return None
    share, top = float(sky.mean()), float(sky[: max(1, len(sky) // 40)].mean())
    if not LEAST_SKY < share < MOST_SKY or top < SKY_TOP:
        return None
    return np.asarray(sky * 255, np.uint8)


def find_horizon(lab: Floats, mask: Plane) -> int | None:
    """The row where what is in the mask changes its colour all along: a sky ends on the sea."""
    reach = HORIZON_REACH
    steps = lab[2 * reach :] - lab[: -2 * reach]
    inside = (mask[2 * reach :] > 0) & (mask[: -2 * reach] > 0)
    best, found = HORIZON_STEP, None
    for row in range(len(steps)):
        columns = inside[row]
        if columns.mean() < HORIZON_WIDE:
            continue
        step = float(np.linalg.norm(np.median(steps[row][columns], axis=0)))
        if step > best:
            best, found = step, row + reach
    return found


def is_written_on(lab: Floats, mask: Plane) -> bool:
    """Whether there are more hard edges in it than birds and wires make: a page is no sky."""
    light = lab[..., 0]
    edges = (
        np.maximum(
            np.abs(cv2.Sobel(light, cv2.CV_32F, 1, 0)), np.abs(cv2.Sobel(light, cv2.CV_32F, 0, 1))
        )
        / 4
    )
    # a page's letters are holes in its white
    closed = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((9, 9), np.uint8))
    inner = cv2.erode(closed, np.ones((5, 5), np.uint8)) > 0
    return bool(inner.any()) and float((edges[inner] > 12).mean()) > MOST_EDGES


def is_earthen(lab: Floats, mask: Plane) -> bool:
    """Whether it is red or brown and not light: wood, brick, skin."""
    light, red, yellow = np.median(lab[mask > 0], axis=0).tolist()
    return bool(light < 150 and red > 138 and yellow > 138)


def is_blank(lab: Floats, mask: Plane) -> bool:
    inner = cv2.erode(mask, np.ones((5, 5), np.uint8)) > 0
    return not inner.any() or float(lab[..., 0][inner].std()) < LEAST_CLOUD


def could_be_sky(lab: Floats) -> Plane:
    """Smooth, not dark, and of no colour that only earth has."""
    light, red, yellow = cv2.split(cv2.GaussianBlur(lab, (0, 0), 1))
    steps = np.maximum(
        np.abs(cv2.Sobel(light, cv2.CV_32F, 1, 0)) / 4,
        np.abs(cv2.Sobel(light, cv2.CV_32F, 0, 1)) / 4,
    )
    rough = cv2.GaussianBlur(steps.astype(np.float32), (0, 0), 1.5)
    green = (red < 122) & (yellow > 132)
    row = np.linspace(0, 1, len(lab))[:, None]
    return np.asarray((rough < SMOOTH) & (light > 18) & ~green & (row < 0.85), np.uint8)


def joined_to_top(mask: Plane) -> Plane:
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=4)
    kept = [
        label
        for label in range(1, count)
        if stats[label, cv2.CC_STAT_TOP] <= 1 and (labels[:2] == label).any(axis=0).mean() > 0.04
    ]
    return np.isin(labels, kept).astype(np.uint8)


def cut_out(lab: Floats, seed: Plane) -> Plane:
    """The sky that a seed of it grows to, 0 or 1, with clean edges."""
    core = cv2.erode(seed, np.ones((5, 5), np.uint8))
    around = cv2.dilate(seed, np.ones((9, 9), np.uint8))
    marks = np.full(seed.shape, cv2.GC_PR_BGD, np.uint8)
    marks[around == 0] = cv2.GC_BGD
    marks[seed > 0] = cv2.GC_PR_FGD
    marks[core > 0] = cv2.GC_FGD
    if not (core.any() and (around == 0).any()):
        return seed
    cv2.setRNGSeed(1)
    models = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.grabCut(lab.astype(np.uint8), marks, None, *models, 3, cv2.GC_INIT_WITH_MASK)  # type: ignore[call-overload]
    return np.isin(marks, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.uint8)


def find_plants(rgb: Plane) -> Floats | None:
    """How much of each place is grass, leaves or flowers, 0 to 1 at SIDE_PX, soft; None if little.

    Plants are green or straw-coloured, and fine: a green wall is not, and skin is not.
    """
    lab = small_lab(rgb)
    light, red, yellow = cv2.split(lab)
    green = (red < 122) & (yellow > 132)
    # less yellow than dry grass are stone, wood and skin
    straw = (yellow > 160) & (red - 128 < 0.42 * (yellow - 128))
    steps = np.abs(light - cv2.GaussianBlur(light, (0, 0), 2))
    fine = cv2.GaussianBlur(steps.astype(np.float32), (0, 0), 5) > FINE
    plants = np.asarray((green | straw) & fine, np.uint8)
    dense = cv2.GaussianBlur(plants.astype(np.float32), (0, 0), SIDE_PX / 40)
    if float((dense > 0.5).mean()) < LEAST_PLANTS:
        return None
    # blades and stems stand thin before what is behind them
    whole = cv2.dilate(plants, np.ones((3, 3), np.uint8)).astype(np.float32)
    around = cv2.GaussianBlur(whole, (0, 0), SIDE_PX / 40)
    return np.asarray(np.clip((around - 0.15) / 0.4, 0, 1), np.float32)


def find_flames(rgb: Plane) -> Floats | None:
    """How much of each place is a flame or a lamp, 0 to 1 at SIDE_PX, soft; None if there is none.

    Bright, warm, small, and far brighter than what is around.
    """
    lab = small_lab(rgb)
    light, red, yellow = cv2.split(lab)
    around = cv2.GaussianBlur(light, (0, 0), SIDE_PX / 10)
    bright = (light > 205) & (light > around + 70) & (yellow > 131) & (red > 122)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(np.asarray(bright, np.uint8))
    kept = [
        label
        for label in range(1, count)
        if LEAST_FLAME_PX <= stats[label, cv2.CC_STAT_AREA] <= MOST_FLAME * bright.size
    ]
    if not kept or float(np.median(light)) > DAYLIGHT:
        return None
    return np.isin(labels, kept).astype(np.float32)


def find_water(rgb: Plane, sky: Plane | None) -> Plane | None:
    """0 or 255 at SIDE_PX: a bluish plain under a sky, its shore level; None if unsure."""
    if sky is None:
        return None
    lab = small_lab(rgb)
    light, red, yellow = cv2.split(cv2.GaussianBlur(lab, (0, 0), 1))
    blue = np.asarray((yellow < BLUE) & (red < 142) & (light > 30), np.uint8)
    blue[cv2.dilate(sky, np.ones((3, 3), np.uint8)) > 0] = 0
    blue = cv2.morphologyEx(blue, cv2.MORPH_CLOSE, np.ones((3, 15), np.uint8)).astype(np.uint8)
    count, labels = cv2.connectedComponents(blue, connectivity=4)
    water = np.zeros(blue.shape, np.uint8)
    for label in range(1, count):
        part = labels == label
        if is_plain(part):
            water[part] = 255
    return water if float((water > 0).mean()) > LEAST_WATER else None


def is_plain(part: NDArray[np.bool_]) -> bool:
    """Whether a region lies like water: wide, not thin, and its far shore level."""
    columns = part.any(axis=0)
    if columns.mean() < WATER_WIDE:
        return False
    shore = np.argmax(part, axis=0)[columns] / len(part)
    middle, deep = float(np.median(shore)), float(np.median(part.mean(axis=0)[columns]))
    level = float(np.median(np.abs(shore - middle)))
    return middle > HIGHEST_SHORE and level < SHORE_LEVEL and deep > WATER_DEEP
