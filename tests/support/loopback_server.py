"""A server on loopback that answers as a test tells it, and a fetcher that may dial it."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import IPv4Network, ip_address
from pathlib import Path

import pytest

from unstill.domain.errors import FetchFailed
from unstill.net.addresses import IPAddress
from unstill.net.dial import Resolve
from unstill.net.fetcher import Fetcher

LOOPBACK = (IPv4Network("127.0.0.0/8"),)


PICTURE = bytes(range(256)) * 16


Answer = Callable[[asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Upstream:
    """A server on loopback; `heads` are the requests it read."""

    port: int = 0
    heads: list[str] = field(default_factory=list)
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    def url(self, path: str = "/picture", host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}{path}"

    async def is_done(self) -> None:
        """Wait until an answer has ended, which an endless one does when the fetcher hangs up."""
        await asyncio.wait_for(self.ended.wait(), 30)


@asynccontextmanager
async def upstream(
    answers: Mapping[str, bytes | Answer | None],
) -> AsyncIterator[Upstream]:
    server = Upstream()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            server.heads.append(head)
            answer = answers[head.split(" ")[1]]
            if answer is None:
                await reader.read()  # until the fetcher hangs up
            elif isinstance(answer, bytes):
                writer.write(answer)
                await writer.drain()
            else:
                await answer(writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the fetcher hung up, as it should
        finally:
            server.ended.set()
            writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    server.port = listening.sockets[0].getsockname()[1]
    async with listening:
        yield server


def ok(body: bytes, *headers: str) -> bytes:
    lines = ["HTTP/1.1 200 OK", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def sized(body: bytes) -> bytes:
    return ok(body, f"Content-Length: {len(body)}")


def chunked(body: bytes) -> bytes:
    return ok(b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body), "Transfer-Encoding: chunked")


def redirect(location: str, status: int = 302) -> bytes:
    return f"HTTP/1.1 {status} Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode()


def resolver(**hosts: Sequence[str]) -> Resolve:
    async def resolve(host: str) -> Sequence[IPAddress]:
        name = host.removesuffix(".test")
        if name not in hosts:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [ip_address(address) for address in hosts[name]]

    return resolve


@asynccontextmanager
async def fetcher(
    resolve: Resolve | None = None,
    allow_networks: Sequence[IPv4Network] = LOOPBACK,
) -> AsyncIterator[Fetcher]:
    made = Fetcher(allow_networks, resolve=resolve)
    try:
        yield made
    finally:
        await made.close()


async def reason(
    made: Fetcher, url: str, out: Path, *, max_bytes: int = 2**20, timeout_s: float = 5
) -> str:
    with pytest.raises(FetchFailed) as failed:
        await made.fetch(url, out, max_bytes=max_bytes, timeout_s=timeout_s)
    return failed.value.reason
