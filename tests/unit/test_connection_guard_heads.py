"""What the guard of connections refuses by the look of it, and what it does not."""

from __future__ import annotations

import re

import pytest

from support.guarded_connection import CHUNKED, CHUNKS, GET, POST, connected
from unstill.server.connection_guard import MOST_URL_ESCAPES
from unstill.server.http_framing import FREE_CHUNKS, MOST_HEAD_BYTES, MOST_HEADERS

pytestmark = pytest.mark.skips_pauses


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


@pytest.mark.parametrize("next_one", [GET, b""])
async def test_an_offer_of_another_protocol_costs_no_body(next_one: bytes) -> None:
    offer = b"connection: upgrade, http2-settings\r\nupgrade: h2c\r\n"
    async with connected() as line:
        await line.send(POST + offer + b"content-length: 3\r\n\r\nabc" + next_one)
        answers = await line.hear()

        assert re.findall(rb"took (\d+)", answers) == [b"3"] + [b"0"] * bool(next_one)
        assert answers.count(b"HTTP/1.1 200 ") == 1 + bool(next_one)
