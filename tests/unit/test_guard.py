from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState

from unstill.server.guard import (
    BODY_PIECE_BYTES,
    BODY_PIECE_WITHIN_S,
    HEADERS_WITHIN_S,
    LEFTOVER_WITHIN_S,
    MOST_HEADER_BYTES,
    READ_BYTES,
    UNTAKEN_WITHIN_S,
    GuardedProtocol,
    sweep,
)

LARGE_ANSWER_BYTES = 32 * 2**20  # more than a socket takes by itself
POST = b"POST /read HTTP/1.1\r\nhost: x\r\n"
CHUNKS = b"transfer-encoding: chunked\r\n\r\n"
CHUNKED = POST + CHUNKS


async def answering(scope: Scope, receive: Receive, send: Send) -> None:
    """`/read` reads the body first, `/large` answers much, `/stream` for ever, all else at once."""
    while scope["path"] == "/read" and (await receive()).get("more_body"):
        pass
    if scope["path"] == "/stream":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"ok", "more_body": True})
        while (await receive())["type"] != "http.disconnect":
            pass
        return
    body = b"x" * (LARGE_ANSWER_BYTES if scope["path"] == "/large" else 2)
    length = str(len(body)).encode()
    headers = [(b"content-length", length)]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


class Line:
    """A caller's end of a connection, and the guarded protocol at the other."""

    def __init__(self, caller: socket.socket, protocol: GuardedProtocol) -> None:
        self._caller = caller
        self.protocol = protocol
        self._loop = asyncio.get_running_loop()

    async def send(self, data: bytes) -> None:
        await self._loop.sock_sendall(self._caller, data)
        await asyncio.sleep(0.02)

    async def hear(self) -> bytes:
        async with asyncio.timeout(5):
            return await self._loop.sock_recv(self._caller, 4096)

    def is_open_after(self, seconds: float) -> bool:
        """Whether a sweep so much later than now would let the connection live."""
        sweep({self.protocol}, self._loop.time() + seconds)
        return not self.protocol.transport.is_closing()


@asynccontextmanager
async def connected(*, limit_concurrency: int | None = None) -> AsyncIterator[Line]:
    config = uvicorn.Config(answering, lifespan="off", limit_concurrency=limit_concurrency)
    state = ServerState()
    caller, ours = socket.socketpair()
    caller.setblocking(False)
    loop = asyncio.get_running_loop()
    _, protocol = await loop.connect_accepted_socket(
        lambda: GuardedProtocol(config, state, {}, loop), ours
    )
    try:
        yield Line(caller, protocol)
    finally:
        caller.close()
        protocol.transport.abort()
        await asyncio.gather(*state.tasks, return_exceptions=True)


async def test_a_silent_connection_ends() -> None:
    async with connected() as line:
        assert line.is_open_after(HEADERS_WITHIN_S - 1)
        assert not line.is_open_after(HEADERS_WITHIN_S + 1)


async def test_headers_that_drip_do_not_win_time() -> None:
    async with connected() as line:
        await line.send(b"GET / HTTP/1.1\r\n")
        await asyncio.sleep(0.3)
        await line.send(b"a: b\r\n")

        assert not line.is_open_after(HEADERS_WITHIN_S - 0.2)


