"""Requests behind each other on one guarded connection."""

from __future__ import annotations

import asyncio
import re

import pytest

from support.guarded_connection import (
    CHUNKED,
    ENDING,
    GET,
    POST,
    a_crowd,
    connected,
    heard_to_the_end,
)
from unstill.server.connection_guard import MOST_KEPT_BYTES, MOST_KEPT_OF_ALL_BYTES

pytestmark = pytest.mark.skips_pauses


READ_BYTES = 256 * 1024  # uvloop and asyncio give a protocol at most that at once


async def test_a_hang_up_is_noticed_with_another_request_behind_the_one_that_is_answered() -> None:
    async with asyncio.timeout(5), connected() as line:  # its end waits for the answer's
        await line.send(b"GET /stream HTTP/1.1\r\nhost: x\r\n\r\nGET / HTTP/1.1\r\nhost: x\r\n\r\n")
        heard = await line.hear()

    assert heard.startswith(b"HTTP/1.1 200")


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
