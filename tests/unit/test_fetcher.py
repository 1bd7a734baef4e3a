"""What is fetched and what is refused, over real sockets on loopback.

The upstreams are small asyncio servers; only the resolver is exchanged, through the constructor.
Addresses outside loopback are refused before a socket is made, so nothing leaves the machine.
"""

import asyncio
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from support.loopback_server import (
    PICTURE,
    Answer,
    chunked,
    fetcher,
    ok,
    reason,
    redirect,
    resolver,
    sized,
    upstream,
)
from unstill import HOME, __version__

# --- what arrives ------------------------------------------------------------------------------


@pytest.mark.parametrize("framed", [sized, chunked, ok])
async def test_a_picture_arrives_as_it_was_sent(
    framed: Callable[[bytes], bytes], out: Path
) -> None:
    async with upstream({"/picture": framed(PICTURE)}) as server, fetcher() as made:
        size = await made.fetch(server.url(), out, max_bytes=len(PICTURE), timeout_s=5)

    assert size == len(PICTURE)
    assert out.read_bytes() == PICTURE
    assert out.stat().st_mode & 0o777 == 0o600


async def test_the_request_names_us_and_carries_nothing_else(out: Path) -> None:
    async with upstream({"/p?a=%20b": sized(b"x")}) as server, fetcher() as made:
        await made.fetch(server.url("/p?a=%20b#here"), out, max_bytes=10, timeout_s=5)

    assert sorted(server.heads[0].strip().split("\r\n")) == sorted(
        [
            "GET /p?a=%20b HTTP/1.1",
            f"Host: 127.0.0.1:{server.port}",
            f"User-Agent: unstill/{__version__} (+{HOME})",
            "Accept: */*",
            "Accept-Encoding: identity",
            "Connection: close",
        ]
    )


def test_the_address_that_we_name_is_the_one_of_the_package() -> None:
    project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]

    assert project["urls"]["Repository"] == HOME


async def test_many_pictures_are_fetched_at_once(tmp_path: Path) -> None:
    together = asyncio.Barrier(20)

    async def answer(writer: asyncio.StreamWriter) -> None:
        await together.wait()
        writer.write(sized(PICTURE))
        await writer.drain()

    async with upstream({"/picture": answer}) as server, fetcher() as made:
        fetches = [
            made.fetch(server.url(), tmp_path / str(n), max_bytes=2**20, timeout_s=5)
            for n in range(20)
        ]
        sizes = await asyncio.gather(*fetches)

    assert sizes == [len(PICTURE)] * 20


# --- which addresses ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address",
    [
        "10.0.0.1",
        "0.0.0.0",
        "169.254.169.254",
        "[::1]",
        "[::ffff:10.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "[fd00:ec2::254]",
        "localhost6.test",
    ],
)
async def test_a_redirect_to_a_hostile_address_is_refused(address: str, out: Path) -> None:
    answers = {"/picture": redirect(f"http://{address}/")}
    async with upstream(answers) as server, fetcher(resolver(localhost6=["::1"])) as made:
        said = await reason(made, server.url(), out)

    assert said.endswith("on the public internet")


@pytest.mark.parametrize(
    ("location", "said"),
    [
        ("http://0x7f000001/", "the URL's host '0x7f000001' is not a name or an address"),
        ("http://me@127.0.0.1/", "a URL with a user name or password in it cannot be fetched"),
        ("http://[xn--", "the URL's host '%5bxn--' is not a name or an address"),
        ("file:///etc/passwd", "only http and https URLs can be fetched"),
        ("http://a.example:65536/", "the URL's port 65536 does not exist"),
        (f"http://a.example:{'9' * 3000}/", "the URL's port 99999999 does not exist"),
        ("http://[::1", "redirected to something that is not a URL"),
        ("", "answered 302 without a Location"),
    ],
)
async def test_a_redirect_is_read_like_a_callers_url(location: str, said: str, out: Path) -> None:
    async with upstream({"/picture": redirect(location)}) as server, fetcher() as made:
        assert await reason(made, server.url(), out) == said


# --- redirects ---------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_followed_also_relative(status: int, out: Path) -> None:
    answers = {"/a/b": redirect("../c?d", status), "/c?d": sized(PICTURE)}
    async with upstream(answers) as server, fetcher() as made:
        size = await made.fetch(server.url("/a/b"), out, max_bytes=2**20, timeout_s=5)

    assert size == len(PICTURE)


async def test_three_redirects_are_followed_and_a_fourth_is_not(out: Path) -> None:
    answers: dict[str, bytes | Answer] = {f"/{n}": redirect(f"/{n - 1}") for n in range(1, 5)}
    async with upstream(answers | {"/0": sized(PICTURE)}) as server, fetcher() as made:
        size = await made.fetch(server.url("/3"), out, max_bytes=2**20, timeout_s=5)
        said = await reason(made, server.url("/4"), out)

    assert size == len(PICTURE)
    assert said == "redirected more than 3 times"


async def test_a_redirect_loop_ends(out: Path) -> None:
    async with upstream({"/picture": redirect("/picture")}) as server, fetcher() as made:
        said = await reason(made, server.url(), out)

    assert said == "redirected more than 3 times"
    assert len(server.heads) == 4
