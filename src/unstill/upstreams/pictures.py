"""A job's checked frames on their way to an upstream: as bytes, and as data URLs."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

import msgspec
import pybase64

from unstill.domain.errors import UpstreamError
from unstill.domain.request import Role
from unstill.media.picture_formats import Format, format_of

_MEDIA_TYPES: Mapping[Format, str] = {
    "JPEG": "image/jpeg",
    "PNG": "image/png",
    "WebP": "image/webp",
    "BMP": "image/bmp",
    "GIF": "image/gif",
    "AVIF": "image/avif",
    "HEIC": "image/heic",
}


class FrameFile(msgspec.Struct, frozen=True):
    """A frame's file."""

    data: bytes
    media_type: str

    @property
    def file_name(self) -> str:
        """A name that says nothing but the type, which some upstreams read off it."""
        return f"frame.{self.media_type.removeprefix('image/')}"

    def data_url(self) -> str:
        return f"data:{self.media_type};base64,{pybase64.b64encode(self.data).decode('ascii')}"


async def read_pictures(frames: Mapping[Role, Path]) -> dict[Role, FrameFile]:
    """The frames of an order; raises UpstreamError if one cannot be read any more."""
    return {role: await asyncio.to_thread(_read, path) for role, path in frames.items()}


async def data_urls(pictures: Mapping[Role, FrameFile]) -> dict[Role, str]:
    """Each picture as a data URL; in a thread, since 20 MB take their time."""
    return await asyncio.to_thread(
        lambda: {role: picture.data_url() for role, picture in pictures.items()}
    )


def bare_base64(data_url: str) -> str:
    """The base64 of a data URL, for an upstream that wants no `data:` before it."""
    return data_url.partition(",")[2]


def _read(path: Path) -> FrameFile:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UpstreamError("a frame of the task cannot be read any more") from error
    found = format_of(data[:64])
    return FrameFile(data, _MEDIA_TYPES[found] if found else "application/octet-stream")
