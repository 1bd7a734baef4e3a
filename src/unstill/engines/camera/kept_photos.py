"""A job's pictures made ready, and kept for the next job: who tries prompts on one waits once.

What is found in a photo comes with it, so that the next job looks neither for a subject nor for
lines, depth or a sky. A child keeps the photos of its last job: 10 MB at 720P, 25 MB at 1080P.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from unstill.domain.request import Size
from unstill.engines.camera.framing import Tell, framed_pair, framed_photo
from unstill.engines.camera.picture import Photo, enough_px
from unstill.engines.camera.task import RenderTask
from unstill.media.decode import open_frame
from unstill.media.yuv import Plane


@dataclass(frozen=True, kw_only=True)
class PictureFiles:
    """Pictures of a job: the same where their bytes, the frames and the network for depth are.

    named: each file with what its request calls it, the first frame's first; without_mask: told
    why, where no subject can be looked for.
    """

    digests: tuple[bytes, ...]
    size: Size
    depth_model: str
    named: tuple[tuple[Path, str], ...] = field(compare=False)
    without_mask: Tell = field(compare=False)


class KeptPhotos(NamedTuple):
    """The photo of the first frame, and of the last one if there is one; not to be written to.

    shape: of the first picture as it was decoded, (height, width, 3).
    """

    photos: tuple[Photo, ...]
    shape: tuple[int, ...]


def photos_of(task: RenderTask, without_mask: Tell) -> KeptPhotos:
    """The photos of a job's frames. Raises BadImage if one cannot be decoded."""
    request, reasons = task.request, list[str]()
    named = [(Path(task.frames["first"]), request.first_frame.param)]
    if request.last_frame is not None:
        named.append((Path(task.frames["last"]), request.last_frame.param))
    found = made_ready(
        PictureFiles(
            digests=tuple(hashlib.blake2b(path.read_bytes()).digest() for path, _ in named),
            size=task.size,
            depth_model=task.depth_model,
            named=tuple(named),
            without_mask=reasons.append,
        )
    )
    if reasons:
        made_ready.cache_clear()  # that memory was short once says nothing of the next time
    for why in reasons:
        without_mask(why)
    return found


@lru_cache(maxsize=1)
def made_ready(files: PictureFiles) -> KeptPhotos:
    first, *last = (pixels_of(path, param, files.size) for path, param in files.named)
    model, tell = files.depth_model, files.without_mask
    if last:
        pair = framed_pair(first, last[0], files.size, depth_model=model, without_mask=tell)
        return KeptPhotos(pair, first.shape)
    photo = framed_photo(first, files.size, depth_model=model, without_mask=tell)
    return KeptPhotos((photo,), first.shape)


def pixels_of(path: Path, param: str, size: Size) -> Plane:
    return open_frame(path, param=param, enough_px=enough_px(size))
