from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from tempfile import TemporaryFile

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState

from unstill.server.crowd import Crowd
from unstill.server.framing import FREE_CHUNKS, MOST_HEAD_BYTES, MOST_HEADERS
from unstill.server.guard import (
    BODY_PIECE_BYTES,
    BODY_PIECE_WITHIN_S,
    HEADERS_WITHIN_S,
    KEPT_ALIVE_S,
    LEFTOVER_WITHIN_S,
    MOST_KEPT_BYTES,
    MOST_KEPT_OF_ALL_BYTES,
    MOST_URL_ESCAPES,
    SEND_FILE,
    UNTAKEN_WITHIN_S,
    GuardedProtocol,
    sweep,
)
from unstill.server.outlet import ReaderGone

LARGE_ANSWER_BYTES = 32 * 2**20  # more than a socket takes by itself
POST = b"POST /read HTTP/1.1\r\nhost: x\r\n"
CHUNKS = b"transfer-encoding: chunked\r\n\r\n"
CHUNKED = POST + CHUNKS
GET = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"
ENDING = b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
READ_BYTES = 256 * 1024  # uvloop and asyncio give a protocol at most that at once


async def answering(scope: Scope, receive: Receive, send: Send) -> None:
    """`/read` reads the body first, `/large` answers much, `/stream` for ever, all else at once."""
    took_bytes, is_over = 0, scope["path"] != "/read"
    while not is_over:
        message = await receive()
        took_bytes += len(message.get("body", b""))
        is_over = not message.get("more_body")
    if scope["path"] == "/stream":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"ok", "more_body": True})
        while (await receive())["type"] != "http.disconnect":
            pass
        return
    if scope["path"] == "/file":
        with TemporaryFile() as file:
            file.write(b"0123456789" * 2**19)
            file.flush()
            headers = [(b"content-length", b"%d" % (10 * 2**19 + 1))]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            with suppress(ReaderGone):
                await scope["extensions"][SEND_FILE](file.fileno(), 0, 10 * 2**19)
            await send({"type": "http.response.body", "body": b"."})
        return
    said = f"{scope['path'][:20]} took {took_bytes}".encode()
    body = b"x" * LARGE_ANSWER_BYTES if scope["path"] == "/large" else said
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

    async def send_in_pieces(self, data: bytes, size: int) -> None:
        for start in range(0, len(data), size):
            await self._loop.sock_sendall(self._caller, data[start : start + size])
            await asyncio.sleep(0)

    async def hear(self) -> bytes:
        async with asyncio.timeout(5):
            return await self._loop.sock_recv(self._caller, 4096)

    def hang_up(self) -> None:
        self._caller.close()

    def is_open_after(self, seconds: float) -> bool:
        """Whether a sweep so much later than now would let the connection live."""
        sweep({self.protocol}, self._loop.time() + seconds)
        return not self.protocol.transport.is_closing()


def a_crowd(most: int = 1000) -> Crowd:
    return Crowd(most, ease=lambda _address, _most: None, clock_s=lambda: 0.0)


