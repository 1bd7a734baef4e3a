from __future__ import annotations

import asyncio

import pytest

from support.guarded_connection import GET, LARGE_ANSWER_BYTES, POST, connected
from unstill.server.connection_guard import BODY_PIECE_BYTES, LEFTOVER_WITHIN_S
from unstill.server.server_limits import (
    BODY_PIECE_WITHIN_S,
    HEADERS_WITHIN_S,
    KEPT_ALIVE_S,
    UNTAKEN_WITHIN_S,
)

pytestmark = pytest.mark.skips_pauses


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


async def test_a_connection_past_the_limit_is_told_so() -> None:
    async with connected(most=0) as line:
        assert (await line.hear()).startswith(b"HTTP/1.1 503 ")
        assert await line.hear() == b""


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
