"""What a server that the operator named may do that others may not, over real sockets."""

import asyncio
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import httpx2
import pytest

from unstill.domain.errors import FetchFailed
from unstill.net.fetcher import Fetcher, LinkAnswered, Own, origin_of

VIDEO = bytes(range(256)) * 8
KEY = {"Authorization": "Bearer sk-secret"}


@dataclass
class Host:
    """Answers on loopback; `asked` are the requests it read, bodies included."""

    port: int = 0
    asked: list[str] = field(default_factory=list)

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@asynccontextmanager
async def host(answers: Mapping[str, str]) -> AsyncIterator[Host]:
    """`answers`: path -> a status line and headers; a 200 gets the video."""
    made = Host()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = int(head.lower().partition("content-length: ")[2].partition("\r\n")[0] or 0)
        made.asked.append(head + (await reader.readexactly(length)).decode())
        answer = answers[head.split(" ")[1]]
        body = VIDEO if answer.startswith("200") else b""
        writer.write(f"HTTP/1.1 {answer}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
        await writer.drain()
        writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    made.port = listening.sockets[0].getsockname()[1]
    async with listening:
        yield made


@pytest.fixture
async def fetcher() -> AsyncIterator[Fetcher]:
    fetcher = Fetcher()
    yield fetcher
    await fetcher.close()


async def fetch(fetcher: Fetcher, url: str, out: Path, own: Own | None) -> int:
    return await fetcher.fetch(url, out, max_bytes=10**6, timeout_s=5, own=own)


async def test_an_own_server_is_reached_on_a_private_network_and_told_the_key(
    fetcher: Fetcher, tmp_path: Path
) -> None:
    async with host({"/v": "200 OK"}) as upstream:
        await fetch(fetcher, f"{upstream.origin}/v", tmp_path / "v", Own(upstream.origin, KEY))

    assert (tmp_path / "v").read_bytes() == VIDEO
    assert "Authorization: Bearer sk-secret" in upstream.asked[0]


async def test_another_port_of_the_same_host_is_not_the_own_server(
    fetcher: Fetcher, tmp_path: Path
) -> None:
    async with host({"/v": "200 OK"}) as upstream:
        own = Own("http://127.0.0.1:1", KEY)
        with pytest.raises(FetchFailed, match="not on the public internet"):
            await fetch(fetcher, f"{upstream.origin}/v", tmp_path / "v", own)

    assert upstream.asked == []


async def test_a_redirect_elsewhere_takes_no_key_along_and_stays_guarded(
    fetcher: Fetcher, tmp_path: Path
) -> None:
    async with host({"/v": "200 OK"}) as other:
        location = f"302 Found\r\nLocation: {other.origin}/v"
        async with host({"/v": location}) as upstream:
            own = Own(upstream.origin, KEY)
            with pytest.raises(FetchFailed, match="not on the public internet"):
                await fetch(fetcher, f"{upstream.origin}/v", tmp_path / "v", own)

    assert other.asked == []


async def test_nobody_elsewhere_sends_us_back_inside_with_the_key(tmp_path: Path) -> None:
    fetcher = Fetcher(allow_networks=(IPv4Network("127.0.0.0/8"),))
    answers: dict[str, str] = {"/in": "200 OK"}
    async with host(answers) as upstream:
        back = f"302 Found\r\nLocation: {upstream.origin}/in"
        async with host({"/back": back}) as other:
            answers["/out"] = f"302 Found\r\nLocation: {other.origin}/back"
            own = Own(upstream.origin, KEY)
            await fetch(fetcher, f"{upstream.origin}/out", tmp_path / "v", own)
    await fetcher.close()

    assert "Authorization" in upstream.asked[0]
    assert "Authorization" not in other.asked[0]
    assert "Authorization" not in upstream.asked[1]


async def test_what_a_link_answered_can_be_told_from_no_answer(
    fetcher: Fetcher, tmp_path: Path
) -> None:
    async with host({"/v": "403 Forbidden"}) as upstream:
        with pytest.raises(LinkAnswered) as caught:
            await fetch(fetcher, f"{upstream.origin}/v", tmp_path / "v", Own(upstream.origin))

    assert caught.value.answer_status == 403


async def test_a_post_brings_its_body_and_the_status_comes_back(fetcher: Fetcher) -> None:
    async with host({"/oss": "204 No Content"}) as upstream:
        status = await fetcher.post(
            f"{upstream.origin}/oss",
            b"frame",
            headers={"Content-Type": "text/plain"},
            timeout_s=5,
            own=Own(upstream.origin),
        )

    assert status == 204
    assert upstream.asked[0].startswith("POST /oss ")
    assert upstream.asked[0].endswith("frame")


async def test_a_post_to_a_private_address_is_refused(fetcher: Fetcher) -> None:
    async with host({"/oss": "200 OK"}) as upstream:
        with pytest.raises(FetchFailed, match="not on the public internet"):
            await fetcher.post(f"{upstream.origin}/oss", b"x", headers={}, timeout_s=5)

    assert upstream.asked == []


def test_an_origin_always_has_its_port() -> None:
    assert origin_of(httpx2.URL("https://Host.example/v1")) == "https://host.example:443"
    assert origin_of(httpx2.URL("http://host.example:80/")) == "http://host.example:80"
    assert repr(Own("http://h:1", KEY)).count("sk-secret") == 0


@pytest.mark.parametrize("host", ["xn--e1afmkfd.xn-", "xn--e1afmkfd.xy--p1ai", "xn--bcher-kva.de"])
async def test_a_link_to_what_is_no_name_is_a_failure_of_its_fetch(
    tmp_path: Path, host: str
) -> None:
    """Whoever asks the own server reads the host of each link that it names."""

    async def nobody(name: str) -> list[IPv4Address]:
        raise socket.gaierror(socket.EAI_NONAME, f"{name} is not known")

    own = Own(origin_of(httpx2.URL("http://127.0.0.1:1/v1")), KEY)
    without_names = Fetcher(resolve=nobody)
    with pytest.raises(FetchFailed):
        await fetch(without_names, f"https://{host}/a.mp4", tmp_path / "a", own)
    await without_names.close()

    assert origin_of(httpx2.URL(f"https://{host}/a.mp4")) == f"https://{host}:443"