@asynccontextmanager
async def connected(*, most: int = 1000, crowd: Crowd | None = None) -> AsyncIterator[Line]:
    config = uvicorn.Config(answering, lifespan="off")
    state = ServerState()
    crowd = crowd or a_crowd(most)
    caller, ours = socket.socketpair()
    caller.setblocking(False)
    loop = asyncio.get_running_loop()
    _, protocol = await loop.connect_accepted_socket(
        lambda: GuardedProtocol(config, state, {}, loop, crowd=crowd), ours
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

        assert line.is_open_after(UNTAKEN_WITHIN_S / 2)
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
        large = b"a: " + b"x" * MOST_HEAD_BYTES + b"\r\n"
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

        assert sent_bytes <= MOST_HEAD_BYTES + 2**14
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
    async with connected(most=0) as line:
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


async def test_a_request_begun_behind_another_is_owed_from_its_turn_on() -> None:
    async with connected() as line:
        await line.send(b"GET /stream HTTP/1.1\r\nhost: x\r\n\r\n")
        await line.send(b"GET / HTTP/1.1\r\na: b\r\n")
        assert line.is_open_after(HEADERS_WITHIN_S + 1)

    async with connected() as line:
        await line.send(GET + b"GET / HTTP/1.1\r\na: b\r\n")
        assert not line.is_open_after(HEADERS_WITHIN_S + 1)


async def test_an_idle_connection_is_kept_longer_than_any_poll_interval_and_not_for_ever() -> None:
    async with connected() as line:
        await line.send(GET)
        assert (await line.hear()).startswith(b"HTTP/1.1 200")

        assert line.is_open_after(KEPT_ALIVE_S - 1)
        assert not line.is_open_after(KEPT_ALIVE_S + 1)


async def test_a_request_behind_another_is_not_begun_before_that_is_answered() -> None:
    async with connected() as line:
        await line.send(b"GET /stream HTTP/1.1\r\nhost: x\r\n\r\n" + GET * 100)

        assert len(line.protocol.server_state.tasks) == 1
        assert line.protocol.scope["path"] == "/stream"


async def test_of_a_flood_behind_a_request_a_read_or_two_are_kept_and_no_more_is_read() -> None:
    crowd = a_crowd()
    async with connected(crowd=crowd) as line:
        await line.send(b"GET /stream HTTP/1.1\r\nhost: x\r\n\r\n" + GET)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await line.send(GET * 500_000)

        assert MOST_KEPT_BYTES < crowd.kept_bytes <= MOST_KEPT_BYTES + READ_BYTES
        assert line.protocol.flow.read_paused
        line.protocol.transport.abort()
        await asyncio.sleep(0.02)
        assert not line.protocol.server_state.connections
    assert crowd.kept_bytes == 0


async def test_a_connection_that_finds_the_room_for_all_taken_ends_with_its_answer() -> None:
    crowd = a_crowd()
    crowd.kept_bytes = MOST_KEPT_OF_ALL_BYTES
    async with connected(crowd=crowd) as line:
        await line.send(GET * 3)

        assert (await heard_to_the_end(line)).count(b"HTTP/1.1 200") == 1
        assert crowd.kept_bytes == MOST_KEPT_OF_ALL_BYTES


async def test_thousands_of_requests_at_once_are_answered_one_after_another() -> None:
    async with connected() as line:
        asked = b"".join(b"GET /%d HTTP/1.1\r\nhost: x\r\n\r\n" % n for n in range(3000))
        sending = asyncio.create_task(line.send(asked + ENDING))
        answers = await heard_to_the_end(line)
        await sending

    assert re.findall(rb"\r\n\r\n(/\d*)", answers) == [b"/%d" % n for n in range(3000)] + [b"/"]


@pytest.mark.parametrize("size", [1, 2, 3, 5, 1000])
async def test_requests_are_the_same_in_reads_of_any_size(size: int) -> None:
    chunked = CHUNKED + b"3\r\nabc\r\n0\r\na: b\r\n\r\n"
    sized = POST + b"content-length: 4\r\n\r\n\r\n\r\n"
    asked = GET + chunked + sized + b"\r\n" + ENDING
    async with connected() as line:
        sending = asyncio.create_task(line.send_in_pieces(asked, size))
        answers = await heard_to_the_end(line)
        await sending

    assert re.findall(rb"\r\n\r\n(/\w*)", answers) == [b"/", b"/read", b"/read", b"/"]


async def test_many_headers_are_refused_before_they_end() -> None:
    async with connected() as line:
        await line.send(b"GET / HTTP/1.1\r\n" + b"a:\r\n" * (MOST_HEADERS + 2))
        assert (await line.hear()).startswith(b"HTTP/1.1 431 ")
        assert "url" not in vars(line.protocol)  # the parser has made nothing of them

    async with connected() as line:
        await line.send(b"GET / HTTP/1.1\r\n" + b"a:\r\n" * MOST_HEADERS + b"\r\n")
        assert (await line.hear()).startswith(b"HTTP/1.1 200 ")


async def test_a_body_of_chunks_of_a_byte_is_refused() -> None:
    async with connected() as line:
        await line.send(CHUNKED + b"1\r\nx\r\n" * FREE_CHUNKS + b"0\r\n\r\n")
        assert (await line.hear()).startswith(b"HTTP/1.1 200 ")
        await line.send(CHUNKED + b"1\r\nx\r\n" * 2 * FREE_CHUNKS)
        assert (await line.hear()).startswith(b"HTTP/1.1 400 ")
        assert await line.hear() == b""


@pytest.mark.parametrize(("more", "status"), [(0, b"200"), (1, b"414")])
async def test_an_address_may_have_so_many_escapes_and_not_one_more(
    more: int, status: bytes
) -> None:
    escapes = b"%41" * (MOST_URL_ESCAPES + more)
    async with connected() as line:
        await line.send(b"GET /" + escapes + b" HTTP/1.1\r\nhost: x\r\n\r\n")

        assert (await line.hear()).startswith(b"HTTP/1.1 " + status)


async def test_an_offer_of_another_protocol_costs_no_body() -> None:
    offer = b"connection: upgrade, http2-settings\r\nupgrade: h2c\r\n"
    async with connected() as line:
        await line.send(POST + offer + b"content-length: 3\r\n\r\nabc" + GET)
        answers = await line.hear()

        assert answers.count(b"HTTP/1.1 200 ") == 2
        assert re.findall(rb"took (\d+)", answers) == [b"3", b"0"]


async def test_a_file_comes_between_the_head_and_what_is_written_after_it() -> None:
    async with connected() as line:
        await line.send(b"GET /file HTTP/1.1\r\nhost: x\r\n\r\n" + ENDING)
        answers = await heard_to_the_end(line)

    head, _, rest = answers.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    assert rest[: 10 * 2**19] == b"0123456789" * 2**19
    assert rest[10 * 2**19 :].startswith(b".HTTP/1.1 200 ")


async def test_a_file_whose_reader_hangs_up_ends_the_connection() -> None:
    async with connected() as line:
        await line.send(b"GET /file HTTP/1.1\r\nhost: x\r\n\r\n")
        await line.hear()
        line.hang_up()
        for _ in range(500):
            if not line.protocol.server_state.connections:
                break
            await asyncio.sleep(0.01)

        assert not line.protocol.server_state.connections


async def test_a_connection_is_idle_only_while_nothing_of_it_is_being_done() -> None:
    async with connected() as line:
        silent = line.protocol.idle_rank
        await line.send(b"GET / HTTP/1.1\r\n")
        begun = line.protocol.idle_rank
        await line.send(b"host: x\r\n\r\n")
        answered = line.protocol.idle_rank
        await line.send(POST + b"content-length: 2\r\n\r\na")
        in_body = line.protocol.idle_rank
        await line.send(b"b" + b"GET /stream HTTP/1.1\r\nhost: x\r\n\r\n")
        in_stream = line.protocol.idle_rank

    assert silent is not None
    assert begun is not None
    assert answered is not None
    assert silent[0] < begun[0] < answered[0]
    assert in_body is None
    assert in_stream is None


async def heard_to_the_end(line: Line) -> bytes:
    answers = b""
    while piece := await line.hear():
        answers += piece
    return answers
