"""Slow and oversized callers end here: uvicorn by itself waits for ever and takes any header.

A caller who has begun something owes us the rest of it by a time; one who asked for something
owes us to take it. `sweep` ends the connections of those who do not. One request of a connection
is parsed at a time: what comes behind it is kept as it came, and costs nothing, until its turn.

This stands on parts of uvicorn that are its own affair: `tests/unit/test_uvicorn_parts.py` says
which, and pyproject.toml which releases have them.
"""

from __future__ import annotations

import asyncio
import re
from typing import Any

import httptools
from uvicorn._types import HTTPScope
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT, FlowControl

from unstill.domain.owner import Owner
from unstill.server.connection_limit import Crowd
from unstill.server.http_cycle import WHOLE, RequestProtocol
from unstill.server.http_framing import END, ChunksTooSmall, Framing, HeadTooLarge, is_one_request
from unstill.server.proxies import OUTER_HOST, Proxies
from unstill.server.sendfile import Outlet, ReaderGone

# How long each may take is a setting, in server/server_limits.py.
BODY_PIECE_BYTES = 64 * 1024
# A body that was answered before its end is still read, and dropped: closing on it would reset the
# connection, and the answer be lost (RFC 9112, 9.6).
LEFTOVER_WITHIN_S = 30.0
# So much of the requests behind the one that is answered is kept; one read is up to 256 KiB.
MOST_KEPT_BYTES = 16 * 1024
MOST_KEPT_OF_ALL_BYTES = 32 * 1024**2
# A long address that is all escapes takes milliseconds to read. Names are short, and the longest
# question has a handful of them.
MOST_URL_ESCAPES = 1000

NO_PROXIES = Proxies()
# Extensions in the scope: what GuardedProtocol does by these names.
SEND_FILE = "unstill.send_file"
SHOW_OWNER = "unstill.show_owner"
BREAK_OFF = "unstill.break_off"

_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\n"
    b"connection: close\r\n\r\n"
)
_TOO_LONG = b"HTTP/1.1 414 URI Too Long\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
_FULL = (
    b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\ncontent-length: 0\r\n"
    b"connection: close\r\n\r\n"
)


class UpgradeOffered(Exception):
    """A request that may be answered in another protocol, and will be in this one."""


class Flow(FlowControl):
    """Reading that whoever waits for a body or a hang-up cannot resume while enough is kept."""

    is_held = False

    def resume_reading(self) -> None:
        if not self.is_held:
            super().resume_reading()


