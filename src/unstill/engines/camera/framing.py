"""Where a frame rests so that heads, and whole subjects where they fit, are in it.

A crop around the middle cuts off the head of every portrait.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from unstill.domain.request import Size
from unstill.engines.camera.depth_network import network_depth
from unstill.engines.camera.picture import MIDDLE, Photo, fit_photo
from unstill.engines.camera.saliency import NoMask
from unstill.engines.camera.subject import Box, Subject, find_subject
from unstill.media.yuv import Floats, Plane

MARGIN = 0.05  # a share of the frame, around what it must show
HEADROOM = 0.07  # a share of the frame, above a head whose body does not fit
TOWARDS = 0.7  # so far a frame is turned from the picture's middle to the subject's
BODY_WEIGHT = 0.4  # beside a head, where not both fit


Tell = Callable[[str], None]


def untold(why: str) -> None:
    del why


def framed_photo(
    rgb: Plane, size: Size, *, depth_model: str = "", without_mask: Tell = untold
) -> Photo:
    """The picture made ready for frames of this size, and resting on its subject.

    rgb: uint8 (height, width, 3), sRGB; depth_model: a file, see `depth_network.py`; without_mask:
    told why, where no subject can be looked for. Raises OperatorError where the file cannot be run.
    """
    subject = subject_in(rgb, without_mask)
    height, width = rgb.shape[:2]
    middle = frame_middle(subject, Size(width, height), size) if subject else MIDDLE
    near = near_by(depth_model, rgb)
    return fit_photo(rgb, size, middle=middle, subject=subject, near=near)


def subject_in(rgb: Plane, without_mask: Tell) -> Subject | None:
    try:
        return find_subject(rgb)
    except NoMask as error:  # the video is made as it would be of a landscape
        without_mask(str(error))
        return None


def near_by(depth_model: str, rgb: Plane) -> Floats | None:
    return network_depth(rgb, Path(depth_model)) if depth_model else None


def framed_pair(
    first: Plane,
    last: Plane,
    size: Size,
    *,
    depth_model: str = "",
    without_mask: Tell = untold,
) -> tuple[Photo, Photo]:
    """Two pictures made ready, each resting in its middle: what is spare is spare on both sides.

    Pictures of one shape are cut alike: what did not move between them does not move.
    """
    subjects = subject_in(first, without_mask), subject_in(last, without_mask)
    middles = [
        frame_middle(subject, Size(rgb.shape[1], rgb.shape[0]), size) if subject else MIDDLE
        for rgb, subject in zip((first, last), subjects, strict=True)
    ]
    if first.shape == last.shape:
        middles[1] = middles[0]
    one, other = (
        centred_photo(rgb, size, middle, subject, near_by(depth_model, rgb))
        for rgb, middle, subject in zip((first, last), middles, subjects, strict=True)
    )
    return one, other


def centred_photo(
    rgb: Plane,
    size: Size,
    middle: tuple[float, float],
    subject: Subject | None,
    near: Floats | None,
) -> Photo:
    height, width = rgb.shape[:2]
    left, columns = evenly_around(width, middle[0])
    top, rows = evenly_around(height, middle[1])
    cut = rgb[top : top + rows, left : left + columns]
    around = Box(
        left=left / width,
        top=top / height,
        right=(left + columns) / width,
        bottom=(top + rows) / height,
    )
    return fit_photo(
        cut,
        size,
        subject=subject and subject.seen_in(around),
        near=None if near is None else around.cut(near),
    )


def evenly_around(side: int, middle: float) -> tuple[int, int]:
    """The first pixel and the number of those that reach as far to one side as to the other."""
    at = round(middle * side)
    reach = min(at, side - at)
    return (0, side) if middle == MIDDLE[0] else (at - reach, 2 * reach)


def frame_middle(subject: Subject, picture: Size, size: Size) -> tuple[float, float]:
    """Where a frame of this shape rests on the picture, in shares of it."""
    scale = max(size.width / picture.width, size.height / picture.height)
    across, down = size.width / picture.width / scale, size.height / picture.height / scale
    body, head = subject.box, subject.head
    return (
        middle_across(body, head, across),
        middle_down(body, head, down),
    )


def middle_across(body: Box, head: Box, window: float) -> float:
    aim, along = body.middle[0], (body.left, body.right)
    if body.right - body.left > window:
        aim = (1 - BODY_WEIGHT) * head.middle[0] + BODY_WEIGHT * aim
        along = (head.left, head.right)
    return within(0.5 + TOWARDS * (aim - 0.5), along, window)


def middle_down(body: Box, head: Box, window: float) -> float:
    if body.bottom - body.top <= window:
        along = (body.top, body.bottom)
        return within(0.5 + TOWARDS * (body.middle[1] - 0.5), along, window)
    return within(head.top + (0.5 - HEADROOM) * window, (head.top, head.bottom), window)


def within(wanted: float, along: tuple[float, float], window: float) -> float:
    """The middle nearest to the wanted one whose window holds a stretch, or is centred on it."""
    start, end = along
    margin = min(MARGIN * window, (window - (end - start)) / 2)
    first, last = end + margin - window / 2, start - margin + window / 2
    middle = (start + end) / 2 if margin < 0 else min(max(wanted, first), last)
    return min(max(middle, window / 2), 1 - window / 2)
