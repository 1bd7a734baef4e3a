"""A finished video's file over HTTP: whole, in ranges, or not at all when the caller has it."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import PurePath
from typing import Any

import structlog
from starlette.responses import FileResponse
from starlette.types import Message, Receive, Scope, Send

from unstill.dialects.verbs import MEDIA_TYPES
from unstill.domain.errors import BadBody, Overloaded, StorageFailed
from unstill.domain.file_errors import BadRange
from unstill.domain.owner import EVERYONE, Owner
from unstill.files.port import OpenFile, StoredFile, Stretch
from unstill.server.body import ClientGone
from unstill.server.connection_guard import BREAK_OFF, SEND_FILE
from unstill.server.fair_shares import Shares, caller_at
from unstill.server.sendfile import ReaderGone

log = structlog.get_logger()


class Pieces:
    """An open file as FileResponse reads one: from where it was told to seek, piece by piece."""

    def __init__(self, file: OpenFile, size_bytes: int) -> None:
        self._file = file
        self._size_bytes = size_bytes
        self._at = 0

    async def seek(self, start: int) -> None:
        self._at = start

    async def read(self, most_bytes: int) -> Stretch | bytes:
        size_bytes = min(most_bytes, self._size_bytes - self._at)
        piece = await self._file.read(self._at, size_bytes) if size_bytes > 0 else b""
        self._at += len(piece)
        return piece


class VideoFile(FileResponse):
    """A stored file, sent as its store reads it; refusals of a range are ours to word."""

    def __init__(self, stored: StoredFile, **given: Any) -> None:
        size_bytes, changed_s = stored.size_bytes, stored.changed_s
        of_stat = os.stat_result((0, 0, 0, 0, 0, 0, size_bytes, changed_s, changed_s, changed_s))
        super().__init__(stored.name, stat_result=of_stat, **given)
        self._stored = stored

    @asynccontextmanager
    async def _open_file(self) -> AsyncIterator[Any]:
        async with self._stored.opened() as file:
            self.chunk_size = file.piece_bytes
            yield Pieces(file, self._stored.size_bytes)


class Openings:
    """The downloads that are going on: none of those who share has more than it leaves to others.

    Counted are an address, a video, and the owner of the video over all of its addresses and links.
    """

    def __init__(self, most: int, *, per_address: int = 0, per_owner: int = 0) -> None:
        """`per_address`, `per_owner`: no more than so many, whatever is free; 0: no such limit."""
        self._by_address = Shares(most)
        self._by_owner = Shares(most)
        self._by_job = Shares(most)
        self._per_address = per_address
        self._per_owner = per_owner

    @contextmanager
    def one(self, *, address: str, job_id: str, owner: Owner = EVERYONE) -> Iterator[None]:
        """Raises Overloaded."""
        caller = caller_at(address)
        wanted = [
            (self._by_address, caller, self._per_address, "from your address"),
            (self._by_job, job_id, 0, "of this video"),
        ]
        if owner != EVERYONE:
            wanted.append((self._by_owner, owner, self._per_owner, "of its owner's videos"))
        with ExitStack() as taken:
            for shares, who, most, what in wanted:
                if not shares.take(who, 1, most_each=most):
                    raise Overloaded(f"too many downloads {what} at once, try again shortly")
                taken.callback(shares.give, who, 1)
            yield


# What an answer says of a file, from wherever it is sent.
_SAID = ("content-type", "content-disposition", "cache-control")


async def send_video(
    stored: StoredFile,
    *,
    job_id: str,
    owner: Owner,
    request_id: str,
    inline: bool,
    openings: Openings,
    asgi: tuple[Scope, Receive, Send],
) -> None:
    """Answer GET or HEAD for a finished video, or for a picture of one: with it, or where it is.

    Raises BadRange if the range asked for lies outside of it, Overloaded if as many are sent
    already.
    """
    scope, _, send = asgi
    suffix = PurePath(stored.name).suffix
    response = VideoFile(
        stored,
        media_type=MEDIA_TYPES[suffix],
        filename=f"{job_id}{suffix}",
        content_disposition_type="inline" if inline else "attachment",
        headers={"cache-control": "private, max-age=86400", "x-request-id": request_id},
    )
    if not _is_of_own_page(scope):
        said = {name: response.headers[name] for name in _SAID}
        if (elsewhere := stored.address(scope["method"], said)) is not None:
            await _lead_to(elsewhere, request_id, send)
            return
    await send_file(
        response,
        stored,
        job_id=job_id,
        owner=owner,
        request_id=request_id,
        openings=openings,
        asgi=asgi,
    )


async def send_file(
    response: VideoFile,
    stored: StoredFile,
    *,
    job_id: str,
    owner: Owner,
    request_id: str,
    openings: Openings,
    asgi: tuple[Scope, Receive, Send],
) -> None:
    """Answer with a job's file from here. Raises BadRange, Overloaded, StorageFailed."""
    scope, receive, send = asgi
    known = dict(scope["headers"]).get(b"if-none-match", b"").decode("latin-1")
    if knows(known, response.headers["etag"]):
        await _send_not_modified(response, send)
        return

    body = _Body(stored, scope, send)
    address = (scope["client"] or ("",))[0]
    with openings.one(address=address, job_id=job_id, owner=owner):
        try:
            await response(scope, receive, body.send)
        except ReaderGone:
            raise ClientGone from None
        except StorageFailed as error:
            if not body.has_begun:
                raise
            about = {"job_id": job_id, "owner": owner, "request_id": request_id}
            log.warning("download_broken_off", **about, why=error.message)
            scope["extensions"][BREAK_OFF]()
            raise ClientGone from None


