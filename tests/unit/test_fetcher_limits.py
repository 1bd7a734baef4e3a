"""How much a fetch takes, and for how long; and what is no picture."""

import asyncio
import gzip
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from support.free_ports import free_port
from support.loopback_server import (
    PICTURE,
    Answer,
    Upstream,
    chunked,
    fetcher,
    ok,
    reason,
    redirect,
    sized,
    upstream,
)
from unstill.net.addresses import IPAddress
from unstill.net.decompression import PIECE_BYTES


@pytest.mark.parametrize("framed", [sized, chunked, ok])
async def test_one_byte_past_the_limit_is_too_much(
    framed: Callable[[bytes], bytes], out: Path
) -> None:
    async with upstream({"/picture": framed(bytes(2**20 + 1))}) as server, fetcher() as made:
        said = await reason(made, server.url(), out, max_bytes=2**20)

    assert said == "is larger than 1 MB"


async def test_a_picture_that_comes_gzipped_is_unpacked(out: Path) -> None:
    packed = gzip.compress(PICTURE, mtime=0)
    answers = {"/picture": ok(packed, "Content-Encoding: gzip", f"Content-Length: {len(packed)}")}
    async with upstream(answers) as server, fetcher() as made:
        size = await made.fetch(server.url(), out, max_bytes=len(PICTURE), timeout_s=5)

    assert size == len(PICTURE)
    assert out.read_bytes() == PICTURE


async def test_the_limit_holds_for_what_is_unpacked(out: Path) -> None:
    bomb = ok(gzip.compress(bytes(50 * 2**20)), "Content-Encoding: gzip")
    async with upstream({"/picture": bomb}) as server, fetcher() as made:
        said = await reason(made, server.url(), out, max_bytes=2**20)

    assert said == "is larger than 1 MB"
    assert out.stat().st_size <= 2**20 + PIECE_BYTES


async def test_a_length_past_the_limit_is_refused_before_any_byte(out: Path) -> None:
    answers = {"/picture": ok(b"x", "Content-Length: 1001")}
    async with upstream(answers) as server, fetcher() as made:
        said = await reason(made, server.url(), out, max_bytes=1000)

    assert said == "is larger than 1000 bytes"
    assert not out.exists()


async def test_an_endless_body_ends_at_the_limit(out: Path) -> None:
    async def pour(writer: asyncio.StreamWriter) -> None:
        writer.write(ok(b""))
        while True:
            writer.write(bytes(2**16))
            await writer.drain()

    async with upstream({"/picture": pour}) as server, fetcher() as made:
        said = await reason(made, server.url(), out, max_bytes=2**20)
        await server.is_done()

    assert said == "is larger than 1 MB"
    assert out.stat().st_size <= 2**20


async def drip_head(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        writer.write(b"X-Drip: 1\r\n")
        await writer.drain()
        await asyncio.sleep(0.02)


async def drip_body(writer: asyncio.StreamWriter) -> None:
    writer.write(ok(b"", "Content-Length: 100000"))
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.02)


async def drip_hints(writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(b"HTTP/1.1 103 Early Hints\r\n\r\n")
        await writer.drain()
        await asyncio.sleep(0.02)


@pytest.mark.parametrize("answer", [None, drip_head, drip_body, drip_hints])
async def test_what_comes_too_slowly_ends_at_the_deadline(answer: Answer | None, out: Path) -> None:
    loop = asyncio.get_running_loop()
    async with upstream({"/picture": answer}) as server, fetcher() as made:
        began = loop.time()
        said = await reason(made, server.url(), out, timeout_s=0.3)
        took_s = loop.time() - began
        await server.is_done()

    assert said == "did not arrive within 0.3 s"
    assert 0.3 <= took_s < 5


async def test_the_deadline_spans_redirects(out: Path) -> None:
    async def later(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.6)
        writer.write(redirect("/picture"))
        await writer.drain()

    async with upstream({"/picture": later}) as server, fetcher() as made:
        said = await reason(made, server.url(), out, timeout_s=1.1)

    assert said == "did not arrive within 1.1 s"
    assert len(server.heads) == 2


async def test_the_deadline_spans_the_name_lookup(out: Path) -> None:
    async def never(_: str) -> Sequence[IPAddress]:
        await asyncio.Event().wait()
        return []

    async with fetcher(never) as made:
        said = await reason(made, "http://pictures.test/", out, timeout_s=0.1)

    assert said == "did not arrive within 0.1 s"


async def test_a_head_without_end_is_not_collected(out: Path) -> None:
    async def pour(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nX-Long: ")
        while True:
            writer.write(b"x" * 2**16)
            await writer.drain()

    async with upstream({"/picture": pour}) as server, fetcher() as made:
        said = await reason(made, server.url(), out)
        await server.is_done()

    assert said == "did not answer in HTTP"


async def test_a_flood_of_hints_is_given_up_long_before_the_deadline(out: Path) -> None:
    async def pour(writer: asyncio.StreamWriter) -> None:
        while True:
            writer.write(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 1000)
            await writer.drain()

    async with upstream({"/picture": pour}) as server, fetcher() as made:
        said = await reason(made, server.url(), out, timeout_s=5)
        await server.is_done()

    assert said == "did not answer in HTTP"


async def test_a_picture_after_hints_and_a_long_head_arrives(out: Path) -> None:
    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 20)
        writer.write(ok(PICTURE, f"Content-Length: {len(PICTURE)}", f"X-Long: {'x' * 30_000}"))
        await writer.drain()

    async with upstream({"/picture": answer}) as server, fetcher() as made:
        size_bytes = await made.fetch(server.url(), out, max_bytes=2**20, timeout_s=5)

    assert size_bytes == len(PICTURE)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "answered 404"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", "answered 204"),
        (b"HTTP/1.1 206 Partial Content\r\nContent-Length: 1\r\n\r\nx", "answered 206"),
        (b"HTTP/1.1 304 Not Modified\r\n\r\n", "answered 304"),
        (b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n", "answered 500"),
        (b"", "did not answer in HTTP"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "did not answer in HTTP"),
        (ok(b"abc", "Content-Length: 4"), "broke off before its end"),
        (ok(b"5\r\nabc", "Transfer-Encoding: chunked"), "broke off before its end"),
        (ok(b"x", "Content-Length: 1", "Content-Length: 2"), "did not answer in HTTP"),
        (
            ok(gzip.compress(b"abc", mtime=0)[:-1], "Content-Encoding: gzip"),
            "answered with gzip that is cut short",
        ),
        (
            ok(b"x", "Content-Encoding: identity, BR"),
            "answered compressed with br, which was not asked for: send it plain",
        ),
    ],
)
async def test_an_answer_that_is_no_picture_is_told_apart(
    answer: bytes, said: str, out: Path
) -> None:
    async with upstream({"/picture": answer}) as server, fetcher() as made:
        assert await reason(made, server.url(), out) == said


async def test_a_port_where_nobody_listens_is_said_to_be_unreachable(out: Path) -> None:
    server = Upstream(port=free_port())
    async with fetcher() as made:
        assert await reason(made, server.url(), out) == "could not be connected to"


async def test_a_disk_that_refuses_is_not_blamed_on_the_caller(tmp_path: Path) -> None:
    async with upstream({"/picture": sized(PICTURE)}) as server, fetcher() as made:
        with pytest.raises(FileNotFoundError):
            await made.fetch(server.url(), tmp_path / "no" / "x", max_bytes=2**20, timeout_s=5)
