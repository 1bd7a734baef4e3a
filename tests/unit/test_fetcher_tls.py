"""TLS to a caller's address: the name is what is verified, the checked address what is dialled."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from ipaddress import IPv4Network, ip_address
from pathlib import Path

import pytest

from unstill.domain.errors import FetchFailed
from unstill.net.addresses import IPAddress
from unstill.net.fetcher import Fetcher

# Self-signed for pictures.test, 2020 to 9999; it guards nothing.
KEY = """\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgF5UrawO1jnNCz7dQ
tmJcp61dAD+finhWI/0UK05NibmhRANCAAQvXIE23Kd8fgpUbO68mSiOLC7ewSNj
/AYq1K/xO08AEJcV+9aJTfAJvicW6z8pfBiCtqr2mvRg0x37JZToknXE
-----END PRIVATE KEY-----
"""
CERTIFICATE = """\
-----BEGIN CERTIFICATE-----
MIIBfTCCASOgAwIBAgIBATAKBggqhkjOPQQDAjAYMRYwFAYDVQQDDA1waWN0dXJl
cy50ZXN0MCAXDTIwMDEwMTAwMDAwMFoYDzk5OTkxMjMxMjM1OTU5WjAYMRYwFAYD
VQQDDA1waWN0dXJlcy50ZXN0MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEL1yB
NtynfH4KVGzuvJkojiwu3sEjY/wGKtSv8TtPABCXFfvWiU3wCb4nFus/KXwYgraq
9pr0YNMd+yWU6JJ1xKNcMFowGAYDVR0RBBEwD4INcGljdHVyZXMudGVzdDAPBgNV
HRMBAf8EBTADAQH/MA4GA1UdDwEB/wQEAwIChDAdBgNVHQ4EFgQUgFcIQvy9XwLe
7s8y2NSvuvOX7KMwCgYIKoZIzj0EAwIDSAAwRQIhAPwVAzOJLfWZqTJT44VAKzB4
LIY0FRaNEwxNMWEg+NjHAiAGmWPkw+ouS67pW+kgsmmvaAqxR+cVJ8A9wV4PdG78
pQ==
-----END CERTIFICATE-----
"""
TRUSTING = ssl.create_default_context(cadata=CERTIFICATE)


async def here(_: str) -> Sequence[IPAddress]:
    return [ip_address("127.0.0.1")]


@asynccontextmanager
async def serving(answer: bytes, tls: ssl.SSLContext | None) -> AsyncIterator[int]:
    """A server on loopback that says `answer` to whatever comes; gives its port."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(answer)
        writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    async with listening:
        yield listening.sockets[0].getsockname()[1]


async def fetch(url: str, out: Path, tls: ssl.SSLContext | None, timeout_s: float = 5) -> int:
    fetcher = Fetcher([IPv4Network("127.0.0.0/8")], resolve=here, tls=tls)
    try:
        return await fetcher.fetch(url, out, max_bytes=100, timeout_s=timeout_s)
    finally:
        await fetcher.close()


@pytest.fixture
def server_tls(tmp_path: Path) -> ssl.SSLContext:
    chain = tmp_path / "chain.pem"
    chain.write_text(KEY + CERTIFICATE)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    return context


async def test_tls_is_told_the_name_and_not_the_address_that_was_dialled(
    server_tls: ssl.SSLContext, out: Path
) -> None:
    names: list[str | None] = []
    server_tls.sni_callback = lambda _socket, name, _context: names.append(name)
    picture = b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\npicture"
    async with serving(picture, server_tls) as port:
        size = await fetch(f"https://pictures.test:{port}/", out, TRUSTING)

    assert size == 7
    assert names == ["pictures.test"]


@pytest.mark.parametrize(("host", "tls"), [("pictures.test", None), ("other.test", TRUSTING)])
async def test_a_certificate_that_cannot_be_trusted_is_refused(
    host: str, tls: ssl.SSLContext | None, server_tls: ssl.SSLContext, out: Path
) -> None:
    async with serving(b"", server_tls) as port:
        with pytest.raises(FetchFailed, match=r"^has a certificate that cannot be trusted: "):
            await fetch(f"https://{host}:{port}/", out, tls)


async def test_https_to_a_plain_server_fails_by_name(out: Path) -> None:
    async with serving(b"HTTP/1.1 400 Bad Request\r\n\r\n", None) as port:
        with pytest.raises(FetchFailed, match=r"^could not be connected to securely$"):
            await fetch(f"https://pictures.test:{port}/", out, TRUSTING)


async def test_a_handshake_that_never_ends_is_cut_off_and_its_socket_closed(out: Path) -> None:
    has_hung_up = asyncio.Event()

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()  # until the other side closes
        has_hung_up.set()
        writer.close()

    async with await asyncio.start_server(listen, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(FetchFailed, match=r"^did not arrive within 0.2 s$"):
            await fetch(f"https://127.0.0.1:{port}/", out, TRUSTING, timeout_s=0.2)
        await asyncio.wait_for(has_hung_up.wait(), 30)

    assert has_hung_up.is_set()
