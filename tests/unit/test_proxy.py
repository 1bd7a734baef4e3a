"""A proxy is asked where the operator has set one and nowhere else; the guard is what it can be."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from unstill.domain.errors import FetchFailed
from unstill.net.addresses import IPAddress
from unstill.net.dial import NotPublic
from unstill.net.fetcher import Fetcher
from unstill.upstreams.client import Upstream
from unstill.upstreams.port import Accepted, Prepared, Refused, Submission
from unstill.upstreams.rate_limits import Pace
from unstill.upstreams.replies import Reply
from unstill.upstreams.submit_answers import Codes, judged

PREPARED = Prepared("/videos", {"Content-Type": "application/json"}, b"{}", "m")
OK = b'HTTP/1.1 200 OK\r\nContent-Length: 12\r\nConnection: close\r\n\r\n{"id":"t-1"}'


@dataclass
class Proxy:
    """Answers everything itself; `heads` are what it was asked for."""

    answer: bytes
    port: int = 0
    heads: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://user:pass@127.0.0.1:{self.port}"


@asynccontextmanager
async def proxying(answer: bytes) -> AsyncIterator[Proxy]:
    proxy = Proxy(answer)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        proxy.heads.append((await reader.readuntil(b"\r\n\r\n")).decode())
        writer.write(proxy.answer)
        await writer.drain()
        writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    proxy.port = listening.sockets[0].getsockname()[1]
    async with listening:
        yield proxy


async def nobody(host: str) -> Sequence[IPAddress]:
    raise AssertionError(f"{host} was looked up here")


@asynccontextmanager
async def through(proxy: Proxy) -> AsyncIterator[Fetcher]:
    fetcher = Fetcher(resolve=nobody, tls=ssl.create_default_context())
    yield fetcher.through(proxy.url)
    await fetcher.close()


def judge(reply: Reply) -> Submission:
    return judged(reply, Codes())


async def submitted(base_url: str, fetcher: Fetcher) -> Submission:
    upstream = Upstream(
        engine="ours", base_url=base_url, api_key="sk-1", pace=Pace(1000), fetcher=fetcher
    )
    try:
        return await upstream.submit(PREPARED, judge)
    finally:
        await upstream.close()


async def test_a_video_is_fetched_through_the_proxy_which_looks_its_name_up(tmp_path: Path) -> None:
    async with proxying(OK) as proxy, through(proxy) as fetcher:
        url = "http://results.test/v.mp4?sig=1"
        size = await fetcher.fetch(url, tmp_path / "v", max_bytes=100, timeout_s=5)

    assert size == 12
    assert proxy.heads[0].startswith("GET http://results.test/v.mp4?sig=1 HTTP/1.1\r\n")
    assert "Proxy-Authorization: Basic " in proxy.heads[0]


async def test_a_proxy_that_refuses_a_tunnel_is_named(tmp_path: Path) -> None:
    no = b"HTTP/1.1 403 Forbidden by policy\r\nContent-Length: 0\r\n\r\n"
    async with proxying(no) as proxy, through(proxy) as fetcher:
        with pytest.raises(FetchFailed, match="was refused by the proxy: 403 Forbidden by policy"):
            await fetcher.fetch("https://results.test/v", tmp_path / "v", max_bytes=9, timeout_s=5)

    assert proxy.heads[0].startswith("CONNECT results.test:443 HTTP/1.1\r\n")


@pytest.mark.parametrize("host", ["10.0.0.1", "169.254.169.254", "[::1]", "198.18.0.1"])
async def test_an_address_in_figures_is_guarded_behind_a_proxy_too(
    host: str, tmp_path: Path
) -> None:
    async with proxying(OK) as proxy, through(proxy) as fetcher:
        with pytest.raises(NotPublic):
            await fetcher.fetch(f"http://{host}/v", tmp_path / "v", max_bytes=9, timeout_s=5)

    assert proxy.heads == []


async def test_a_submit_goes_through_the_proxy() -> None:
    async with proxying(OK) as proxy, through(proxy) as fetcher:
        assert await submitted("http://upstream.test/v1", fetcher) == Accepted("t-1")

    assert proxy.heads[0].startswith("POST http://upstream.test/v1/videos HTTP/1.1\r\n")


@pytest.mark.parametrize("status", ["403 Forbidden", "407 Authenticate", "502 Bad Gateway"])
async def test_a_refused_tunnel_has_surely_sent_nothing(status: str) -> None:
    no = f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode()
    async with proxying(no) as proxy, through(proxy) as fetcher:
        submission = await submitted("https://upstream.test/v1", fetcher)

    assert isinstance(submission, Refused)
    assert submission.unreached
    assert "sk-1" not in proxy.heads[0]  # the key is for the upstream alone


async def test_a_proxy_that_is_not_there_has_surely_sent_nothing() -> None:
    fetcher = Fetcher(resolve=nobody, tls=ssl.create_default_context())
    submission = await submitted("https://upstream.test/v1", fetcher.through("http://127.0.0.1:9"))
    await fetcher.close()

    assert isinstance(submission, Refused)
    assert submission.unreached


async def test_without_the_setting_nothing_goes_through_a_proxy(tmp_path: Path) -> None:
    async with proxying(OK) as proxy, through(proxy) as other:
        fetcher = Fetcher(resolve=nobody, tls=other.tls)
        with pytest.raises(AssertionError, match="was looked up here"):
            await fetcher.fetch("http://cat.test/", tmp_path / "v", max_bytes=9, timeout_s=5)
        await fetcher.close()

    assert proxy.heads == []
