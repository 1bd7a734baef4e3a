"""Slow and oversized callers end here: uvicorn by itself waits for ever and takes any header.

A caller who has begun something owes us the rest of it by a time; one who asked for something
owes us to take it. `sweep` ends the connections of those who do not.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

HEADERS_WITHIN_S = 10.0  # from the connection, or the request's first byte, to its last header
# A drip of single bytes would hold a body's memory for ever: 4 KiB a second is a bad GPRS line.
BODY_PIECE_BYTES = 64 * 1024
BODY_PIECE_WITHIN_S = 15.0
# A body that was answered before its end is still read, and dropped: closing on it would reset the
# connection, and the answer be lost (RFC 9112, 9.6).
LEFTOVER_WITHIN_S = 30.0
UNTAKEN_WITHIN_S = 60.0  # an answer of which the caller takes nothing
MOST_HEADER_BYTES = 64 * 1024  # of the request line and all headers
READ_BYTES = 256 * 1024  # uvloop and asyncio give a protocol at most that at once

_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\n"
    b"connection: close\r\n\r\n"
)
_FULL = (
    b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\ncontent-length: 0\r\n"
    b"connection: close\r\n\r\n"
)


class HeadersTooLarge(Exception):
    """Stops the parser: what follows the headers must not be taken for a request."""


class Pipeline(list[tuple[RequestResponseCycle, ASGI3Application]]):
    """Requests behind one that is being answered: few, and mostly none.

    The deque in its place takes 0.7 KiB in each connection, used or not.
    """

    __slots__ = ()

    def appendleft(self, item: tuple[RequestResponseCycle, ASGI3Application]) -> None:
        self.insert(0, item)


class GuardedProtocol(HttpToolsProtocol):
    """Knows by when its caller has to bring or to take something."""

    # Python keeps the names of up to 30 attributes once for all instances, and uvicorn has 28:
    # with these beside them each connection would take a kilobyte more.
    __slots__ = (
        "_answering",
        "_due_s",
        "_has_taken",
        "_head_bytes",
        "_is_in_head",
        "_most_connections",
        "_piece_bytes",
        "_read_bytes",
        "_untaken_bytes",
        "_untaken_since_s",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.pipeline = Pipeline()  # type: ignore[assignment]
        # uvicorn itself would refuse the requests of connections that it has taken.
        self._most_connections, self.limit_concurrency = self.limit_concurrency, None
        self._answering: RequestResponseCycle | None = None  # the request that is being answered
        self._due_s: float | None = None  # the next part of a request; None between requests
        self._piece_bytes = 0
        self._is_in_head = False  # or in the trailers behind a body's last chunk
        self._read_bytes = 0
        self._head_bytes = 0  # of the reads since it began, with what else was in the first one
        self._untaken_bytes = 0
        self._untaken_since_s = 0.0
        self._has_taken = False  # since the last look: a full buffer went down

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._untaken_since_s = self.loop.time()
        self._due_s = self._untaken_since_s + HEADERS_WITHIN_S
        if self._most_connections is not None and len(self.connections) > self._most_connections:
            transport.write(_FULL)
            transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        # uvicorn tells the newest request alone, and that may wait behind the one being answered.
        if self._answering is not None and not self._answering.response_complete:
            self._answering.disconnected = True
            self._answering.message_event.set()
        super().connection_lost(exc)

    def resume_writing(self) -> None:
        self._has_taken = True
        super().resume_writing()

    def data_received(self, data: bytes) -> None:
        # Before the parser says so: line feeds before a request are no request to it. But who sends
        # them while it waits for an answer owes nothing by that (RFC 9112, 2.2).
        if not self._is_answering:
            self._owe(HEADERS_WITHIN_S)
        self._read_bytes = len(data)
        self._head_bytes += self._read_bytes
        super().data_received(data)
        # The parser gathers a header, and tells of it only when it is whole.
        if self._is_in_head and self._head_bytes > MOST_HEADER_BYTES + READ_BYTES:
            self._refuse_head()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._begin_head()
        self._owe(HEADERS_WITHIN_S)

    def on_headers_complete(self) -> None:
        self._is_in_head = False
        if self._head_bytes > MOST_HEADER_BYTES and self._has_large_head():
            self._refuse_head()
            raise HeadersTooLarge
        self._owe_a_piece()
        super().on_headers_complete()

    def on_chunk_header(self) -> None:
        self._begin_head()

    def on_body(self, body: bytes) -> None:
        self._is_in_head = False
        self._piece_bytes += len(body)
        if self._piece_bytes >= BODY_PIECE_BYTES and not self.cycle.response_complete:
            self._owe_a_piece()
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._is_in_head = False
        self._due_s = None
        super().on_message_complete()

    def on_response_complete(self) -> None:
        if self._due_s is not None and self.cycle.response_complete:
            self._due_s = self.loop.time() + LEFTOVER_WITHIN_S
        super().on_response_complete()

    def send_400_response(self, msg: str) -> None:
        if not self.transport.is_closing():  # else it was refused already, in better words
            super().send_400_response(msg)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._answering = cycle
        super()._start_asgi_task(cycle, app)

    def end_if_stuck(self, now_s: float) -> None:
        """End the connection if its caller has had the time for what is owed."""
        if self._is_late(now_s) or self._takes_nothing(now_s):
            self.transport.abort()  # a close would wait for what the caller does not take

    def _is_late(self, now_s: float) -> bool:
        if self._due_s is None:
            return False
        if self.flow.read_paused:  # it is us who do not read
            self._owe_a_piece()
            return False
        return now_s > self._due_s

    def _takes_nothing(self, now_s: float) -> bool:
        untaken_bytes = self.transport.get_write_buffer_size()
        # More than before is not taken: a stream of events adds to what a dead caller leaves.
        if untaken_bytes == 0 or untaken_bytes < self._untaken_bytes or self._has_taken:
            self._untaken_since_s = now_s
        self._untaken_bytes, self._has_taken = untaken_bytes, False
        return now_s - self._untaken_since_s > UNTAKEN_WITHIN_S

    @property
    def _is_answering(self) -> bool:
        return self._answering is not None and not self._answering.response_complete

    def _owe(self, within_s: float) -> None:
        if self._due_s is None:
            self._due_s = self.loop.time() + within_s

    def _owe_a_piece(self) -> None:
        self._piece_bytes = 0
        self._due_s = self.loop.time() + BODY_PIECE_WITHIN_S

    def _begin_head(self) -> None:
        self._is_in_head = True
        self._head_bytes = self._read_bytes

    def _has_large_head(self) -> bool:
        headers_bytes = sum(len(name) + len(value) + len(b": \r\n") for name, value in self.headers)
        return len(self.url) + headers_bytes > MOST_HEADER_BYTES

    def _refuse_head(self) -> None:
        self.transport.write(_TOO_LARGE)
        self.transport.close()


def sweep(connections: set[GuardedProtocol], now_s: float) -> None:
    """End the connections whose callers are stuck; called about once a second."""
    for connection in tuple(connections):
        connection.end_if_stuck(now_s)
