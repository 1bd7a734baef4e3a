"""Every request to an address that somebody else chose: a caller's picture, an upstream's video.

A host is resolved once, every address it has is checked, and a checked address is what is dialled,
so that a name cannot point elsewhere a moment later. Redirects go through the same door. Sizes are
counted on the wire and one deadline spans the whole fetch. Not covered: who may fetch how often.
"""

from __future__ import annotations

import asyncio
import os
import re
import ssl
from collections.abc import AsyncIterator, Awaitable, Iterable, Mapping
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from copy import copy
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import httpcore2
import httpx2

from unstill import USER_AGENT
from unstill.domain.errors import FetchFailed, shown
from unstill.net.addresses import ANYWHERE, IPNetwork, is_host
from unstill.net.decompression import unpacker
from unstill.net.dial import (
    RESOLVER_THREADS,
    CheckedNetwork,
    NotFound,
    Resolve,
    SystemResolver,
    check_for_proxy,
)
from unstill.net.least_pace import LeastPace
from unstill.net.no_connection import (
    PASSING,
    check_proxy_answer,
    no_proxy,
    not_connected,
    refused_by_proxy,
)
from unstill.net.proxy import Proxy
from unstill.net.retry_after import retry_after_s

MAX_REDIRECTS = 3
REDIRECTS = frozenset((301, 302, 303, 307, 308))

_MOST_PORT_CHARS = 8  # shown of one that is none
_RANGE = re.compile(r"bytes\s+0-(\d{1,15})/(\d{1,15})", re.ASCII | re.IGNORECASE)
_BROKEN = (
    httpcore2.NetworkError,
    httpcore2.ProtocolError,
    httpcore2.TimeoutException,
    ssl.SSLError,
)


class LinkAnswered(FetchFailed):
    """The address answered, with something else than 200; `answer_status` says what."""

    def __init__(self, answer_status: int, retry_after_s: float | None = None) -> None:
        super().__init__(
            f"answered {answer_status}",
            is_passing=answer_status in PASSING,
            retry_after_s=retry_after_s,
        )
        self.answer_status = answer_status


class LinkTooLarge(FetchFailed):
    """What the address gives is larger than was allowed, by its own word or as it came."""


@dataclass(frozen=True)
class Own:
    """A server that the operator named: it is reached wherever it is, and told `headers`."""

    origin: str  # as `origin_of` writes it
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)  # they hold a key


