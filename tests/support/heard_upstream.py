"""A small server whose every answer is the same, and the client that asks it as an upstream."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from unstill.net.fetcher import Fetcher
from unstill.upstreams.client import Upstream
from unstill.upstreams.rate_limits import Pace


@dataclass
class Server:
    """Speaks HTTP/1.1 on loopback and keeps its connections; `heads` are the requests."""

    answer: bytes
    port: int = 0
    connections: int = 0
    heads: list[str] = field(default_factory=list)


@asynccontextmanager
async def serving(answer: bytes) -> AsyncIterator[Server]:
    server = Server(answer)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server.connections += 1
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                length = head.lower().partition("content-length: ")[2].partition("\r\n")[0]
                await reader.readexactly(int(length or 0))
                server.heads.append(head)
                writer.write(server.answer)
                await writer.drain()
                if b"Connection: close" in server.answer:
                    break
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client hung up
        finally:
            writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    server.port = listening.sockets[0].getsockname()[1]
    async with listening:
        yield server


@asynccontextmanager
async def upstream_at(url: str, key_scheme: str = "Bearer") -> AsyncIterator[Upstream]:
    fetcher = Fetcher()
    upstream = Upstream(
        engine="ours",
        base_url=url,
        api_key="sk-1",
        key_scheme=key_scheme,
        pace=Pace(1000),
        fetcher=fetcher,
    )
    yield upstream
    await upstream.close()
    await fetcher.close()
