"""The least pace of an answer, over real sockets: what drips is given up, what is slow is not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from ipaddress import IPv4Network
from pathlib import Path

import pytest

from unstill.domain.errors import FetchFailed
from unstill.net.fetcher import Fetcher
from unstill.net.least_pace import LeastPace

PACE = LeastPace(head_within_s=2.0, least_bytes=1000, within_s=1.0)
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 4000\r\n\r\n"

Say = Callable[[asyncio.StreamWriter], Awaitable[None]]
SILENT_S = 10.0  # far beyond every limit


@asynccontextmanager
async def host(say: Say) -> AsyncIterator[str]:
    calls: list[asyncio.Task[None]] = []

    async def answered(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            await say(writer)
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        calls.append(asyncio.create_task(answered(reader, writer)))

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with listening:
        yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/v.mp4"
    for call in calls:
        call.cancel()
    await asyncio.gather(*calls, return_exceptions=True)


async def fetched(say: Say, out: Path, pace: LeastPace | None = PACE) -> int:
    fetcher = Fetcher([IPv4Network("127.0.0.0/8")])
    try:
        async with host(say) as url:
            return await fetcher.fetch(url, out, max_bytes=10_000, timeout_s=20, pace=pace)
    finally:
        await fetcher.close()


async def drip(writer: asyncio.StreamWriter, *, size_bytes: int, pause_s: float) -> None:
    writer.write(HEAD)
    for _ in range(4000 // size_bytes):
        writer.write(b"v" * size_bytes)
        await writer.drain()
        await asyncio.sleep(pause_s)


async def test_a_body_that_drips_is_given_up(tmp_path: Path) -> None:
    async def say(writer: asyncio.StreamWriter) -> None:
        await drip(writer, size_bytes=1, pause_s=0.01)

    begun_s = asyncio.get_running_loop().time()
    with pytest.raises(FetchFailed, match=r"comes slower than 1 KB a second"):
        await fetched(say, tmp_path / "v")
    assert asyncio.get_running_loop().time() - begun_s < 20  # it would take 40


async def test_a_body_that_stops_in_its_midst_is_given_up(tmp_path: Path) -> None:
    async def say(writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + b"v" * 3000)
        await asyncio.sleep(SILENT_S)

    with pytest.raises(FetchFailed, match="comes slower"):
        await fetched(say, tmp_path / "v")


async def test_a_body_at_the_least_pace_arrives_however_long_it_takes(tmp_path: Path) -> None:
    async def say(writer: asyncio.StreamWriter) -> None:
        await drip(writer, size_bytes=1000, pause_s=0.4)

    assert await fetched(say, tmp_path / "v") == 4000


async def test_the_last_bytes_may_be_few(tmp_path: Path) -> None:
    async def say(writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + b"v" * 3999)
        await asyncio.sleep(0.1)
        writer.write(b"v")

    assert await fetched(say, tmp_path / "v") == 4000


async def test_an_answer_that_does_not_begin_is_given_up(tmp_path: Path) -> None:
    async def say(writer: asyncio.StreamWriter) -> None:
        del writer
        await asyncio.sleep(SILENT_S)

    pace = LeastPace(head_within_s=0.5, least_bytes=1000, within_s=1.0)
    with pytest.raises(FetchFailed, match=r"did not begin to answer within 0\.5 s"):
        await fetched(say, tmp_path / "v", pace)


async def test_an_answer_may_begin_later_than_its_bytes_may_pause(tmp_path: Path) -> None:
    async def say(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(1.0)
        writer.write(HEAD + b"v" * 4000)

    pace = LeastPace(head_within_s=10, least_bytes=1000, within_s=0.8)
    assert await fetched(say, tmp_path / "v", pace) == 4000


async def test_without_a_least_pace_nothing_is_too_slow(tmp_path: Path) -> None:
    async def say(writer: asyncio.StreamWriter) -> None:
        await drip(writer, size_bytes=2000, pause_s=1.0)

    assert await fetched(say, tmp_path / "v", None) == 4000
