"""What an upstream's word about its finished video means: wait, try again for minutes, or stop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from unstill.net.fetcher import Fetcher
from unstill.upstreams.client import Links, Trouble, Upstream
from unstill.upstreams.port import NotThere, TooLarge
from unstill.upstreams.rate_limits import Pace

VIDEO = b"\0video"  # with a byte that no text has


@asynccontextmanager
async def answering(head: str, body: bytes = b"") -> AsyncIterator[str]:
    """The address of a host that gives everybody this, and a video at /well.mp4."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = await reader.readuntil(b"\r\n\r\n")
        if b"/well.mp4" in asked:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n" + VIDEO)
        else:
            writer.write(f"HTTP/1.1 {head}\r\n\r\n".encode() + body)
        await writer.drain()
        writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with listening:
        yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/v1"


async def fetched(url: str, out: Path, *names: str) -> None:
    fetcher = Fetcher()
    upstream = Upstream(engine="up", base_url=url, api_key="", pace=Pace(1000), fetcher=fetcher)

    links = tuple(f"{url}/{name}" for name in names or ("v.mp4",))

    async def refreshed() -> Links:
        return links

    try:
        await upstream.fetch(links, out, refreshed)
    finally:
        await upstream.close()
        await fetcher.close()


async def test_a_video_of_50_gb_is_too_large_and_its_words_name_no_host(tmp_path: Path) -> None:
    async with answering("200 OK\r\nContent-Length: 50000000000") as url:
        with pytest.raises(TooLarge) as error:
            await fetched(url, tmp_path / "v")

    assert error.value.code == "video_too_large"
    assert "127.0.0.1" not in error.value.message


async def test_a_body_that_breaks_off_is_trouble(tmp_path: Path) -> None:
    async with answering("200 OK\r\nContent-Length: 9", b"half") as url:
        with pytest.raises(Trouble):
            await fetched(url, tmp_path / "v")


async def test_a_link_that_stays_dead_is_one_to_a_video_that_is_not_there(tmp_path: Path) -> None:
    async with answering("404 Not Found\r\nContent-Length: 0") as url:
        with pytest.raises(NotThere):
            await fetched(url, tmp_path / "v")


async def given(link: str, out: Path) -> str:
    """What is said of a finished video whose link is this one; raises nothing but Trouble."""
    fetcher = Fetcher()
    upstream = Upstream(
        engine="up", base_url="http://127.0.0.1:9", api_key="", pace=Pace(1000), fetcher=fetcher
    )

    async def refreshed() -> Links:
        return (link,)

    try:
        with pytest.raises(Trouble) as trouble:
            await upstream.fetch((link,), out, refreshed)
    finally:
        await upstream.close()
        await fetcher.close()
    return trouble.value.message


async def test_a_video_where_a_fake_ip_proxy_puts_every_name_says_what_mends_it(
    tmp_path: Path,
) -> None:
    said = await given("http://198.18.0.40/v.mp4", tmp_path / "v")

    for word in ("198.18.0.0/15", "fake-IP", "allow_networks"):
        assert word in said
    assert "198.18.0.40" not in said


async def test_a_video_at_an_inner_address_says_what_mends_it_and_no_address(
    tmp_path: Path,
) -> None:
    said = await given("http://10.1.2.3/v.mp4", tmp_path / "v")

    assert "is not on the public internet" in said
    assert "allow_networks" in said
    assert "10.1" not in said


async def test_a_video_in_a_packing_that_is_not_read_is_one_that_is_not_there(
    tmp_path: Path,
) -> None:
    async with answering("200 OK\r\nContent-Encoding: br\r\nContent-Length: 1", b"x") as url:
        with pytest.raises(NotThere, match="compressed with br"):
            await fetched(url, tmp_path / "v")


async def test_the_status_of_a_dead_link_is_told(tmp_path: Path) -> None:
    async with answering("409 Conflict\r\nContent-Length: 0") as url:
        with pytest.raises(NotThere, match=r"has died \(answered 409\)"):
            await fetched(url, tmp_path / "v")


@pytest.mark.parametrize(
    "head",
    [
        "404 Not Found\r\nContent-Length: 0",
        "503 Service Unavailable\r\nContent-Length: 0",
        "200 OK\r\nContent-Length: 50000000000",
        "200 OK\r\nContent-Encoding: br\r\nContent-Length: 0",
    ],
)
async def test_whatever_is_wrong_with_one_link_the_other_that_was_named_is_tried(
    tmp_path: Path, head: str
) -> None:
    async with answering(head) as url:
        await fetched(url, tmp_path / "v", "v.mp4", "well.mp4")

    assert (tmp_path / "v").read_bytes() == VIDEO


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"<!doctype html><div id=app></div>", "a web page"),
        (b"\xef\xbb\xbf <html>", "a web page"),
        (b'{"error":{"message":"still uploading"}}', "still uploading"),
        (b'{"status":"queued"}', "no video"),
        (b"", "an empty file"),
        (b"Video is not ready yet.\n", "not ready yet"),
        (b"#EXTM3U\n#EXT-X-VERSION:3\n", "EXTM3U"),
    ],
)
async def test_words_in_the_place_of_a_video_are_none_and_the_other_link_is_tried(
    tmp_path: Path, body: bytes, said: str
) -> None:
    async with answering(f"200 OK\r\nContent-Length: {len(body)}", body) as url:
        with pytest.raises(NotThere, match=said):
            await fetched(url, tmp_path / "v")
        await fetched(url, tmp_path / "v", "v.mp4", "well.mp4")

    assert (tmp_path / "v").read_bytes() == VIDEO


@pytest.mark.parametrize("link", ["/well.mp4", "/v1/well.mp4", "files/well.mp4"])
async def test_a_link_in_the_place_of_a_video_is_followed(tmp_path: Path, link: str) -> None:
    body = msgspec.json.encode({"data": {"video_url": link}})
    async with answering(f"200 OK\r\nContent-Length: {len(body)}", body) as url:
        await fetched(url, tmp_path / "v")

    assert (tmp_path / "v").read_bytes() == VIDEO


async def test_links_that_lead_in_a_circle_come_to_an_end(tmp_path: Path) -> None:
    body = b'{"url":"/v1/v.mp4"}'
    async with answering(f"200 OK\r\nContent-Length: {len(body)}", body) as url:
        with pytest.raises(NotThere):
            await fetched(url, tmp_path / "v")


@pytest.mark.parametrize(
    ("link", "addresses"),
    [
        ("https://cdn.example/v.mp4?a=1&amp;b=2", ["https://cdn.example/v.mp4?a=1&b=2"]),
        ("//cdn.example/v.mp4", ["http://cdn.example/v.mp4"]),
        ("/v.mp4", ["http://gw.example:80/v.mp4", "http://gw.example/v1/v.mp4"]),
        ("files/v.mp4", ["http://gw.example:80/files/v.mp4", "http://gw.example/v1/files/v.mp4"]),
        (
            "cdn.example/v.mp4",
            [
                "https://cdn.example/v.mp4",
                "http://gw.example:80/cdn.example/v.mp4",
                "http://gw.example/v1/cdn.example/v.mp4",
            ],
        ),
    ],
)
async def test_a_link_is_read_as_all_that_it_may_mean(link: str, addresses: list[str]) -> None:
    fetcher = Fetcher()
    upstream = Upstream(
        engine="up",
        base_url="http://gw.example/v1",
        api_key="",
        pace=Pace(1000),
        fetcher=fetcher,
    )

    assert list(upstream.named(link)) == addresses
    await upstream.close()
    await fetcher.close()