class GuardedProtocol(RequestProtocol):
    """Knows by when its caller has to bring or to take something."""

    # Python keeps the names of up to 30 attributes once for all instances, and uvicorn has 28:
    # with these beside them each connection would take a kilobyte more.
    __slots__ = (
        "_crowd",
        "_due_s",
        "_framing",
        "_has_taken",
        "_is_in_message",
        "_kept",
        "_kept_from",
        "_piece_bytes",
        "_proxies",
        "_untaken_bytes",
        "_untaken_since_s",
        "counted_at",
    )

    flow: Flow

    def __init__(
        self, *args: Any, crowd: Crowd, proxies: Proxies = NO_PROXIES, **kwargs: Any
    ) -> None:
        """`proxies`: who may say of a call that it is somebody else's."""
        super().__init__(*args, **kwargs)
        # Nothing is ever in it, and a deque takes 0.7 KiB in each connection.
        self.pipeline = ()  # type: ignore[assignment]
        self._crowd = crowd
        self._proxies: Proxies | None = proxies  # None: this caller is no proxy
        self.counted_at = ""  # the address that the connection counts for
        self._kept = b""  # what came behind the request that is being answered
        self._kept_from = 0  # up to there it was parsed
        self._framing: Framing | None = None  # a request has it that did not come in one piece
        self._is_in_message = False  # its head is parsed, its end is not
        self._due_s: float | None = None  # the next part of a request, or the next request
        self._piece_bytes = 0
        self._untaken_bytes = 0
        self._untaken_since_s = 0.0
        self._has_taken = False  # since the last look: a full buffer went down

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.flow = Flow(transport)
        self._untaken_since_s = self.loop.time()
        self._due_s = self._untaken_since_s + self._crowd.patience.head_within_s
        self.counted_at = host = "" if self.client is None else self.client[0]
        if self._proxies is not None and not self._proxies.trusts(host):
            self._proxies = None
        if not self._crowd.enter(self, host, is_proxy=self._proxies is not None):
            self._refuse(_FULL)

    def connection_lost(self, exc: Exception | None) -> None:
        self._crowd.leave(self, self.counted_at)
        self._crowd.kept_bytes -= len(self._kept)
        self._kept, self._kept_from = b"", 0
        super().connection_lost(exc)

    def resume_writing(self) -> None:
        self._has_taken = True
        super().resume_writing()

    # --- what comes in ------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        cycle = self.cycle
        # Nearly every request comes alone and in one piece.
        if (
            self._framing is None
            and (cycle is None or cycle.response_complete)
            and is_one_request(data)
        ):
            self._parse(data)
        else:
            self._go_on(self._kept[self._kept_from :] + data if self._kept else data, 0)

    def _go_on(self, data: bytes, start: int) -> None:
        """Parse from `start` to the end of one request; what is behind it is kept for its turn."""
        while start < len(data) and not self.transport.is_closing():
            if self._framing is None:
                if self._is_answering:
                    break
                # Before the parser says so: line feeds before a request are no request to it. But
                # who sends them while it waits for an answer owes nothing by that (RFC 9112, 2.2).
                self._framing = Framing()
                self._due_s = self.loop.time() + self._crowd.patience.head_within_s
            try:
                end = self._framing.end_of_piece(data, start)
            except HeadTooLarge:
                self._refuse(_TOO_LARGE)
            except ChunksTooSmall:
                self.send_400_response("The chunks of this body are too small.")
            else:
                self._parse(data[start:end])
                start = end
        self._keep(data, start)

    def _keep(self, data: bytes, start: int) -> None:
        """Hold what lies behind `start`; nothing of a connection that is over."""
        rest_bytes = 0 if self.transport.is_closing() else len(data) - start
        before_bytes = len(self._kept)
        self._kept, self._kept_from = (data, start) if rest_bytes else (b"", 0)
        kept_bytes = len(self._kept)
        if not kept_bytes and not before_bytes:
            return
        self._crowd.kept_bytes += kept_bytes - before_bytes
        self.flow.is_held = rest_bytes > MOST_KEPT_BYTES
        if self._crowd.kept_bytes > MOST_KEPT_OF_ALL_BYTES:
            self._crowd.kept_bytes -= kept_bytes
            self._kept, self._kept_from = b"", 0
            self.cycle.keep_alive = False  # nothing behind the answer will be served
            self.flow.is_held = True
        if self.flow.is_held:
            self.flow.pause_reading()
        else:
            self.flow.resume_reading()

    def _parse(self, data: bytes) -> None:
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError as error:
            if isinstance(error.__context__, UpgradeOffered):
                self._pass_over_upgrade(body=data.partition(END)[2])
            else:
                self.send_400_response("Invalid HTTP request received.")
            return
        if self._is_in_message:
            self._hear_body()

    def _pass_over_upgrade(self, *, body: bytes) -> None:
        """Read the same head again, without the offer: its body would be lost otherwise.

        `body`: of it, what came with the end of the head.
        """
        version = self.parser.get_http_version().encode()
        lines = [self.parser.get_method(), b" ", self.url, b" HTTP/", version, b"\r\n"]
        for name, value in self.headers:
            if name != b"upgrade":
                lines += [name, b": ", value, b"\r\n"]
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        self._parse(b"".join([*lines, b"\r\n", body]))

    def _hear_body(self) -> None:
        """The head is parsed and the request is not over."""
        if self._framing is None:
            self._framing = Framing()
            self._framing.begin_body(self.headers)
            self._owe_a_piece()
        cycle = self.cycle
        if cycle.response_complete or not cycle.body:
            return
        if self._piece_bytes >= BODY_PIECE_BYTES:
            self._owe_a_piece()
        if len(cycle.body) > HIGH_WATER_LIMIT:
            self.flow.pause_reading()
        cycle.message_event.set()

    # --- what the parser says -----------------------------------------------------------------

    def on_headers_complete(self) -> None:
        if len(self.url) > MOST_URL_ESCAPES and self.url.count(b"%") > MOST_URL_ESCAPES:
            self._refuse(_TOO_LONG)
            raise HeadTooLarge
        if self.parser.should_upgrade() and self.parser.get_method() != b"CONNECT":
            raise UpgradeOffered
        if not self.url.startswith((b"/", b"*")):
            self._take_host_of_target()
        self._is_in_message = True
        self._framing = None
        super().on_headers_complete()

    def _scope(self, version: str) -> HTTPScope:
        scope = super()._scope(version)
        if self._proxies is None or self.client is None:
            return scope
        outside = self._proxies.outside(self.client[0], self.headers)
        if outside.client != self.client[0]:
            scope["client"] = (outside.client, 0)  # its port is nobody's business
        scope["scheme"] = outside.scheme or scope["scheme"]
        scope[OUTER_HOST] = outside.host  # type: ignore[literal-required]
        self._crowd.move(self, self.counted_at, outside.client)
        self.counted_at = outside.client
        return scope

    @property
    def extensions(self) -> dict[str, Any]:
        return {
            WHOLE: {},
            SEND_FILE: self.send_file,
            SHOW_OWNER: self.show_owner,
            BREAK_OFF: self.break_off,
        }

    def show_owner(self, owner: Owner) -> bool:
        """Whether the owner whose key was shown may have this connection too; else it ends."""
        has_place = self._crowd.show(self, owner)
        if not has_place:
            self.cycle.keep_alive = False
        return has_place

    def _take_host_of_target(self) -> None:
        """Where the target is a whole address, its host counts, not `Host` (RFC 9112, 3.2.2)."""
        host = re.split(b"[/?#]", self.url.partition(b"://")[2], maxsplit=1)[0]
        named = [(name, host if name == b"host" else value) for name, value in self.headers]
        self.headers[:] = named

    def on_body(self, body: bytes) -> None:
        self._piece_bytes += len(body)
        if not self.cycle.response_complete:
            self.cycle.body += body

    def on_message_complete(self) -> None:
        self._is_in_message = False
        self._framing = None
        cycle = self.cycle
        if cycle.response_complete:
            self._due_s = self.loop.time() + self._crowd.patience.kept_alive_s
            return
        self._due_s = None
        cycle.more_body = False
        cycle.message_event.set()

    def on_response_complete(self) -> None:
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        within_s = LEFTOVER_WITHIN_S if self._is_in_message else self._crowd.patience.kept_alive_s
        self._due_s = self.loop.time() + within_s
        if self.flow.read_paused:
            self.flow.is_held = False
            self.flow.resume_reading()
        if self._kept:
            self._go_on(self._kept, self._kept_from)

    # --- what goes out ------------------------------------------------------------------------

    async def send_file(self, file: int, start: int, size_bytes: int) -> None:
        """A part of an open file as part of the answer's body, past this process's memory.

        Raises ReaderGone, EOFError.
        """
        cycle, transport = self.cycle, self.transport
        transport.set_write_buffer_limits(high=0)  # what was written before goes first, all of it
        while transport.get_write_buffer_size() and not transport.is_closing():
            await (self.flow.drain() if self.flow.write_paused else asyncio.sleep(0))
        outlet = None
        try:
            if transport.is_closing():
                raise ReaderGone
            outlet = Outlet(transport.get_extra_info("socket").fileno(), file)
            await outlet.send(start, size_bytes)
            cycle.expected_content_length -= size_bytes
        except (ReaderGone, EOFError):
            self.break_off()
            raise
        finally:
            if outlet is not None:
                outlet.close()
            if not transport.is_closing():
                transport.set_write_buffer_limits()

    def break_off(self) -> None:
        """End the connection in the midst of an answer that cannot be brought to its end."""
        self.cycle.disconnected = True
        self.transport.abort()

    def send_400_response(self, msg: str) -> None:
        if not self.transport.is_closing():  # else it was refused already, in better words
            super().send_400_response(msg)

    def _refuse(self, answer: bytes) -> None:
        self.transport.write(answer)
        self.transport.close()

    # --- what is owed -------------------------------------------------------------------------

    @property
    def idle_rank(self) -> tuple[int, float] | None:
        """Who has never asked goes first, then who is still asking, then who was answered."""
        if self._is_answering or self._is_in_message or self._due_s is None:
            return None
        rank = 0 if self.cycle is None else 2
        return (rank if self._framing is None else 1, self._due_s)

    def hang_up(self) -> None:
        self.transport.abort()

    def end_if_stuck(self, now_s: float) -> None:
        """End the connection if its caller has had the time for what is owed."""
        if self._is_late(now_s) or self._takes_nothing(now_s):
            self.hang_up()  # a close would wait for what the caller does not take

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
        return now_s - self._untaken_since_s > self._crowd.patience.untaken_within_s

    @property
    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _owe_a_piece(self) -> None:
        self._piece_bytes = 0
        self._due_s = self.loop.time() + self._crowd.patience.body_piece_within_s


def sweep(connections: set[GuardedProtocol], now_s: float) -> None:
    """End the connections whose callers are stuck; called about once a second."""
    for connection in tuple(connections):
        connection.end_if_stuck(now_s)
