"""A bare uvicorn: how every limit is served, and the least server of all.

    python -m benchmarks.bare

Served alone it says hello. The settings are the product's own, without its guard against slow
callers and without its limit on connections.
"""

from __future__ import annotations

import socket

import uvicorn
import uvloop
from starlette.types import ASGIApp, Receive, Scope, Send


async def answer(send: Send, body: bytes) -> None:
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def hello(scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG001  - ASGI's shape
    await answer(send, b"{}")


def listen() -> socket.socket:
    return socket.create_server(("127.0.0.1", 0), backlog=2048)


def url_of(listener: socket.socket) -> str:
    return f"http://127.0.0.1:{listener.getsockname()[1]}"


async def serve(app: ASGIApp, listener: socket.socket) -> None:
    config = uvicorn.Config(
        app,
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
    )
    await _Server(config).serve(sockets=[listener])


class _Server(uvicorn.Server):
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for listener in sockets or ():
            print(f"ready at {url_of(listener)}", flush=True)


if __name__ == "__main__":
    uvloop.run(serve(hello, listen()))
