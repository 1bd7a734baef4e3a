"""Calls that trusted proxies bring: what the app is told of them, and whom they count for."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.types import Receive, Scope, Send

from support.guarded_connection import a_crowd, answering, connected
from unstill.server.connection_limit import Crowd
from unstill.server.proxies import OUTER_HOST

CLIENT = "198.51.100.7"
LOOPBACK, ELSEWHERE = "127.0.0.0/8", "192.0.2.0/24"
FORWARDED = (
    b"GET / HTTP/1.1\r\nhost: inner:8000\r\nx-forwarded-for: 198.51.100.7\r\n"
    b"x-forwarded-proto: https\r\nx-forwarded-host: v.example\r\n\r\n"
)


class Noting:
    """An app that keeps what it was told of each call."""

    def __init__(self) -> None:
        self.scopes: list[dict[str, Any]] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scopes.append(dict(scope))
        await answering(scope, receive, send)


async def told(trusted: str | None) -> tuple[str, str, str | None]:
    """Client, scheme and outer host of a forwarded call."""
    app = Noting()
    async with connected(app=app, trusted=trusted) as line:
        await line.send(FORWARDED)
        assert b"200 OK" in await line.hear()
    (scope,) = app.scopes
    assert dict(scope["headers"])[b"host"] == b"inner:8000"
    return (scope["client"] or [""])[0], scope["scheme"], scope.get(OUTER_HOST)


async def test_what_a_trusted_proxy_says_is_the_call() -> None:
    assert await told(LOOPBACK) == (CLIENT, "https", "v.example")


async def test_what_anybody_else_says_has_no_effect() -> None:
    assert await told(ELSEWHERE) == ("127.0.0.1", "http", None)
    assert await told(None) == ("", "http", None)  # a socket without addresses


async def test_each_call_of_a_connection_has_its_own_client() -> None:
    app = Noting()
    async with connected(app=app, trusted=LOOPBACK) as line:
        for client in (CLIENT, "203.0.113.9"):
            await line.send(
                b"GET / HTTP/1.1\r\nhost: x\r\nx-forwarded-for: %b\r\n\r\n" % client.encode()
            )
            await line.hear()
        await line.send(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        await line.hear()

    assert [scope["client"][0] for scope in app.scopes] == [CLIENT, "203.0.113.9", "127.0.0.1"]


async def test_when_places_are_few_the_client_with_the_most_makes_room_and_not_the_proxy() -> None:
    asked: list[str] = []
    crowd = Crowd(10, ease=lambda address, _: asked.append(address), clock_s=lambda: 1.0)
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        over = asyncio.Event()

        async def wait_as(client: str, begun: asyncio.Future[None]) -> None:
            async with connected(crowd=crowd, trusted=LOOPBACK) as line:
                head = b"GET /stream HTTP/1.1\r\nhost: x\r\nx-forwarded-for: %b\r\n\r\n"
                await line.send(head % client.encode())
                assert b"200 OK" in await line.hear()
                begun.set_result(None)
                await over.wait()

        for n in range(10):
            begun: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            group.create_task(wait_as("203.0.113.9" if n == 0 else CLIENT, begun))
            await begun
        over.set()

    # Of the ten the last came when nine places were taken: it was let in, and they were asked.
    assert asked == [CLIENT]


async def test_a_connection_that_ends_counts_for_nobody_any_more() -> None:
    crowd = a_crowd(2)
    for _ in range(5):
        async with connected(crowd=crowd, trusted=LOOPBACK) as line:
            await line.send(FORWARDED)
            assert b"200 OK" in await line.hear()
        await asyncio.sleep(0.02)
