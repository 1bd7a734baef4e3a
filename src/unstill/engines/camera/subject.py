"""What a picture is of: where it is, how much of it a frame must show, and where its head is."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from unstill.engines.camera.saliency import salient
from unstill.media.yuv import Floats, Plane

INSIDE = 0.5  # the mask's value: more is the subject
SURE = 0.85  # somewhere the mask must be so sure
LEAST_SHARE = 0.004  # a share of the picture; less is a speck
VAGUE = (0.2, 0.8)  # the mask between these says nothing
MOST_VAGUE = 0.16  # a share of the mask, away from its rim: a page, a wall, a swirl have more
SMALL_PART = 0.25  # a share of the largest part: a smaller part alone is no reason to turn to it
RIM_SHARE = 0.02  # a share of the side: so far a mask's rim is soft
# a head is about as high as it is wide at its widest; a hat, ears or hair make it more
HEAD_RATIO, MOST_OF_BODY = 1.4, 0.45
MOST_WIDE = 1.3  # times a head's height
THIN_OF_IT = 0.06  # a share of the side of a square as large as it
THIN_SHARE = 0.02  # a share of the side: a tuft, a leaf or a finger above the head is not the head


@dataclass(frozen=True, kw_only=True)
class Box:
    """A part of a picture, in shares of its width and height."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def middle(self) -> tuple[float, float]:
        return (self.left + self.right) / 2, (self.top + self.bottom) / 2

    def of(self, point: tuple[float, float]) -> tuple[float, float]:
        """A point of the picture in shares of this part."""
        return (
            (point[0] - self.left) / (self.right - self.left),
            (point[1] - self.top) / (self.bottom - self.top),
        )

    def cut(self, field: Floats) -> Floats:
        """This part of a field over the whole picture, float32 (h, w)."""
        rows, columns = field.shape
        top, bottom = round(self.top * rows), max(1, round(self.bottom * rows))
        left, right = round(self.left * columns), max(1, round(self.right * columns))
        return field[min(top, bottom - 1) : bottom, min(left, right - 1) : right]

    def seen_in(self, kept: Box) -> Box:
        """The same place as shares of a part that was kept; it may reach beyond that."""
        left, top = kept.of((self.left, self.top))
        right, bottom = kept.of((self.right, self.bottom))
        return Box(left=left, top=top, right=right, bottom=bottom)


@dataclass(frozen=True, kw_only=True)
class Subject:
    """mask: float32 (h, w) over the whole picture, 0 to 1; box: all of it; head: its uppermost."""

    mask: Floats
    box: Box
    head: Box

    def seen_in(self, kept: Box) -> Subject:
        """The same subject in a part of the picture."""
        return Subject(
            mask=kept.cut(self.mask),
            box=self.box.seen_in(kept),
            head=self.head.seen_in(kept),
        )


def find_subject(rgb: Plane) -> Subject | None:
    """None where nothing stands out surely: a landscape, a street, a text.

    rgb: uint8 (height, width, 3), sRGB. Raises NoMask.
    """
    return subject_of(salient(rgb), ratio=rgb.shape[1] / rgb.shape[0])


def subject_of(mask: Floats, *, ratio: float) -> Subject | None:
    """ratio: the picture's width by its height; the mask is over all of it, however it is cut."""
    inside = (mask > INSIDE).astype(np.uint8)
    if inside.mean() < LEAST_SHARE or mask.max() < SURE or vagueness(mask, inside) > MOST_VAGUE:
        return None
    whole = main_parts(inside)
    box = bounds(whole)
    head = head_of(whole, ratio)
    return Subject(mask=mask, box=box, head=head)


def vagueness(mask: Floats, inside: Plane) -> float:
    """How much of what is neither in nor out is not on a rim, by the size of what is in."""
    reach = max(1, round(RIM_SHARE * max(mask.shape)))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    rim = cv2.dilate(inside, kernel) != cv2.erode(inside, kernel)
    vague = (mask > VAGUE[0]) & (mask < VAGUE[1]) & ~rim
    return float(vague.sum() / max(int(inside.sum()), 1))


def main_parts(inside: Plane) -> Plane:
    """The mask without what is much smaller than its largest part: uint8, 0 or 1."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(inside, connectivity=8)
    if count <= 1:
        return inside
    areas = stats[:, cv2.CC_STAT_AREA]
    least = SMALL_PART * areas[1:].max()
    kept = np.flatnonzero(areas >= least)
    return np.isin(labels, kept[kept > 0]).astype(np.uint8)


def bounds(inside: Plane) -> Box:
    """The least box around all that is not 0."""
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    high, wide = inside.shape
    return Box(
        left=int(columns[0]) / wide,
        top=int(rows[0]) / high,
        right=(int(columns[-1]) + 1) / wide,
        bottom=(int(rows[-1]) + 1) / high,
    )


def head_of(inside: Plane, ratio: float) -> Box:
    """The uppermost part, down to where it is higher than a head of its width can be."""
    high, wide = inside.shape
    # in a small subject, less is a tuft
    thick = max(1, round(min(THIN_SHARE * high, THIN_OF_IT * float(inside.sum()) ** 0.5)))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * thick + 1, 2 * thick + 1))
    opened = cv2.morphologyEx(inside, cv2.MORPH_OPEN, kernel)
    body = opened.astype(np.uint8) if opened.any() else inside
    rows = np.flatnonzero(body.any(axis=1))
    top = int(rows[0])
    most = max(1.0, MOST_OF_BODY * len(rows))
    head = topmost(body[top : top + 1])
    for end in range(top + 2, int(rows[-1]) + 2):
        width = float(np.median(head.sum(axis=1))) / wide * ratio * high
        if len(head) >= min(HEAD_RATIO * width, most):
            break
        head = topmost(body[top:end])
    found = bounds(head)
    end = top + len(head)
    # beside the head there may be a back, an arm or a tail as high
    crown = float(np.flatnonzero(head[0]).mean() + 0.5) / wide
    reach = MOST_WIDE / 2 * len(head) / high / ratio
    return Box(
        left=max(found.left, crown - reach),
        right=min(found.right, crown + reach),
        top=top / high,
        bottom=end / high,
    )


def topmost(inside: Plane) -> Plane:
    """What hangs together with the first row: an arm beside it is not the head."""
    _, labels = cv2.connectedComponents(inside, connectivity=8)
    first = labels[0][labels[0] > 0]
    biggest = np.bincount(first).argmax()
    return np.asarray(labels == biggest, np.uint8)
