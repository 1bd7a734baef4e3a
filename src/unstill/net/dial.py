"""Dialling a host that somebody else named: every address is checked, and a checked one is dialled.

Names are looked up once, in threads of their own. Not covered: what is asked of the host
(fetcher.py).
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from ipaddress import ip_address
from typing import Any

import httpcore2
import structlog

from unstill.domain.errors import FetchFailed
from unstill.net.addresses import (
    FAKE_IP,
    IPAddress,
    IPNetwork,
    is_allowed,
    is_fake,
    is_inner_name,
    range_of,
)
from unstill.net.least_pace import Arrival, LeastPace

log = structlog.get_logger()

Resolve = Callable[[str], Awaitable[Sequence[IPAddress]]]  # raises OSError if there is none

DIAL_TIMEOUT_S = 4.0  # for an address that is not the last to try: a dead IPv6 route costs no more
MAX_DIALS = 4  # a host with hundreds of addresses would make a port scanner of us
RESOLVER_THREADS = 64  # as many as frames are fetched at once
MAX_HEAD_BYTES = 64 * 1024  # an answer has no more, with all the 1xx before it
HEAD_READ_BYTES = 4096

# It tells nothing of what there is inside: such a proxy answers so for every name.
OF_FAKE_IP = (
    "a proxy in fake-IP mode (Clash, sing-box, Surge) answers so for every name, and this server's"
    " operator has to open the range by allow_networks"
)


class NotFound(FetchFailed):
    """A name that has no address."""

    def __init__(self, host: str) -> None:
        super().__init__(f"the host {host} could not be found on the public internet")


class NotPublic(FetchFailed):
    """A host that may not be dialled.

    The reason of a name is that of one which does not exist: another would tell callers which
    names there are inside. What its address is, is for the operator's log alone.
    """

    def __init__(self, host: str, forbidden: Sequence[IPAddress]) -> None:
        self.is_fake = all(map(is_fake, forbidden))
        if self.is_fake:
            reason = f"the host {host} is at {FAKE_IP} here: {OF_FAKE_IP}"
        elif _is_address(host):
            reason = f"the address {host} is not on the public internet"
        else:
            reason = f"the host {host} could not be found on the public internet"
        super().__init__(reason)
        ranges = sorted({range_of(address) for address in forbidden})
        log.warning("address_refused", host=host, ranges=ranges, mend="allow_networks opens them")


async def check_for_proxy(host: str, resolve: Resolve, allow_networks: Sequence[IPNetwork]) -> None:
    """Raises NotPublic or NotFound for a host that a proxy must not be asked for.

    The proxy looks the name up again, and may find what is not found here. So this is what can be
    said from here alone: an address in figures, a name that is found here at an address inside, and
    one that is nobody's on the public internet. A name that this machine does not know is the
    proxy's to judge; so is one that a fake-IP proxy has made an address up for.
    """
    if _is_address(host):
        found: Sequence[IPAddress] = [ip_address(host)]
    else:
        try:
            # Without a limit of its own: names that fill up the resolver must not get past it.
            found = [each for each in await resolve(host) if not is_fake(each)]
        except OSError:
            found = []
        if not found and is_inner_name(host):
            raise NotFound(host)
    forbidden = [each for each in found if not is_allowed(each, allow_networks)]
    if forbidden:
        raise NotPublic(host, forbidden)


class CheckedNetwork(httpcore2.AsyncNetworkBackend):
    """A network backend that dials checked addresses only; for one connection."""

    def __init__(
        self,
        resolve: Resolve,
        allow_networks: Sequence[IPNetwork],
        pace: LeastPace | None = None,
    ) -> None:
        self._resolve = resolve
        self._allow_networks = allow_networks
        self._dialler = httpcore2.AnyIOBackend()
        self._stream: httpcore2.AsyncNetworkStream | None = None
        self.has_head = False  # the answer's is there: what comes now is its body
        self.arrival = None if pace is None else Arrival(pace)  # it watches that body

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  - the signature of the port
        local_address: str | None = None,  # noqa: ARG002  - likewise
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,  # noqa: ARG002  - likewise
    ) -> httpcore2.AsyncNetworkStream:
        addresses = await self._addresses(host)
        # One bad address among good ones is how a hostile name server would get a second try.
        forbidden = [each for each in addresses if not is_allowed(each, self._allow_networks)]
        if forbidden:
            raise NotPublic(host, forbidden)
        *others, last = addresses[:MAX_DIALS]
        for address in others:
            with suppress(httpcore2.ConnectError, httpcore2.ConnectTimeout):
                return HeadFirst(await self._dial(address, port, DIAL_TIMEOUT_S), self)
        return HeadFirst(await self._dial(last, port, timeout), self)

    async def close(self) -> None:
        """Close the socket itself: a handshake cut off by the deadline leaves it open."""
        if self._stream is not None:
            await self._stream.aclose()

    async def _dial(
        self, address: IPAddress, port: int, timeout_s: float | None
    ) -> httpcore2.AsyncNetworkStream:
        self._stream = await self._dialler.connect_tcp(str(address), port, timeout_s)
        return self._stream

    async def _addresses(self, host: str) -> Sequence[IPAddress]:
        try:
            return [ip_address(host)]
        except ValueError:
            pass
        try:
            addresses = await self._resolve(host)
        except OSError as error:
            raise NotFound(host) from error
        if not addresses:
            raise NotFound(host)
        return addresses


class HeadFirst(httpcore2.AsyncNetworkStream):
    """A stream that gives up when too much has come and the answer's head still has not.

    Answers of 1xx may precede an answer without number: a flood of them would keep us reading, at
    the full speed of a core, until the deadline.
    """

    def __init__(self, stream: httpcore2.AsyncNetworkStream, network: CheckedNetwork) -> None:
        self._stream = stream
        self._network = network
        self._size_bytes = 0

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109  - the signature of the port
        if self._network.has_head:
            arrival = self._network.arrival
            if arrival is None:
                return await self._stream.read(max_bytes, timeout)
            return await arrival.read(lambda: self._stream.read(max_bytes, timeout))
        if self._size_bytes >= MAX_HEAD_BYTES:
            raise httpcore2.RemoteProtocolError("no head among the first bytes")
        # Little at once: all that one read brings is parsed before the loop gets its turn.
        data = await self._stream.read(min(max_bytes, HEAD_READ_BYTES), timeout)
        self._size_bytes += len(data)
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109  - likewise
        await self._stream.write(buffer, timeout)

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109  - likewise
    ) -> httpcore2.AsyncNetworkStream:
        stream = await self._stream.start_tls(ssl_context, server_hostname, timeout)
        return HeadFirst(stream, self._network)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class SystemResolver:
    """Asks the system's resolver, in threads of its own.

    The loop's shared threads also store files: names that never resolve must not hold those up.
    """

    def __init__(self, threads: int = RESOLVER_THREADS) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="resolve")

    async def resolve(self, host: str) -> Sequence[IPAddress]:
        """Every address of `host`, in the order to try; raises OSError if there is none."""
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(self._threads, _look_up, host)
        return [ip_address(address) for address in dict.fromkeys(found)]

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _look_up(host: str) -> list[str]:
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return [str(sockaddr[0]) for *_, sockaddr in found]
