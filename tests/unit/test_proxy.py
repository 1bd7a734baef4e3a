"""A proxy is asked where the operator has set one and nowhere else; the guard is what it can be."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import IPv4Network, ip_address
from pathlib import Path

import pytest

from unstill.assembly import proxy_of
from unstill.domain.errors import FetchFailed
from unstill.net.addresses import LOOPBACK, IPAddress, IPNetwork
from unstill.net.dial import NotFound, NotPublic, Resolve
from unstill.net.fetcher import Fetcher
from unstill.net.proxy import Proxy
from unstill.settings.engines import HOSTED
from unstill.settings.server import ServerSettings
from unstill.upstreams.client import Upstream
from unstill.upstreams.port import Accepted, Doubt, Prepared, Refused, Submission
from unstill.upstreams.rate_limits import Pace
from unstill.upstreams.replies import Reply
from unstill.upstreams.submit_answers import Codes, judged

AWAY = Proxy("http://127.0.0.1:9")  # where nobody listens
PREPARED = Prepared("/videos", {"Content-Type": "application/json"}, b"{}", "m")
OK = b'HTTP/1.1 200 OK\r\nContent-Length: 12\r\nConnection: close\r\n\r\n{"id":"t-1"}'


@dataclass
class Answering:
    """Answers everything itself; `heads` are what it was asked for."""

    answer: bytes | None  # None: it says nothing
    port: int = 0
    heads: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://user:pass@127.0.0.1:{self.port}"


@asynccontextmanager
async def proxying(answer: bytes | None) -> AsyncIterator[Answering]:
    proxy = Answering(answer)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            proxy.heads.append((await reader.readuntil(b"\r\n\r\n")).decode())
            if proxy.answer is None:
                await reader.read()  # until the caller hangs up
            else:
                writer.write(proxy.answer)
                await writer.drain()
        finally:
            writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    proxy.port = listening.sockets[0].getsockname()[1]
    async with listening:
        yield proxy


async def nobody(host: str) -> Sequence[IPAddress]:
    raise socket.gaierror(socket.EAI_NONAME, f"{host} is not known here")


@asynccontextmanager
async def through(
    proxy: Answering, resolve: Resolve = nobody, spared: tuple[IPNetwork, ...] = ()
) -> AsyncIterator[Fetcher]:
    fetcher = Fetcher(resolve=resolve, tls=ssl.create_default_context())
    yield fetcher.through(Proxy(proxy.url, spared))
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
    submission = await submitted("https://upstream.test/v1", fetcher.through(AWAY))
    await fetcher.close()

    assert isinstance(submission, Refused)
    assert submission.unreached
    assert submission.message == "the proxy to the upstream could not be connected to"


@pytest.mark.parametrize("base_url", ["http://upstream.test/v1", "https://upstream.test/v1"])
async def test_a_proxy_that_wants_another_password_has_surely_sent_nothing(base_url: str) -> None:
    no = b"HTTP/1.1 407 Authenticate\r\nContent-Length: 0\r\n\r\n"
    async with proxying(no) as proxy, through(proxy) as fetcher:
        submission = await submitted(base_url, fetcher)

    assert isinstance(submission, Refused)
    assert submission.unreached
    assert "407" in submission.message
    assert "user:pass" not in submission.message


async def test_an_upstream_of_its_own_that_answers_407_is_no_proxy() -> None:
    no = b"HTTP/1.1 407 Authenticate\r\nContent-Length: 0\r\n\r\n"
    async with proxying(no) as upstream, through(upstream) as fetcher:
        submission = await submitted(f"http://127.0.0.1:{upstream.port}/v1", fetcher.through(None))

    assert isinstance(submission, Refused)
    assert not submission.unreached


@pytest.mark.skips_pauses
@pytest.mark.parametrize(("scheme", "is_sure"), [("https", True), ("http", False)])
async def test_a_call_that_a_silent_proxy_has_not_begun_to_pass_on_is_surely_not_sent(
    scheme: str, *, is_sure: bool
) -> None:
    async with proxying(None) as proxy, through(proxy) as fetcher:
        submission = await submitted(f"{scheme}://upstream.test/v1", fetcher)

    assert isinstance(submission, Refused if is_sure else Doubt)
    assert len(proxy.heads) == 1


@pytest.mark.parametrize("place", ["http://127.0.0.1:9", "http://proxy.test:3128"])
async def test_a_picture_whose_proxy_is_away_does_not_name_it(place: str, tmp_path: Path) -> None:
    fetcher = Fetcher(resolve=nobody).through(Proxy(place))
    with pytest.raises(FetchFailed) as failed:
        await fetcher.fetch("https://cat.test/", tmp_path / "v", max_bytes=9, timeout_s=20)
    await fetcher.close()

    assert "this server's own proxy could not be connected to" in failed.value.reason
    assert "proxy.test" not in failed.value.reason
    assert failed.value.is_passing


@pytest.mark.parametrize(("status", "is_passing"), [("502", True), ("403", False), ("407", False)])
async def test_a_tunnel_is_asked_for_again_where_the_next_may_be_made(
    status: str, tmp_path: Path, *, is_passing: bool
) -> None:
    no = f"HTTP/1.1 {status} No\r\nContent-Length: 0\r\n\r\n".encode()
    async with proxying(no) as proxy, through(proxy) as fetcher:
        with pytest.raises(FetchFailed) as failed:
            await fetcher.fetch("https://cat.test/", tmp_path / "v", max_bytes=9, timeout_s=20)

    assert failed.value.is_passing is is_passing


# --- what may be asked of a proxy ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "found", "is_asked"),
    [
        ("cat.test", [], True),
        ("cat.test", ["8.8.8.8"], True),
        ("cat.test", ["10.0.0.1"], False),
        ("cat.test", ["8.8.8.8", "10.0.0.1"], False),
        ("cat.test", ["10.20.0.1"], True),  # in allow_networks
        ("cat.test", ["198.18.0.7"], True),  # made up by a fake-IP proxy: it says nothing
        ("intranet", [], False),
        ("intranet", ["10.20.0.1"], True),
        ("printer.local", [], False),
        ("metadata.google.internal", [], False),
        ("local.example.com", [], True),
        ("localhost", ["127.0.0.1"], False),
    ],
)
async def test_a_name_is_asked_of_the_proxy_where_nothing_here_speaks_against_it(
    host: str, found: list[str], tmp_path: Path, *, is_asked: bool
) -> None:
    async def resolve(name: str) -> Sequence[IPAddress]:
        return [ip_address(each) for each in found] if found else await nobody(name)

    async with proxying(OK) as proxy:
        fetcher = Fetcher([IPv4Network("10.20.0.0/16")], resolve=resolve)
        asking = fetcher.through(Proxy(proxy.url))
        if is_asked:
            assert await asking.fetch(f"http://{host}/", tmp_path / "v", max_bytes=99, timeout_s=20)
        else:
            with pytest.raises((NotPublic, NotFound), match="public internet"):
                await asking.fetch(f"http://{host}/", tmp_path / "v", max_bytes=99, timeout_s=20)
        await fetcher.close()

    assert bool(proxy.heads) is is_asked


@pytest.mark.parametrize("to", ["http://10.0.0.1/", "http://intranet/", "http://[::1]/"])
async def test_a_redirect_to_what_is_inside_is_not_asked_of_the_proxy(
    to: str, tmp_path: Path
) -> None:
    there = f"HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n".encode()
    async with proxying(there) as proxy, through(proxy) as fetcher:
        with pytest.raises((NotPublic, NotFound)):
            await fetcher.fetch("http://cat.test/", tmp_path / "v", max_bytes=9, timeout_s=20)

    assert len(proxy.heads) == 1


@pytest.mark.parametrize(
    ("host", "is_spared"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("localhost", True),
        ("a.localhost", True),
        ("10.20.0.1", True),
        ("10.21.0.1", False),
        ("8.8.8.8", False),  # public, though `spared` may hold everything
        ("localhost.test", False),
        ("gpu.corp", False),  # a name, wherever it leads
    ],
)
def test_this_machine_and_the_networks_that_are_opened_are_reached_past_the_proxy(
    host: str, *, is_spared: bool
) -> None:
    proxy = Proxy(
        "http://proxy:3128", (*LOOPBACK, IPv4Network("10.20.0.0/16"), IPv4Network("8.0.0.0/8"))
    )

    assert proxy.spares(host) is is_spared
    assert not Proxy("http://proxy:3128").spares(host)


async def test_what_is_spared_is_dialled_under_the_whole_guard(tmp_path: Path) -> None:
    async with proxying(OK) as host, proxying(OK) as proxy:
        url = f"http://127.0.0.1:{host.port}/v"
        for allowed in ([IPv4Network("127.0.0.0/8")], []):
            fetcher = Fetcher(allowed, resolve=nobody)
            asking = fetcher.through(Proxy(proxy.url, LOOPBACK))
            if allowed:
                assert await asking.fetch(url, tmp_path / "v", max_bytes=99, timeout_s=20)
            else:
                with pytest.raises(NotPublic):
                    await asking.fetch(url, tmp_path / "v", max_bytes=99, timeout_s=20)
            await fetcher.close()

    assert len(host.heads) == 1
    assert proxy.heads == []


def test_the_password_of_a_proxy_is_in_no_text_of_it() -> None:
    assert "s3cret" not in repr(Proxy("http://u:s3cret@proxy:3128"))


# --- which proxy is whose -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("own", "of_server", "expected"),
    [
        ("", "", None),
        ("", "http://server:1", "http://server:1"),
        ("http://own:1", "http://server:1", "http://own:1"),
        ("http://own:1", "", "http://own:1"),
        ("direct", "http://server:1", None),
        ("direct", "", None),
    ],
)
def test_an_engines_proxy_goes_before_the_servers(
    own: str, of_server: str, expected: str | None
) -> None:
    engine = HOSTED["dashscope"](base_url="http://up.test/v1", proxy=own)
    found = proxy_of(engine, ServerSettings(proxy=of_server))

    assert (None if found is None else found.url) == expected


async def test_without_the_setting_nothing_goes_through_a_proxy(tmp_path: Path) -> None:
    async with proxying(OK) as proxy, through(proxy) as other:
        with pytest.raises(NotFound):
            await other.through(None).fetch(
                "http://cat.test/", tmp_path / "v", max_bytes=9, timeout_s=5
            )

    assert proxy.heads == []
