"""The subject stays in each frame: a path is turned to it, or made smaller, before it loses it.

What a move goes towards is moved first, which costs nothing; then where its frames rest, which
costs zoom where nothing of the photo is spare. Only then is less of the move made.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from unstill.engines.camera.path import CameraPath, CameraState, with_overscan
from unstill.engines.camera.picture import Photo
from unstill.engines.camera.subject import Box

MARGIN = 0.02  # a share of the frame's half side, around what must stay in it
MOMENTS = 8
TURNS = 6
# so much of a move is made so that all of the subject stays, and so much so that its head does
FOR_ALL, FOR_HEAD = (1.0, 0.85), (1.0, 0.85, 0.7, 0.55, 0.4)
HALVINGS = 3  # between two of these shares
MOST_HEAD = 0.6  # a share of the frame: the middle is held of what is larger
MOST_AIM = 0.95  # a share of the frame's half side: what a dolly goes towards is in the frame
CUT = 0.015  # a share of the photo's half side: what reaches so near to its edge is cut off there
NEARLY = 0.006  # units: a part of the margin
FOLLOWED = 0.6  # what is near follows a dolly so far, roughly
LEAST_PULL = 0.01

Stretch = tuple[float, float]


class View(Protocol):
    """The geometry of a photo, as far as it is needed here."""

    def overshoot(self, state: CameraState) -> float:
        """How far the frame looks outside the photo; 1 is its edge."""

    def sees(self, state: CameraState, boxes: tuple[Box, ...]) -> list[Box]:
        """What the frame shows at least beside each box; all in units."""


def aim_of(photo: Photo) -> tuple[float, float] | None:
    """What a move goes towards, in units: the head where not all of the subject is in the photo."""
    if photo.subject is None:
        return None
    box, head = photo.subject.box, photo.subject.head
    is_cut = min(box.left, box.top) < 0 or max(box.right, box.bottom) > 1
    return in_units(head if is_cut else box, photo).middle


def held(path: CameraPath, photo: Photo, view: View) -> CameraPath:
    """The path, turned so that the subject stays in each frame; made smaller where it must be."""
    path = replace(path, home=home_of(path, photo))
    if photo.subject is None:
        return path
    head = at_most(in_units(photo.subject.head, photo), photo)
    for shares, parts in (
        (FOR_ALL, (in_units(photo.subject.box, photo), head)),
        (FOR_HEAD, (head,)),
    ):
        turned = largest(shares, parts, path, photo, view)
        if turned is not None:
            return turned
    return path


def largest(
    shares: tuple[float, ...], parts: tuple[Box, ...], path: CameraPath, photo: Photo, view: View
) -> CameraPath | None:
    """The path with as much of its move as fits, so that a faster move never goes less far."""
    most = shares[0]
    for share in shares:
        turned = turned_to(parts, path.scaled(share), photo, view)
        if turned is not None:
            return halved(
                share, most, turned, lambda s: turned_to(parts, path.scaled(s), photo, view)
            )
        most = share
    return None


def halved(
    share: float, most: float, turned: CameraPath, try_out: Callable[[float], CameraPath | None]
) -> CameraPath:
    """What is turned with a share, or with one that is nearer to the least that does not fit."""
    for _ in range(HALVINGS if share < most else 0):
        middle = (share + most) / 2
        larger = try_out(middle)
        if larger is None:
            most = middle
        else:
            turned, share = larger, middle
    return turned


def home_of(path: CameraPath, photo: Photo) -> tuple[float, float]:
    """Where the frame rests, no nearer to the photo's edge than a pan needs."""
    x, y = (max(0.0, photo.half_photo[i] - photo.half_frame[i] - path.pan_reach[i]) for i in (0, 1))
    return bounded(photo.home[0], x), bounded(photo.home[1], y)


def in_units(box: Box, photo: Photo) -> Box:
    half_x, half_y = photo.half_photo
    return Box(
        left=(2 * box.left - 1) * half_x,
        top=(2 * box.top - 1) * half_y,
        right=(2 * box.right - 1) * half_x,
        bottom=(2 * box.bottom - 1) * half_y,
    )


