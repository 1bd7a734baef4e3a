"""An answer that is whole when it is sent is on the wire what uvicorn makes of its two messages."""

from __future__ import annotations

import asyncio

import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from support.guarded_connection import connected, heard_to_the_end
from unstill.server.http_cycle import WHOLE, Cycle

HEADERS = [(b"content-type", b"application/json"), (b"content-length", b"2"), (b"x-a", b"a b\tc")]
REQUESTS = {
    "kept alive": b"GET / HTTP/1.1\r\nhost: x\r\n\r\n",
    "closing": b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
    "of HTTP/1.0": b"GET / HTTP/1.0\r\n\r\n",
    "without a body": b"HEAD / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
    "announced": b"POST / HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n",
}


def answering(*, is_whole: bool, status: int, headers: list[tuple[bytes, bytes]]) -> ASGIApp:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG001
        assert WHOLE in scope["extensions"]
        if is_whole:
            await send({"type": WHOLE, "status": status, "headers": headers, "body": b"{}"})
            return
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"{}"})

    return app


async def heard(request: bytes, app: ASGIApp) -> bytes:
    async with connected(app=app) as line:
        await line.send(request)
        if b"close" in request or b"1.0" in request:
            return await heard_to_the_end(line)
        return await line.hear()


@pytest.mark.parametrize("status", [200, 404, 503])
@pytest.mark.parametrize("name", REQUESTS)
async def test_both_ways_are_the_same_bytes(name: str, status: int) -> None:
    said = [
        await heard(
            REQUESTS[name], answering(is_whole=is_whole, status=status, headers=list(HEADERS))
        )
        for is_whole in (True, False)
    ]

    assert said[0] == said[1]
    assert said[0].startswith(b"HTTP/1.1 %d " % status)


@pytest.mark.parametrize("value", [b"a\r\nx-b: c", b"a\nb", b"a\x00b", b"a\x7f", b"\r", b"\x1b["])
async def test_a_header_that_would_be_two_or_none_is_sent_by_neither(value: bytes) -> None:
    headers = [*HEADERS, (b"x-b", value)]

    for is_whole in (True, False):
        request = REQUESTS["closing"]
        said = await heard(request, answering(is_whole=is_whole, status=200, headers=headers))

        assert said.startswith(b"HTTP/1.1 500 ") or said == b""
        assert b"x-b" not in said


async def test_requests_of_one_connection_are_answered_in_their_order() -> None:
    async with connected(app=answering(is_whole=True, status=200, headers=HEADERS)) as line:
        await line.send(REQUESTS["kept alive"] * 5 + REQUESTS["closing"])

        assert (await heard_to_the_end(line)).count(b"HTTP/1.1 200 OK") == 6


async def test_a_caller_who_takes_nothing_is_waited_for() -> None:
    async with connected(app=answering(is_whole=True, status=200, headers=HEADERS)) as line:
        line.protocol.pause_writing()
        await line.send(REQUESTS["kept alive"])
        cycle = line.protocol.cycle
        assert isinstance(cycle, Cycle)
        assert not cycle.response_complete

        line.protocol.resume_writing()

        assert (await line.hear()).endswith(b"{}")
        await asyncio.sleep(0)
        assert cycle.response_complete
