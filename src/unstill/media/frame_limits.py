"""A model's limits for a frame, as the media child is asked to hold it to them."""

from __future__ import annotations

from typing import Protocol

from unstill.domain.request import Frame
from unstill.media.tasks import FrameCheck


class FrameLimits(Protocol):
    """What of a model's rule for a frame is about its picture."""

    @property
    def least_side_px(self) -> int: ...

    @property
    def most_ratio(self) -> float: ...


def frame_check(frame: Frame, rule: FrameLimits, *, path: str) -> FrameCheck:
    """The model's limits for a picture, as the media child is asked."""
    return FrameCheck(
        path=path,
        param=frame.param,
        min_side_px=rule.least_side_px,
        max_ratio=rule.most_ratio,
        is_fetched=frame.url is not None,
    )
