"""A finished video's file over HTTP: whole, in ranges, or not at all when the caller has it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from starlette.responses import FileResponse
from starlette.types import Message, Receive, Scope, Send

from unstill.errors import BadBody, BadRange, NoVideo

MEDIA_TYPES = {".mp4": "video/mp4", ".webp": "image/webp", ".jpg": "image/jpeg"}


class VideoFile(FileResponse):
    """A file, read in large pieces; refusals of a range are ours to word."""

    chunk_size = 1024 * 1024  # measured: twice the speed of 64 KiB, half the CPU


async def send_video(
    path: Path,
    *,
    job_id: str,
    request_id: str,
    inline: bool,
    scope: Scope,
    receive: Receive,
    send: Send,
) -> None:
    """Answer GET or HEAD for a finished video, or for a picture of one.

    Raises NoVideo if its file is gone, BadRange if the range asked for lies outside of it.
    """
    try:
        stat = path.stat()  # noqa: ASYNC240  - one inode, just written or just asked for
    except FileNotFoundError:
        raise NoVideo(job_id, "its file is no longer there") from None
    response = VideoFile(
        path,
        media_type=MEDIA_TYPES[path.suffix],
        filename=f"{job_id}{path.suffix}",
        content_disposition_type="inline" if inline else "attachment",
        stat_result=stat,
        headers={"cache-control": "private, max-age=86400", "x-request-id": request_id},
    )
    known = dict(scope["headers"]).get(b"if-none-match", b"").decode("latin-1")
    if _knows(known, response.headers["etag"]):
        await _send_not_modified(response, send)
        return

    async def send_or_refuse(message: Message) -> None:
        if message["type"] == "http.response.start":
            _refuse(message["status"], stat.st_size)
        await send(message)

    await response(scope, receive, send_or_refuse)


def _knows(known: str, etag: str) -> bool:
    """Whether If-None-Match names the tag; compared weakly (RFC 9110, 13.1.2)."""
    tags = {tag.strip().removeprefix("W/") for tag in known.split(",")}
    return not tags.isdisjoint({etag, "*"})


def _refuse(status: int, size_bytes: int) -> None:
    if status == 416:
        raise BadRange(size_bytes)
    if status == 400:
        raise BadBody("the Range header must be of the form bytes=first-last")


async def _send_not_modified(response: FileResponse, send: Send) -> None:
    kept = {b"etag", b"cache-control", b"last-modified", b"x-request-id"}
    headers: list[Any] = [pair for pair in response.raw_headers if pair[0] in kept]
    await send({"type": "http.response.start", "status": 304, "headers": headers})
    await send({"type": "http.response.body", "body": b""})
