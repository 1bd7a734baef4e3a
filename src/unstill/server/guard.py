"""Slow and oversized requests end here: uvicorn by itself waits for ever and takes any header."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEADERS_WITHIN_S = 10.0  # from the connection, or the request's first byte, to its last header
BODY_SILENCE_S = 15.0  # between two pieces of a body
MOST_HEADER_BYTES = 64 * 1024  # of the request line and all headers


class GuardedProtocol(HttpToolsProtocol):
    """Notes when it last heard something; `sweep` closes what has gone silent or drips."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._heads_since: float | None = None  # waiting for a request's headers since then
        self._heard_at = 0.0
        self._header_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._heads_since = self._heard_at = self.loop.time()

    def data_received(self, data: bytes) -> None:
        self._heard_at = self.loop.time()
        super().data_received(data)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._header_bytes = 0
        if self._heads_since is None:
            self._heads_since = self._heard_at

    def on_url(self, url: bytes) -> None:
        self._count(url)
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count(name + value)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._heads_since = None
        super().on_headers_complete()

    def _count(self, part: bytes) -> None:
        self._header_bytes += len(part)
        if self._header_bytes > MOST_HEADER_BYTES and not self.transport.is_closing():
            self.transport.write(
                b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
                b"content-length: 0\r\nconnection: close\r\n\r\n"
            )
            self.transport.close()

    def is_stuck(self, now_s: float) -> bool:
        """Whether the caller has had its time for the headers or for the next piece of the body."""
        if self._heads_since is not None:
            return now_s - self._heads_since > HEADERS_WITHIN_S
        is_in_body = self.cycle is not None and self.cycle.more_body and self.cycle.body == b""
        return is_in_body and now_s - self._heard_at > BODY_SILENCE_S

    def end(self) -> None:
        self.transport.close()


def sweep(connections: set[GuardedProtocol], now_s: float) -> None:
    """Close the connections whose callers are stuck; called about once a second."""
    for connection in tuple(connections):
        if connection.is_stuck(now_s):
            connection.end()
