"""A finished video's file over HTTP: whole, in ranges, or not at all when the caller has it."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from starlette.responses import FileResponse
from starlette.types import Message, Receive, Scope, Send

from unstill.domain.errors import BadBody, BadRange, NoVideo, Overloaded
from unstill.server.body import ClientGone
from unstill.server.connection_guard import SEND_FILE
from unstill.server.fair_shares import Shares, caller_at
from unstill.server.sendfile import ReaderGone

MEDIA_TYPES = {".mp4": "video/mp4", ".webp": "image/webp", ".jpg": "image/jpeg"}


class Stretch:
    """Bytes of an open file that are somewhere in it, and stay there until they are sent."""

    __slots__ = ("file", "size_bytes", "start")

    def __init__(self, file: int, start: int, size_bytes: int) -> None:
        self.file = file
        self.start = start
        self.size_bytes = size_bytes

    def __len__(self) -> int:
        return self.size_bytes


class Stretches:
    """A file as FileResponse reads one: what it is given are stretches of it."""

    def __init__(self, file: int) -> None:
        self._file = file
        self._size_bytes = os.fstat(file).st_size
        self._at = 0

    async def seek(self, start: int) -> None:
        self._at = start

    async def read(self, most_bytes: int) -> Stretch:
        size_bytes = min(most_bytes, self._size_bytes - self._at)
        stretch = Stretch(self._file, self._at, size_bytes)
        self._at += size_bytes
        return stretch


class VideoFile(FileResponse):
    """A file that is sent past this process's memory; refusals of a range are ours to word."""

    chunk_size = sys.maxsize  # a stretch of any length costs nothing

    @asynccontextmanager
    async def _open_file(self) -> AsyncIterator[Any]:
        file = await asyncio.to_thread(os.open, self.path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            yield Stretches(file)
        finally:
            os.close(file)


class Openings:
    """The downloads that are going on: no address and no job has more than it leaves to others."""

    def __init__(self, most: int) -> None:
        self._by_address = Shares(most)
        self._by_job = Shares(most)

    @contextmanager
    def one(self, *, address: str, job_id: str) -> Iterator[None]:
        """Raises Overloaded."""
        caller = caller_at(address)
        if not self._by_address.take(caller, 1):
            raise Overloaded("too many downloads at once from your address, try again shortly")
        try:
            if not self._by_job.take(job_id, 1):
                raise Overloaded("too many downloads of this video at once, try again shortly")
            try:
                yield
            finally:
                self._by_job.give(job_id, 1)
        finally:
            self._by_address.give(caller, 1)


async def send_video(
    path: Path,
    *,
    job_id: str,
    request_id: str,
    inline: bool,
    openings: Openings,
    asgi: tuple[Scope, Receive, Send],
) -> None:
    """Answer GET or HEAD for a finished video, or for a picture of one.

    Raises NoVideo if its file is gone, BadRange if the range asked for lies outside of it,
    Overloaded if as many are sent already.
    """
    scope, receive, send = asgi
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

    send_file = scope["extensions"][SEND_FILE]

    async def send_or_refuse(message: Message) -> None:
        if message["type"] == "http.response.start":
            _refuse(message["status"], stat.st_size)
        body = message.get("body")
        if isinstance(body, Stretch):
            await send_file(body.file, body.start, body.size_bytes)
            message = {**message, "body": b""}
        await send(message)

    address = (scope["client"] or ("",))[0]
    with openings.one(address=address, job_id=job_id):
        try:
            await response(scope, receive, send_or_refuse)
        except ReaderGone:
            raise ClientGone from None


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
