"""A guarded connection, and the caller's end of it, in one loop."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing, suppress
from ipaddress import ip_network
from tempfile import TemporaryFile

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.server import ServerState

from unstill.server.connection_guard import SEND_FILE, GuardedProtocol, sweep
from unstill.server.connection_limit import Crowd
from unstill.server.proxies import Proxies
from unstill.server.sendfile import ReaderGone

LARGE_ANSWER_BYTES = 32 * 2**20  # more than a socket takes by itself


POST = b"POST /read HTTP/1.1\r\nhost: x\r\n"


CHUNKS = b"transfer-encoding: chunked\r\n\r\n"


CHUNKED = POST + CHUNKS


GET = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"


ENDING = b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"


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


def _on_loopback() -> tuple[socket.socket, socket.socket]:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        return socket.create_connection(listener.getsockname()), listener.accept()[0]


@asynccontextmanager
async def connected(
    *,
    most: int = 1000,
    crowd: Crowd | None = None,
    app: ASGIApp = answering,
    trusted: str | None = None,
) -> AsyncIterator[Line]:
    """`trusted`: a network that proxies are in; with one, the caller comes from 127.0.0.1."""
    config = uvicorn.Config(app, lifespan="off", proxy_headers=False)
    state = ServerState()
    crowd = crowd or a_crowd(most)
    caller, ours = socket.socketpair() if trusted is None else _on_loopback()
    proxies = Proxies([] if trusted is None else [ip_network(trusted)])
    caller.setblocking(False)
    loop = asyncio.get_running_loop()
    _, protocol = await loop.connect_accepted_socket(
        lambda: GuardedProtocol(config, state, {}, loop, crowd=crowd, proxies=proxies), ours
    )
    try:
        yield Line(caller, protocol)
    finally:
        caller.close()
        protocol.transport.abort()
        await asyncio.gather(*state.tasks, return_exceptions=True)


async def heard_to_the_end(line: Line) -> bytes:
    answers = b""
    while piece := await line.hear():
        answers += piece
    return answers
