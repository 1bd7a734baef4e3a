"""The child program for everything that decodes: `python -m unstill.media`."""

from __future__ import annotations

from unstill.domain.engine import Report
from unstill.media.child_main import serve
from unstill.media.convert import cut_sound, fit_frame
from unstill.media.decode import check_frame
from unstill.media.repack import as_mp4
from unstill.media.tasks import (
    FrameCheck,
    FrameFacts,
    FrameFit,
    Repack,
    SoundCut,
    StillDraw,
    VideoCheck,
    VideoFacts,
)
from unstill.media.thumbnails import draw_last_frame, draw_spritesheet, draw_thumbnail
from unstill.media.video_check import check_video

# Measured: what `limits` lets through peaks at 1.3 GB of addresses.
# What asks for much more is a bomb, and ends only this process.
ADDRESS_SPACE_BYTES = 4 * 1024**3


def frame(check: FrameCheck, _report: Report) -> FrameFacts:
    return check_frame(check)


def video(check: VideoCheck, _report: Report) -> VideoFacts:
    return check_video(check)


def fit(args: FrameFit, _report: Report) -> bool:
    return fit_frame(args)


def cut(args: SoundCut, _report: Report) -> None:
    cut_sound(args)


def repack(args: Repack, _report: Report) -> None:
    as_mp4(args)


def thumbnail(args: StillDraw, _report: Report) -> None:
    draw_thumbnail(args)


def spritesheet(args: StillDraw, _report: Report) -> None:
    draw_spritesheet(args)


def last_frame(args: StillDraw, _report: Report) -> None:
    draw_last_frame(args)


if __name__ == "__main__":
    serve(
        {
            "check_frame": frame,
            "check_video": video,
            "fit_frame": fit,
            "cut_sound": cut,
            "as_mp4": repack,
            "draw_thumbnail": thumbnail,
            "draw_spritesheet": spritesheet,
            "draw_last_frame": last_frame,
        },
        address_space_bytes=ADDRESS_SPACE_BYTES,
    )
