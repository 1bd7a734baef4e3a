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


class SecondRequest(Exception):
    """Two requests in what should be one: framed in a way that parsers read differently."""


class Cycle(RequestResponseCycle):
    """Sends whole answers too."""

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
        parts = [STATUS_LINE[message["status"]]]
        for name, value in pairs:
            parts += (name, b": ", value, b"\r\n")
        head = b"".join(parts)
        # What of it has no place in a header but the ends of the lines themselves.
        controls = len(head) - len(head.translate(None, _CONTROLS))
        if controls != _LINE_END_BYTES * (len(pairs) + 1):
            raise RuntimeError("Invalid HTTP header value.")
        self.response_started = self.response_complete = True
        self.waiting_for_100_continue = False
        body = b"" if self.scope["method"] == "HEAD" else message["body"]
        self.transport.write(b"%b\r\n%b" % (head, body))
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
        cycle = self.cycle = Cycle(
            scope=self.scope,
            transport=self.transport,
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=False,
            default_headers=self.server_state.default_headers,
            message_event=asyncio.Event(),
            expect_100_continue=self.expect_100_continue,
            keep_alive=version != "1.0" and self.parser.should_keep_alive(),
            on_response=self.on_response_complete,
        )
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