def at_most(head: Box, photo: Photo) -> Box:
    """The middle and upper part of a head that is larger than what a frame can hold."""
    half_x, half_y = (MOST_HEAD * half for half in photo.half_frame)
    middle = head.middle[0]
    return Box(
        left=max(head.left, middle - half_x),
        right=min(head.right, middle + half_x),
        top=head.top,
        bottom=min(head.bottom, head.top + 2 * half_y),
    )


def turned_to(
    parts: tuple[Box, ...], path: CameraPath, photo: Photo, view: View
) -> CameraPath | None:
    """The path with its aim and its home moved until parts are in each frame, if they can be."""
    shares = sorted({i / MOMENTS for i in range(MOMENTS + 1)} | set(path.turns))
    roomy, is_fresh = with_overscan(path, view.overshoot), True
    for _ in range(TURNS):
        moments = [roomy.at(share) for share in shares]
        seen = [view.sees(state, parts) for state in moments]
        across, down = ([needed(parts, each, photo, i) for each in seen] for i in (0, 1))
        if any(low > high for low, high in (*across, *down)):
            return None  # they do not fit into one of the frames
        if all(low - NEARLY <= 0 <= high + NEARLY for low, high in (*across, *down)):
            if is_fresh:
                return path
            roomy, is_fresh = with_overscan(path, view.overshoot), True
            continue
        x = turned_along(0, path, photo, across, moments)
        y = turned_along(1, path, photo, down, moments)
        path = replace(path, aim=(x[0], y[0]), home=(x[1], y[1]))
        # a path that is turned needs hardly another room; it is looked at in the end
        roomy, is_fresh = replace(roomy, aim=path.aim, home=path.home), False
    return None


def needed(parts: tuple[Box, ...], seen: list[Box], photo: Photo, axis: int) -> Stretch:
    """How far a frame must and may be moved along an axis so that all parts are in it.

    seen: what it shows at least beside each part.
    What is cut off by the photo's edge already is asked of no frame.
    """
    half = photo.half_photo[axis]
    margin = MARGIN * photo.half_frame[axis]
    low, high = -math.inf, math.inf
    for part, shown in zip(parts, seen, strict=True):
        begins, ends = ((part.left, part.right), (part.top, part.bottom))[axis]
        first, last = ((shown.left, shown.right), (shown.top, shown.bottom))[axis]
        if begins > -(1 - CUT) * half:
            high = min(high, begins - margin - first)
        if ends < (1 - CUT) * half:
            low = max(low, ends + margin - last)
    return low, high


def turned_along(
    axis: int, path: CameraPath, photo: Photo, needs: list[Stretch], moments: list[CameraState]
) -> tuple[float, float]:
    """A better aim and a better home along an axis: first the aim, then the home for the rest."""
    pulls = [FOLLOWED * state.dolly for state in moments]
    aim = better_aim(axis, path, photo, needs, pulls)
    nearer = aim - path.aim[axis]
    rest = least(
        [
            (low - nearer * pull, high - nearer * pull)
            for (low, high), pull in zip(needs, pulls, strict=True)
        ]
    )
    zoom = min(state.zoom for state in moments)
    spare = max(0.0, photo.half_photo[axis] - photo.half_frame[axis] / zoom)
    return aim, bounded(path.home[axis] + rest, spare)


def better_aim(
    axis: int, path: CameraPath, photo: Photo, needs: list[Stretch], pulls: list[float]
) -> float:
    """Where a dolly must go to for the frames in which it has come far."""
    most = max(pulls)
    if most < LEAST_PULL:
        return path.aim[axis]
    far = [
        (low / pull, high / pull)
        for (low, high), pull in zip(needs, pulls, strict=True)
        if pull > most / 3
    ]
    home = path.home[axis]
    reach = MOST_AIM * photo.half_frame[axis]
    return home + bounded(path.aim[axis] + least(far) - home, reach)


def least(stretches: list[Stretch]) -> float:
    """What lies in all stretches and is nearest to 0; in the middle where nothing does."""
    low, high = max(each[0] for each in stretches), min(each[1] for each in stretches)
    return (low + high) / 2 if low > high else min(max(0.0, low), high)


def bounded(value: float, reach: float) -> float:
    return min(max(value, -reach), reach)
