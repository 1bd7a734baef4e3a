"""Web pages as callers: whose calls are let in, and what a browser is told of them.

A browser sends any page's calls to any address that it can reach, so also to a server that is for
its own machine and asks for no key. What a page may read of the answers, the browser asks first
(the Fetch standard, CORS); that a call reaches us under a name which its page has made lead here
(DNS rebinding), only `Host` tells.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from ipaddress import IPv6Address, ip_address
from urllib.parse import urlsplit

from starlette.types import Message, Scope, Send

from unstill.domain.access_errors import ForeignHost, ForeignOrigin
from unstill.server.http_cycle import WHOLE
from unstill.server.proxies import OUTER_HOST

ANY = "*"
# Pages may read these headers besides those that a browser shows by itself
# (the Fetch standard, CORS-safelisted).
EXPOSED = (
    "x-request-id",
    "x-unstill-engine",
    "x-unstill-queue-position",
    "x-unstill-expected-end",
    "x-unstill-waiting",
    "x-unstill-ignored",
    "x-unstill-unheard",
    "openai-poll-after-ms",
    "retry-after",
    "x-should-retry",
    "www-authenticate",
    "allow",
    "etag",
    "accept-ranges",
    "content-disposition",
    "content-length",
    "content-range",
)
_METHODS = b"GET, HEAD, POST, PATCH, DELETE"
_PREFLIGHT_AGE_S = 7200  # Chromium keeps none longer
_READS = frozenset({"GET", "HEAD", "OPTIONS"})
_FOREIGN_SITES = frozenset({b"cross-site", b"same-site"})  # W3C Fetch Metadata
_AUTHORITY = re.compile(r"(\[[0-9a-f:.]+\]|[^\[\]:/?#@\s]+)(?::\d{0,5})?")
_HEADED = frozenset({"http.response.start", WHOLE})
_MOST_KNOWN = 64  # spellings of hosts that were found good: a port or two, a few names

Pairs = list[tuple[bytes, bytes]]


class Origins:
    """The origins of pages that may call, and the names that this server goes by."""

    def __init__(
        self, allowed: Sequence[str], *, has_keys: bool, host: str = "", public_url: str = ""
    ) -> None:
        """With keys `Host` and `Origin` are free: a page that has no key gets nothing anyway.

        host, public_url: other names of this server than loopback's.
        """
        self._allowed = frozenset(origin.encode() for origin in allowed)
        self._takes_any = ANY in allowed
        self._has_keys = has_keys
        public = urlsplit(public_url)
        own_origin = f"{public.scheme}://{public.netloc}".lower().encode()
        self._own_origin = own_origin if public_url else None
        self._own_names = frozenset({host, public.hostname or ""}) - {""}
        self._known: set[bytes] = set()
        self._exposed = (b"access-control-expose-headers", ", ".join(EXPOSED).encode())

    def ask_for_keys(self) -> None:
        """There are keys from now on."""
        self._has_keys = True

    @property
    def decide_nothing(self) -> bool:
        """Whether every call passes and no browser is told anything."""
        return self._has_keys and not self._allowed

    def check(self, scope: Scope) -> None:
        """Raises ForeignHost, ForeignOrigin where this machine's own users cannot have called."""
        if self._has_keys:
            return
        headers = dict(scope["headers"])
        host = headers.get(b"host", b"")
        if host not in self._known:
            self._learn(host, scope["http_version"])
        # Both names: a page under a name that was made to lead here sends any header it likes.
        if outer := scope.get(OUTER_HOST, "").encode("latin-1"):
            if outer not in self._known:
                self._learn(outer, scope["http_version"])
            host = outer
        if scope["method"] not in _READS:
            self._check_writer(headers, host)

    def _learn(self, host: bytes, http_version: str) -> None:
        # HTTP/1.0 has no Host, and no browser speaks it: a load balancer's look at /health.
        if not host and http_version == "1.0":
            return
        if not is_own(host.decode("latin-1"), self._own_names):
            raise ForeignHost(host.decode("latin-1"))
        if len(self._known) < _MOST_KNOWN:
            self._known.add(host)

    def _check_writer(self, headers: dict[bytes, bytes], host: bytes) -> None:
        origin, site = headers.get(b"origin"), headers.get(b"sec-fetch-site")
        if origin is None:
            if site in _FOREIGN_SITES:
                raise ForeignOrigin(None)
        elif not self._lets(origin) and (site == b"cross-site" or not self._is_own(origin, host)):
            raise ForeignOrigin(origin.decode("latin-1"))

    def _is_own(self, origin: bytes, host: bytes) -> bool:
        """Whether the page came from this server; behind a proxy by either of its schemes."""
        origin = origin.lower()
        if origin == self._own_origin:
            return True
        # `null` has no host, and is no page of a server that was asked without one.
        return bool(host) and origin.partition(b"://")[2] == host.lower()

    def _lets(self, origin: bytes) -> bool:
        return self._takes_any or origin.lower() in self._allowed

    def telling(self, scope: Scope, send: Send) -> Send:
        """`send`, with what the page's browser has to be told in the headers of any answer."""
        if not self._allowed:
            return send
        pairs = self._told(dict(scope["headers"]).get(b"origin"))

        async def tell(message: Message) -> None:
            if message["type"] in _HEADED:
                message = {**message, "headers": [*message["headers"], *pairs]}
            await send(message)

        return tell

    def _told(self, origin: bytes | None) -> Pairs:
        if self._takes_any:
            return [(b"access-control-allow-origin", b"*"), self._exposed]
        vary = (b"vary", b"Origin")
        if origin is None or not self._lets(origin):
            return [vary]
        return [(b"access-control-allow-origin", origin), self._exposed, vary]

    def is_preflight(self, scope: Scope) -> bool:
        """Whether a browser asks if a page that may call may make one certain call."""
        if scope["method"] != "OPTIONS" or not self._allowed:
            return False
        headers = dict(scope["headers"])
        origin = headers.get(b"origin")
        has_method = b"access-control-request-method" in headers
        return has_method and origin is not None and self._lets(origin)

    async def answer_preflight(self, scope: Scope, send: Send, request_id: str) -> None:
        """Yes to any path, so that a page can read why another one is refused."""
        headers = dict(scope["headers"])
        pairs = [
            (b"x-request-id", request_id.encode()),
            (b"access-control-allow-methods", _METHODS),
            (b"access-control-max-age", b"%d" % _PREFLIGHT_AGE_S),
        ]
        # Whatever it wants to send: SDKs add headers of their own with each release.
        if wanted := headers.get(b"access-control-request-headers"):
            pairs.append((b"access-control-allow-headers", wanted))
            pairs.append((b"vary", b"Access-Control-Request-Headers"))
        # WICG Private Network Access, of Chromium before 142: from a public page to this machine.
        if headers.get(b"access-control-request-private-network") == b"true":
            pairs.append((b"access-control-allow-private-network", b"true"))
        await send({"type": "http.response.start", "status": 204, "headers": pairs})
        await send({"type": "http.response.body", "body": b""})


def is_foreign_page(headers: Mapping[str, str], host: str) -> bool:
    """Whether a browser says that it is told to by a page of another host than this one."""
    origin = headers.get("origin")
    if origin is not None and origin.lower().partition("://")[2] != host.lower():
        return True
    return headers.get("sec-fetch-site", "").encode("latin-1") in _FOREIGN_SITES


def is_own(host: str, own_names: frozenset[str]) -> bool:
    """Whether a Host header names this machine, or one of `own_names`, with any port."""
    match = _AUTHORITY.fullmatch(host.lower())
    if match is None:
        return False
    name = match[1].strip("[]").removesuffix(".")
    # RFC 6761, 6.3: whatever ends in .localhost leads to this machine, and to no other.
    if name == "localhost" or name.endswith(".localhost") or name in own_names:
        return True
    try:
        address = ip_address(name)
    except ValueError:
        return False
    if isinstance(address, IPv6Address):
        return (address.ipv4_mapped or address).is_loopback
    return address.is_loopback
