"""How much detail comes and goes from frame to frame of the camera's files, beside x264's own way.

    python -m benchmarks.camera_pulse

A push over each photo, encoded with the engine's settings and with x264's own B-frames. Detail is
the variance of a frame's Laplacian, decoded, by that of the frame as it was drawn; the pulse is the
mean of how much that changes from one frame to the next.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import av
import cv2
import numpy as np
from benchmarks.camera import FRAME_RATE, PHOTOS, PROMPTS, SIZES, raw_in, task_for, write_raw
from rich.console import Console
from rich.table import Table

from unstill.media.video_writer import X264, blank_frame, picture_in, pixels, video_stream
from unstill.media.yuv import Plane

OWN_B_FRAMES: Final = ":bframes=3:b-pyramid=normal:pbratio=1.3"  # x264's defaults at `veryfast`
SIZE: Final = SIZES[0]


def main() -> None:
    own = X264 | {"x264-params": X264["x264-params"] + OWN_B_FRAMES}
    table = Table("photo", "pulse", "Mbit/s", "x264's own: pulse", "Mbit/s")
    for photo, path in PHOTOS.items():
        if path.exists():
            with tempfile.TemporaryDirectory(prefix="unstill-") as folder:
                table.add_row(photo, *pulsed(Path(folder), path, (X264, own)))
    Console(width=100).print(table)


def pulsed(folder: Path, photo: Path, ways: tuple[Mapping[str, str], ...]) -> list[str]:
    raw = raw_in(folder)
    write_raw(task_for(SIZE, PROMPTS[0], folder, photo), raw)
    drawn = np.memmap(raw, np.uint8, "r").reshape(-1, SIZE.height * 3 // 2, SIZE.width)
    told = []
    for options in ways:
        video = folder / "video.mp4"
        encode(drawn, video, dict(options))
        told.append(f"{pulse_of(drawn, video):.1%}")
        told.append(f"{video.stat().st_size * 8 * FRAME_RATE / len(drawn) / 1e6:.2f}")
    return told


def encode(drawn: Plane, video: Path, options: dict[str, str]) -> None:
    frame = blank_frame(SIZE, FRAME_RATE)
    picture, height = picture_in(frame), SIZE.height
    with av.open(video, "w", format="mp4") as container:
        stream = video_stream(container, SIZE, FRAME_RATE, options=options)
        for number, whole in enumerate(drawn):
            u, v = whole[height:].reshape(2, height // 2, SIZE.width // 2)
            picture.y[:], picture.u[:], picture.v[:] = whole[:height], u, v
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def pulse_of(drawn: Plane, video: Path) -> float:
    with av.open(video) as container:
        shares = [
            detail_of(pixels(frame, 0)) / detail_of(whole[: SIZE.height])
            for frame, whole in zip(container.decode(video=0), drawn, strict=True)
        ]
    return float(np.mean(np.abs(np.diff(shares)) / shares[:-1]))


def detail_of(luma: Plane) -> float:
    return float(cv2.Laplacian(luma.astype(np.float32), cv2.CV_32F).var())


if __name__ == "__main__":
    main()
