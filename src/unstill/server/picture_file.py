"""A caller's own picture over HTTP, as it was given: bytes that nobody here has made.

They are told by what they begin with, whatever they were called; a browser is told to guess
nothing else, and to run nothing that may be in them. They are always sent from here: a bucket would
say none of that.
"""

from __future__ import annotations

import asyncio
import os

from starlette.types import Receive, Scope, Send

from unstill.domain.owner import Owner
from unstill.domain.request import Role
from unstill.files.port import StoredFile, Stretch
from unstill.media.picture_formats import ENOUGH_BYTES, Format, format_of
from unstill.server.video_file import Openings, VideoFile, send_file

PICTURE_TYPES: dict[Format, str] = {
    "JPEG": "image/jpeg",
    "PNG": "image/png",
    "WebP": "image/webp",
    "BMP": "image/bmp",
    "GIF": "image/gif",
    "AVIF": "image/avif",
    "HEIC": "image/heic",
}
UNKNOWN_TYPE = "application/octet-stream"
HARMLESS = {
    "x-content-type-options": "nosniff",
    "content-security-policy": "sandbox; default-src 'none'",
}


async def send_picture(
    stored: StoredFile,
    role: Role,
    *,
    job_id: str,
    owner: Owner,
    request_id: str,
    openings: Openings,
    asgi: tuple[Scope, Receive, Send],
) -> None:
    """Answer GET or HEAD for it. Raises BadRange, Overloaded, StorageFailed."""
    media_type = await _type_of(stored)
    response = VideoFile(
        stored,
        media_type=media_type,
        filename=f"{job_id}-{role}.{media_type.rpartition('/')[2]}",
        content_disposition_type="inline",
        headers={
            "cache-control": "private, max-age=86400",
            "x-request-id": request_id,
            **HARMLESS,
        },
    )
    await send_file(
        response,
        stored,
        job_id=job_id,
        owner=owner,
        request_id=request_id,
        openings=openings,
        asgi=asgi,
    )


async def _type_of(stored: StoredFile) -> str:
    async with stored.opened() as file:
        begin = await file.read(0, min(ENOUGH_BYTES, stored.size_bytes))
        if isinstance(begin, Stretch):
            begin = await asyncio.to_thread(os.pread, begin.file, begin.size_bytes, begin.start)
    found = format_of(begin)
    return UNKNOWN_TYPE if found is None else PICTURE_TYPES[found]
