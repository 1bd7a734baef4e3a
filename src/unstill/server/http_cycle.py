"""One request of a connection, and its answer: uvicorn's own, with less around each.

uvicorn makes more of a request than is read here, and sends an answer in two messages, head and
body, each checked and written for itself. Most answers are small and known whole: such a one is
one message of the type `WHOLE` and one write. The figures are in benchmarks/PROFILE.md.
"""

from __future__ import annotations

import asyncio
import urllib.parse
from typing import Any, cast

import httptools
from uvicorn._types import ASGISendEvent, HTTPScope
from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

WHOLE = "unstill.whole_answer"  # a message: status, headers with a content-length, body

_ASGI = {"version": "3.0", "spec_version": "2.3"}
_CONTROLS = bytes((*range(0x09), *range(0x0A, 0x20), 0x7F))  # no header has one (RFC 9110, 5.5)
_LINE_END_BYTES = 2
_HEAD_END = b"\r\n\r\n"


class SecondRequest(Exception):
    """Two requests in what should be one: framed in a way that parsers read differently."""


class Cycle(RequestResponseCycle):
    """Sends whole answers too."""

    def __init__(self, protocol: RequestProtocol, *, version: str) -> None:
        """Sets what uvicorn's own does, without the names of a dozen parameters."""
        self.scope = protocol.scope
        self.transport = protocol.transport
        self.flow = protocol.flow
        self.logger = protocol.logger
        self.access_logger = protocol.access_logger
        self.access_log = False
        self.default_headers = protocol.server_state.default_headers
        self.message_event = asyncio.Event()
        self.on_response = protocol.on_response_complete
        self.disconnected = False
        self.keep_alive = version != "1.0" and protocol.parser.should_keep_alive()
        self.waiting_for_100_continue = protocol.expect_100_continue
        self.body = bytearray()
        self.more_body = True
        self.response_started = False
        self.response_complete = False
        self.chunked_encoding = None
        self.expected_content_length = 0

    async def send(self, message: ASGISendEvent) -> None:
        if message["type"] != WHOLE:
            await super().send(message)
            return
        if self.flow.write_paused and not self.disconnected:
            await self.flow.drain()
        if not self.disconnected:
            self._send_whole(cast("dict[str, Any]", message))

    def _send_whole(self, message: dict[str, Any]) -> None:
        if self.response_started:
            raise RuntimeError("an answer was sent when another one had begun")
        pairs = [*self.default_headers, *message["headers"]]
        if not self.keep_alive:
            pairs.append((b"connection", b"close"))
        lines = b"\r\n".join(map(b": ".join, pairs))
        # What of it has no place in a header but the line ends between them.
        controls = len(lines) - len(lines.translate(None, _CONTROLS))
        if controls != _LINE_END_BYTES * (len(pairs) - 1):
            raise RuntimeError("Invalid HTTP header value.")
        self.response_started = self.response_complete = True
        self.waiting_for_100_continue = False
        body = b"" if self.scope["method"] == "HEAD" else message["body"]
        self.transport.write(b"".join((STATUS_LINE[message["status"]], lines, _HEAD_END, body)))
        self.message_event.set()
        if not self.keep_alive:
            self.transport.close()
        self.on_response()


class RequestProtocol(HttpToolsProtocol):
    """Makes a scope with what is read of it, and one cycle at a time."""

    __slots__ = ()

    def on_message_begin(self) -> None:
        self.url = b""
        self.headers = []
        self.expect_100_continue = False

    def on_headers_complete(self) -> None:
        before = self.cycle
        if before is not None and not before.response_complete:
            raise SecondRequest
        version = self.parser.get_http_version()
        self.scope = self._scope(version)
        cycle = self.cycle = Cycle(self, version=version)
        task = self.loop.create_task(cycle.run_asgi(self.app))
        task.add_done_callback(self.tasks.discard)
        self.tasks.add(task)

    def _scope(self, version: str) -> HTTPScope:
        url = httptools.parse_url(self.url)
        path = url.path.decode("ascii")
        return {
            "type": "http",
            "asgi": _ASGI,  # type: ignore[typeddict-item]
            "http_version": version,
            "server": self.server,
            "client": self.client,
            "scheme": self.scheme or "http",
            "method": self.parser.get_method().decode("ascii"),
            "root_path": "",
            "path": urllib.parse.unquote(path) if "%" in path else path,
            "raw_path": url.path,
            "query_string": url.query or b"",
            "headers": self.headers,
            "extensions": self.extensions,
        }

    @property
    def extensions(self) -> dict[str, Any]:
        """What a request may ask of its connection besides ASGI's messages."""
        return {WHOLE: {}}