async def test_line_feeds_between_requests_do_not_keep_a_connection() -> None:
    async with connected() as line:
        await line.send(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        assert (await line.hear()).startswith(b"HTTP/1.1 200")
        await line.send(b"\r\n")

        assert not line.is_open_after(HEADERS_WITHIN_S + 1)


async def test_an_answered_connection_is_left_to_its_keep_alive() -> None:
    async with connected() as line:
        await line.send(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        assert (await line.hear()).startswith(b"HTTP/1.1 200")

        assert line.is_open_after(HEADERS_WITHIN_S + 1)


async def test_a_body_that_drips_does_not_win_time() -> None:
    async with connected() as line:
        await line.send(POST + b"content-length: 1000000\r\n\r\n")
        await asyncio.sleep(0.3)
        await line.send(b"a")

        assert not line.is_open_after(BODY_PIECE_WITHIN_S - 0.2)


async def test_a_body_that_keeps_its_pace_wins_time() -> None:
    async with connected() as line:
        await line.send(POST + b"content-length: 1000000\r\n\r\n")
        await asyncio.sleep(0.3)
        await line.send(b"a" * BODY_PIECE_BYTES)

        assert line.is_open_after(BODY_PIECE_WITHIN_S - 0.2)


async def test_the_rest_of_an_answered_body_is_read_for_a_while_only() -> None:
    async with connected() as line:
        await line.send(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000\r\n\r\n")
        assert (await line.hear()).startswith(b"HTTP/1.1 200")
        await asyncio.sleep(0.3)
        await line.send(b"a" * 2 * BODY_PIECE_BYTES)

        assert line.is_open_after(LEFTOVER_WITHIN_S - 1)
        assert not line.is_open_after(LEFTOVER_WITHIN_S - 0.2)


async def test_an_answer_that_nobody_takes_ends_its_connection() -> None:
    async with connected() as line:
        await line.send(b"GET /large HTTP/1.1\r\nhost: x\r\n\r\n")

        assert line.is_open_after(0)
        assert not line.is_open_after(UNTAKEN_WITHIN_S + 1)


async def test_what_is_added_to_an_answer_that_nobody_takes_wins_no_time() -> None:
    async with connected() as line:
        await line.send(b"GET /large HTTP/1.1\r\nhost: x\r\n\r\n")
        assert line.is_open_after(0)
        line.protocol.transport.write(b":\n\n")

        assert line.is_open_after(UNTAKEN_WITHIN_S - 1)
        line.protocol.transport.write(b":\n\n")
        assert not line.is_open_after(UNTAKEN_WITHIN_S + 1)


async def test_an_answer_that_was_taken_wins_time_although_more_follows() -> None:
    async with connected() as line:
        await line.send(b"GET /large HTTP/1.1\r\nhost: x\r\n\r\n")
        assert line.is_open_after(0)
        async with asyncio.timeout(20):
            while line.protocol.flow.write_paused:
                await line.hear()
        line.protocol.transport.write(b"x" * 2 * LARGE_ANSWER_BYTES)

        assert line.is_open_after(UNTAKEN_WITHIN_S + 1)


async def test_a_stream_that_is_silent_for_long_stays_open() -> None:
    async with connected() as line:
        await line.send(b"GET /stream HTTP/1.1\r\nhost: x\r\n\r\n")
        assert (await line.hear()).endswith(b"\r\nok\r\n")

        assert line.is_open_after(100 * UNTAKEN_WITHIN_S)


async def test_an_answer_that_is_taken_slowly_goes_on() -> None:
    async with connected() as line:
        await line.send(b"GET /large HTTP/1.1\r\nhost: x\r\n\r\n")
        assert line.is_open_after(0)
        for _ in range(200):  # enough for the socket to take more from the server
            await line.hear()
        await asyncio.sleep(0.02)

        assert line.is_open_after(UNTAKEN_WITHIN_S + 1)


async def test_headers_past_the_limit_are_refused_and_what_follows_is_no_request() -> None:
    async with connected() as line:
        large = b"a: " + b"x" * MOST_HEADER_BYTES + b"\r\n"
        await line.send(b"GET / HTTP/1.1\r\n" + large + b"\r\n")

        assert (await line.hear()).startswith(b"HTTP/1.1 431 ")
        assert await line.hear() == b""
        assert line.protocol.server_state.total_requests == 0


@pytest.mark.parametrize(
    "begun",
    [b"GET /", b"GET / HTTP/1.1\r\na", b"GET / HTTP/1.1\r\na: ", CHUNKED + b"1\r\nx\r\n0\r\na: "],
    ids=["path", "name", "value", "trailer"],
)
async def test_one_endless_line_is_refused_before_it_is_large(begun: bytes) -> None:
    async with connected() as line:
        await line.send(begun)
        sent_bytes = 0
        while not line.protocol.transport.is_closing() and sent_bytes < 2**20:
            await line.send(b"x" * 2**14)
            sent_bytes += 2**14

        assert sent_bytes <= MOST_HEADER_BYTES + READ_BYTES + 2**14
        assert (await line.hear()).startswith(b"HTTP/1.1 431 ")
        assert await line.hear() == b""


@pytest.mark.parametrize("framing", [b"content-length: 400000\r\n\r\n", CHUNKS + b"61a80\r\n"])
async def test_a_body_does_not_count_as_headers_of_the_request_behind_it(framing: bytes) -> None:
    end = b"" if framing.startswith(b"content-length") else b"\r\n0\r\n\r\n"
    async with connected() as line:
        # Half of a body, then the rest of it and a head that ends only in a third read.
        await line.send(POST + framing + b"x" * 200_000)
        await line.send(b"x" * 200_000 + end + POST + b"content-length: 2\r\n")
        await line.send(b"a: " + b"x" * 60_000 + b"\r\n\r\nok")

        assert (await line.hear()).count(b"HTTP/1.1 200") == 2


async def test_a_connection_past_the_limit_is_told_so() -> None:
    async with connected(limit_concurrency=0) as line:
        assert (await line.hear()).startswith(b"HTTP/1.1 503 ")
        assert await line.hear() == b""


async def test_a_hang_up_is_noticed_with_another_request_behind_the_one_that_is_answered() -> None:
    async with asyncio.timeout(5), connected() as line:  # its end waits for the answer's
        await line.send(b"GET /stream HTTP/1.1\r\nhost: x\r\n\r\nGET / HTTP/1.1\r\nhost: x\r\n\r\n")
        heard = await line.hear()

    assert heard.startswith(b"HTTP/1.1 200")


async def test_line_feeds_behind_a_request_do_not_end_its_answer() -> None:
    async with connected() as line:
        await line.send(b"GET /stream HTTP/1.1\r\nhost: x\r\n\r\n")
        await line.send(b"\r\n")

        assert line.is_open_after(HEADERS_WITHIN_S + 1)


async def test_a_request_begun_behind_another_is_owed_like_any() -> None:
    async with connected() as line:
        await line.send(b"GET /stream HTTP/1.1\r\nhost: x\r\n\r\n")
        await line.send(b"GET / HTTP/1.1\r\na: b\r\n")

        assert not line.is_open_after(HEADERS_WITHIN_S + 1)
