"""What is fetched and what is refused, over real sockets on loopback.

The upstreams are small asyncio servers; only the resolver is exchanged, through the constructor.
Addresses outside loopback are refused before a socket is made, so nothing leaves the machine.
"""

import asyncio
import gzip
import socket
import tomllib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import IPv4Network, ip_address
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from free_ports import free_port
from unstill import HOME, __version__
from unstill.addresses import IPAddress
from unstill.dial import Resolve
from unstill.errors import FetchFailed
from unstill.net import Fetcher
from unstill.packing import PIECE_BYTES

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


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "picture.part"


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
        ("http://[::1", "redirected to something that is not a URL"),
        ("", "answered 302 without a Location"),
    ],
)
async def test_a_redirect_is_read_like_a_callers_url(location: str, said: str, out: Path) -> None:
    async with upstream({"/picture": redirect(location)}) as server, fetcher() as made:
        assert await reason(made, server.url(), out) == said


# --- names -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "addresses", [["10.0.0.1"], ["127.0.0.1", "10.0.0.1"], ["8.8.8.8", "::1"], ["64:ff9b::a00:1"]]
)
async def test_a_name_with_any_hostile_address_is_refused_and_the_address_not_told(
    addresses: list[str], out: Path
) -> None:
    async with fetcher(resolver(pictures=addresses)) as made:
        said = await reason(made, "http://pictures.test/", out)

    assert said == "the host pictures.test could not be found on the public internet"


async def test_a_name_is_looked_up_once_so_that_it_cannot_point_elsewhere_after_the_check(
    out: Path,
) -> None:
    answers = iter([["127.0.0.1"], ["10.0.0.1"]])

    async def rebind(_: str) -> Sequence[IPAddress]:
        return [ip_address(address) for address in next(answers)]

    steps = {"/picture": sized(PICTURE), "/again": redirect("/picture")}
    async with upstream(steps) as server, fetcher(rebind) as made:
        size = await made.fetch(server.url(host="pictures.test"), out, max_bytes=2**20, timeout_s=5)
        said = await reason(made, server.url("/again", host="pictures.test"), out)

    assert size == len(PICTURE)
    assert said == "the host pictures.test could not be found on the public internet"


async def test_the_next_address_is_tried_when_the_first_does_not_answer(out: Path) -> None:
    async with (
        upstream({"/picture": sized(PICTURE)}) as server,  # listens on 127.0.0.1 alone
        fetcher(resolver(pictures=["127.0.0.2", "127.0.0.1"])) as made,
    ):
        size = await made.fetch(server.url(host="pictures.test"), out, max_bytes=2**20, timeout_s=5)

    assert size == len(PICTURE)
    assert f"Host: pictures.test:{server.port}" in server.heads[0]


async def test_no_more_than_four_addresses_are_tried(out: Path) -> None:
    addresses = [f"127.0.0.{n}" for n in (2, 3, 4, 5, 1)]
    async with (
        upstream({"/picture": sized(PICTURE)}) as server,
        fetcher(resolver(pictures=addresses)) as made,
    ):
        said = await reason(made, server.url(host="pictures.test"), out)

    assert said == "could not be connected to"


async def test_names_inside_are_told_apart_from_none_in_the_log_alone(out: Path) -> None:
    async with fetcher(resolver(intranet=["10.1.2.3"])) as made:
        with capture_logs() as logs:
            inside = await reason(made, "http://intranet.test/", out)
            nowhere = await reason(made, "http://internet.test/", out)

    assert inside == nowhere.replace("internet.test", "intranet.test")
    (line,) = [each for each in logs if each["event"] == "address_refused"]
    assert line["host"] == "intranet.test"
    assert line["ranges"] == ["10.0.0.0/8"]
    assert "allow_networks" in line["mend"]


async def test_the_range_of_fake_ip_proxies_is_named_with_what_mends_it(out: Path) -> None:
    async with fetcher(resolver(cdn=["198.18.0.40"])) as made:
        said = await reason(made, "http://cdn.test/cat.jpg", out)
        in_figures = await reason(made, "http://198.19.255.255/cat.jpg", out)

    for each in (said, in_figures):
        assert "198.18.0.0/15" in each
        assert "fake-IP" in each
        assert "allow_networks" in each


async def test_a_name_beside_a_fake_address_that_is_inside_is_not_told(out: Path) -> None:
    async with fetcher(resolver(cdn=["198.18.0.40", "10.0.0.1"])) as made:
        said = await reason(made, "http://cdn.test/", out)

    assert said == "the host cdn.test could not be found on the public internet"


async def test_a_name_that_nobody_knows_is_said_to_be_unknown(out: Path) -> None:
    async with fetcher(resolver()) as made:
        said = await reason(made, "http://a.test/", out)

    assert said == "the host a.test could not be found on the public internet"


async def test_the_systems_resolver_is_asked_by_default(out: Path) -> None:
    async with upstream({}) as server, fetcher(allow_networks=()) as made:
        said = await reason(made, server.url(host="localhost"), out)

    assert said == "the host localhost could not be found on the public internet"


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


# --- limits ------------------------------------------------------------------------------------


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


# --- answers that are no picture ---------------------------------------------------------------


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
