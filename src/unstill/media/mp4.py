"""An mp4 opened for reading, by every PyAV that is supported. Child side."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import av
from av.container import InputContainer

# PyAV 19 keeps metadata that is not UTF-8 as it is; 18 raises, unless told otherwise, and 19 no
# longer knows the word for it.
_LENIENT = {"metadata_errors": "replace"} if hasattr(InputContainer, "metadata_errors") else {}


def open_mp4(path: Path | str) -> InputContainer:
    """Raises av.FFmpegError.

    The format is named: ffmpeg would follow the addresses in a playlist that it guessed.
    """
    container = av.open(f"file:{path}", "r", format="mp4", **_LENIENT)  # type: ignore[call-overload]
    return cast("InputContainer", container)