class _Body:
    """What is sent of a file. Its head waits for the first of it, which may not be had."""

    def __init__(self, stored: StoredFile, scope: Scope, send: Send) -> None:
        self._size_bytes = stored.size_bytes
        self._send = send
        self._send_file = scope["extensions"][SEND_FILE]
        self._head: Message | None = None
        self.has_begun = False

    async def send(self, message: Message) -> None:
        """Raises BadRange, BadBody, ReaderGone."""
        if message["type"] == "http.response.start":
            _refuse(message["status"], self._size_bytes)
            self._head = message
            return
        head, self._head = self._head, None
        if head is not None:
            self.has_begun = True
            await self._send(head)
        body = message.get("body")
        if isinstance(body, Stretch):
            await self._send_file(body.file, body.start, body.size_bytes)
            message = {**message, "body": b""}
        await self._send(message)


def knows(known: str, etag: str) -> bool:
    """Whether If-None-Match names the tag; compared weakly (RFC 9110, 13.1.2)."""
    tags = {tag.strip().removeprefix("W/") for tag in known.split(",")}
    return not tags.isdisjoint({etag, "*"})


def _refuse(status: int, size_bytes: int) -> None:
    if status == 416:
        raise BadRange(size_bytes)
    if status == 400:
        raise BadBody("the Range header must be of the form bytes=first-last")


def _is_of_own_page(scope: Scope) -> bool:
    """Whether a page of this server asks, whose content policy lets it load from here alone."""
    # W3C Fetch Metadata; to a host without TLS that is not this machine, a browser says nothing.
    site = dict(scope["headers"]).get(b"sec-fetch-site")
    return site == b"same-origin" or (site is None and b"ticket=" in scope["query_string"])


async def _lead_to(address: str, request_id: str, send: Send) -> None:
    headers = [
        (b"location", address.encode()),
        (b"cache-control", b"no-store"),  # the address is over sooner than the file
        (b"content-length", b"0"),
        (b"x-request-id", request_id.encode()),
    ]
    await send({"type": "http.response.start", "status": 307, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


async def _send_not_modified(response: FileResponse, send: Send) -> None:
    kept = {b"etag", b"cache-control", b"last-modified", b"x-request-id"}
    headers: list[Any] = [pair for pair in response.raw_headers if pair[0] in kept]
    await send({"type": "http.response.start", "status": 304, "headers": headers})
    await send({"type": "http.response.body", "body": b""})