class Fetcher:
    """Fetches what a caller's URL points at; many at once, a fresh connection each.

    `allow_networks` are reached besides the public internet. `tls` says whose certificates are
    believed, without one those that the system believes. Through a proxy names are the proxy's to
    look up: what is left of the guard then, `check_for_proxy` says.
    """

    _proxy: Proxy | None = None  # None: all hosts are dialled from here

    def __init__(
        self,
        allow_networks: Iterable[IPNetwork] = (),
        *,
        resolve: Resolve | None = None,
        tls: ssl.SSLContext | None = None,
        resolver_threads: int = RESOLVER_THREADS,
    ) -> None:
        self._allow_networks = tuple(allow_networks)
        self._system = SystemResolver(resolver_threads)
        self._resolve = resolve or self._system.resolve
        self.tls = tls or httpcore2.default_ssl_context()  # shared: to load one takes 30 ms

    def through(self, proxy: Proxy | None) -> Fetcher:
        """One that asks a proxy, which its operator trusts, for the connections; None: asks none.

        Both are closed as one, by either.
        """
        fetcher = copy(self)
        fetcher._proxy = proxy  # noqa: SLF001  - of the same class
        return fetcher

    def proxy_to(self, host: str) -> str | None:
        """The address of the proxy that is asked for `host`; None: it is dialled from here."""
        if self._proxy is None or self._proxy.spares(host.strip("[]")):
            return None
        return self._proxy.url

    async def fetch(
        self,
        url: str,
        out: Path,
        *,
        max_bytes: int,
        timeout_s: float,
        own: Own | None = None,
        pace: LeastPace | None = None,
    ) -> int:
        """Write what `url` answers to `out`, in an existing folder; returns its size in bytes.

        After a failure `out` may hold a part. Raises FetchFailed with a reason that is fit for the
        caller, OSError if `out` cannot be written.
        """
        try:
            async with asyncio.timeout(timeout_s):
                return await self._follow(checked_url(url), out, max_bytes, own, pace)
        except TimeoutError as error:
            raise FetchFailed(f"did not arrive within {timeout_s:g} s") from error

    async def post(
        self,
        url: str,
        content: bytes,
        *,
        headers: Mapping[str, str],
        timeout_s: float,
        own: Own | None = None,
    ) -> int:
        """Send `content` to `url`; returns the status it answers. Follows no redirect.

        Raises FetchFailed.
        """
        target = checked_url(url)
        own = own if own is not None and own.origin == origin_of(target) else None
        try:
            async with (
                asyncio.timeout(timeout_s),
                self._answer(target, own, content=content, headers=headers) as answer,
            ):
                return answer.status
        except TimeoutError as error:
            raise FetchFailed(f"did not answer within {timeout_s:g} s") from error

    async def close(self) -> None:
        self._system.close()

    async def _follow(
        self,
        url: httpx2.URL,
        out: Path,
        max_bytes: int,
        own: Own | None,
        pace: LeastPace | None,
    ) -> int:
        for _ in range(1 + MAX_REDIRECTS):
            # Once elsewhere, for good: a stranger must not send us back inside with the key.
            own = own if own is not None and own.origin == origin_of(url) else None
            async with self._answer(url, own, pace=pace) as answer:
                if answer.status in REDIRECTS:
                    url = _target(url, answer)
                    continue
                _check_head(answer, max_bytes)
                return await _save(answer, out, max_bytes)
        raise FetchFailed(f"redirected more than {MAX_REDIRECTS} times")

    @asynccontextmanager
    async def _answer(
        self,
        url: httpx2.URL,
        own: Own | None,
        *,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        pace: LeastPace | None = None,
    ) -> AsyncIterator[httpcore2.Response]:
        """The answer to a GET or, with `content`, to a POST."""
        allowed = self._allow_networks if own is None else ANYWHERE
        own_headers = {} if own is None else own.headers
        host = url.raw_host.decode("ascii").strip("[]")
        proxy = self.proxy_to(host)
        if proxy is not None:
            if own is None:
                await check_for_proxy(host, self._resolve, allowed)
            allowed = ANYWHERE  # it is the proxy that is dialled
        network = CheckedNetwork(self._resolve, allowed, pace)
        target = httpcore2.URL(
            scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
        )
        connection = self._connection(target, network, proxy)
        has_begun = False
        try:
            async with AsyncExitStack() as stack:
                stream = connection.stream(
                    "GET" if content is None else "POST",
                    target,
                    headers=[*_headers(url), *_encoded(headers or {}), *_encoded(own_headers)],
                    content=content,
                )
                answer = await _begun(stack.enter_async_context(stream), pace)
                has_begun = True
                network.has_head = True
                if proxy is not None:
                    check_proxy_answer(answer)
                yield answer
        except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
            raise not_connected(error, by_proxy=proxy is not None) from error
        except NotFound as error:
            if proxy is None:
                raise
            raise no_proxy() from error
        except httpcore2.ProxyError as error:
            raise refused_by_proxy(str(error)) from error
        except _BROKEN as error:
            reason = "broke off before its end" if has_begun else "did not answer in HTTP"
            raise FetchFailed(reason, is_passing=True) from error
        finally:
            await network.close()

    def _connection(
        self, target: httpcore2.URL, network: CheckedNetwork, proxy: str | None
    ) -> httpcore2.AsyncHTTPConnection | httpcore2.AsyncHTTPProxy:
        if proxy is None:
            return httpcore2.AsyncHTTPConnection(
                target.origin, ssl_context=self.tls, network_backend=network
            )
        asked = httpx2.Proxy(proxy)
        return httpcore2.AsyncHTTPProxy(
            str(asked.url),
            proxy_auth=asked.raw_auth,
            ssl_context=self.tls,
            max_connections=1,
            max_keepalive_connections=0,
            network_backend=network,
        )


async def _begun(
    answer: Awaitable[httpcore2.Response], pace: LeastPace | None
) -> httpcore2.Response:
    """The answer once its head is there; raises FetchFailed if that takes too long."""
    if pace is None:
        return await answer
    try:
        async with asyncio.timeout(pace.head_within_s):
            return await answer
    except TimeoutError as error:
        reason = f"did not begin to answer within {pace.head_within_s:g} s"
        raise FetchFailed(reason) from error


