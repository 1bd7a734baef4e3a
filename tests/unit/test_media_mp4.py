"""An mp4 whose metadata is in no encoding: every reader takes it, whatever PyAV is here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest

from unstill.media.convert import cut_sound
from unstill.media.tasks import SoundCut, StillDraw, VideoCheck
from unstill.media.thumbnails import draw_spritesheet, draw_thumbnail
from unstill.media.video_check import check_video

TITLE = b"made elsewhere"
READERS: dict[str, Callable[[str, str], object]] = {
    "check_video": lambda path, _: check_video(VideoCheck(path)),
    "cut_sound": lambda path, out: cut_sound(SoundCut(path, out)),
    "draw_thumbnail": lambda path, out: draw_thumbnail(StillDraw(path, out)),
    "draw_spritesheet": lambda path, out: draw_spritesheet(StillDraw(path, out)),
}


@pytest.mark.parametrize("name", READERS)
def test_metadata_that_is_not_utf_8_is_no_reason_to_refuse(tmp_path: Path, name: str) -> None:
    path, out = tmp_path / "a.mp4", tmp_path / "out"
    with av.open(str(path), "w", options={"movflags": "+faststart"}) as file:
        stream = file.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        file.metadata["title"] = TITLE.decode()
        for shade in range(10):
            pixels = np.full((64, 64, 3), shade * 20, np.uint8)
            file.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        file.mux(stream.encode(None))
    data = path.read_bytes()
    assert data.count(TITLE) == 1
    path.write_bytes(data.replace(TITLE, b"made \xe9\xf6\xff\xfewhere"))

    READERS[name](str(path), str(out))

    assert name == "check_video" or out.stat().st_size > 0