def checked_url(text: str) -> httpx2.URL:
    """Read a URL whose form alone may be refused; where it leads is checked when it is dialled.

    Raises FetchFailed.
    """
    try:
        url = httpx2.URL(text)
    except (httpx2.InvalidURL, ValueError) as error:
        raise FetchFailed("is not a URL that can be read") from error
    if url.scheme not in ("http", "https"):
        raise FetchFailed("only http and https URLs can be fetched")
    if url.userinfo:
        raise FetchFailed("a URL with a user name or password in it cannot be fetched")
    if not is_host(url.raw_host.decode("ascii")):
        host = url.raw_host.decode("ascii")
        raise FetchFailed(f"the URL's host {shown(host)} is not a name or an address")
    if url.port is not None and not 1 <= url.port <= 65535:
        raise FetchFailed(f"the URL's port {str(url.port)[:_MOST_PORT_CHARS]} does not exist")
    return url


def origin_of(url: httpx2.URL) -> str:
    """Scheme, host and port of `url`, the port always written, the host as it is dialled."""
    port = url.port or {"http": 80, "https": 443}.get(url.scheme, 0)
    host = url.raw_host.decode("ascii")  # `url.host` raises for some `xn--...`
    return f"{url.scheme}://{host}:{port}"


def _headers(url: httpx2.URL) -> list[tuple[bytes, bytes]]:
    return [
        (b"Host", url.netloc),
        (b"User-Agent", USER_AGENT.encode()),
        (b"Accept", b"*/*"),
        (b"Accept-Encoding", b"identity"),
        (b"Connection", b"close"),
    ]


def _encoded(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.encode("ascii"), value.encode()) for name, value in headers.items()]


def _header(answer: httpcore2.Response, name: bytes) -> bytes:
    return next((value for key, value in answer.headers if key.lower() == name), b"")


def _target(url: httpx2.URL, answer: httpcore2.Response) -> httpx2.URL:
    location = _header(answer, b"location")
    if not location:
        raise FetchFailed(f"answered {answer.status} without a Location")
    try:
        joined = str(url.join(location.decode()))
    except (httpx2.InvalidURL, ValueError) as error:
        raise FetchFailed("redirected to something that is not a URL") from error
    return checked_url(joined)


def _check_head(answer: httpcore2.Response, max_bytes: int) -> None:
    if answer.status not in {200, 203} and not _is_all(answer):
        asked_for = _header(answer, b"retry-after").decode("latin-1")
        raise LinkAnswered(answer.status, retry_after_s(asked_for))
    length = _header(answer, b"content-length")
    if length and int(length) > max_bytes:  # h11 has checked that these are digits
        raise _too_large(max_bytes)


def _is_all(answer: httpcore2.Response) -> bool:
    """Whether a 206, which some hosts answer to everybody, is the whole file."""
    told = _header(answer, b"content-range").decode("latin-1")
    found = _RANGE.fullmatch(told.strip()) if answer.status == 206 else None
    return found is not None and int(found[1]) + 1 == int(found[2])


async def _save(answer: httpcore2.Response, out: Path, max_bytes: int) -> int:
    """Write the body, unpacked if it came packed; neither form is larger than `max_bytes`."""
    unpack = unpacker(_header(answer, b"content-encoding").decode("latin-1"))
    came_bytes = size_bytes = 0
    with _open_private(out) as file:
        async with aclosing(answer.aiter_stream()) as chunks:
            async for chunk in chunks:
                came_bytes += len(chunk)
                if came_bytes > max_bytes:
                    raise _too_large(max_bytes)
                pieces = (chunk,) if unpack is None else unpack.pieces(chunk)
                left_bytes = max_bytes - size_bytes
                size_bytes += await asyncio.to_thread(_write, file, pieces, left_bytes)
                if size_bytes > max_bytes:
                    raise _too_large(max_bytes)
    if unpack is not None:
        unpack.end()
    return size_bytes


def _write(file: BinaryIO, pieces: Iterable[bytes], most_bytes: int) -> int:
    """How many bytes were written: a piece more than `most_bytes` at the most."""
    size_bytes = 0
    for piece in pieces:
        file.write(piece)
        size_bytes += len(piece)
        if size_bytes > most_bytes:
            break
    return size_bytes


def _open_private(path: Path) -> BinaryIO:
    # Buffered on purpose: its lock keeps a close at the deadline from pulling the descriptor away
    # under a write that still runs in its thread.
    return open(path, "wb", opener=lambda name, flags: os.open(name, flags, 0o600))


def _too_large(max_bytes: int) -> LinkTooLarge:
    if max_bytes % 2**20 == 0:
        return LinkTooLarge(f"is larger than {max_bytes // 2**20} MB")
    return LinkTooLarge(f"is larger than {max_bytes} bytes")
