"""Proxies that the operator trusts: what they say of a call that they pass on.

`X-Forwarded-For`, `-Proto` and `-Host` (what nginx, Caddy, Traefik and load balancers send), or,
where none of them is there, `Forwarded` (RFC 7239). Anybody can send such headers, and a proxy adds
its own word behind what it was sent: so each list is read from its right end, and only as far as
who wrote an entry is trusted. What cannot be understood ends the list there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address

import msgspec

Pairs = Sequence[tuple[bytes, bytes]]

# RFC 7239, and what nginx, Traefik, Caddy and load balancers send.
FORWARDED = frozenset(
    {b"forwarded", b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host", b"x-real-ip"}
)
OUTER_HOST = "unstill.outer_host"  # in the scope of a trusted proxy's call: a host, or ""
MOST_HOPS = 16  # so many proxies in a row have been seen by nobody
_MOST_BYTES = 4096  # that many entries take less
_IPV6 = r"(?=[^\]]*:)[0-9A-Fa-f:.]{2,45}"
_IPV4 = r"\d{1,3}(?:\.\d{1,3}){3}"
_ADDRESS = re.compile(rf"({_IPV4})(?::\d{{1,5}})?|\[({_IPV6})\](?::\d{{1,5}})?|({_IPV6})")
_HOST = re.compile(r"(?=.{1,255}$)(?:\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._-]+)(?::\d{1,5})?")
_SCHEMES = frozenset({"http", "https"})


class Outside(msgspec.Struct, frozen=True):
    """A call as it was when it came to the outermost proxy that is trusted."""

    client: str  # an address
    scheme: str = ""  # empty: nobody said
    host: str = ""  # with its port, where it has one; empty: nobody said


class Proxies:
    """The networks whose word about a call is taken."""

    def __init__(self, networks: Sequence[IPv4Network | IPv6Network] = ()) -> None:
        self._networks = tuple(networks)

    def trusts(self, address: str) -> bool:
        """Whether a proxy is there; what is no address is none."""
        if not self._networks:
            return False
        try:
            found = ip_address(address.partition("%")[0])
        except ValueError:
            return False
        if isinstance(found, IPv6Address) and found.ipv4_mapped is not None:
            found = found.ipv4_mapped
        return any(found in network for network in self._networks)

    def outside(self, peer: str, headers: Pairs) -> Outside:
        """What is known of a call that came from `peer`, which is trusted.

        Its client is the right-most address that is not trusted, or the left-most where all are.
        """
        given = _Given(headers)
        if given.has_common:
            client = self._walked(peer, ((entry, "", "") for entry in given.hops())).client
            return Outside(client, given.scheme(), given.host())
        return self._walked(peer, given.elements())

    def _walked(self, peer: str, hops: Iterator[tuple[str, str, str]]) -> Outside:
        """`hops`: an address as it was written, scheme and host each, the nearest first."""
        outside = Outside(peer)
        for text, scheme, host in hops:
            if not self.trusts(outside.client):
                break
            client = address_in(text)
            outside = Outside(client or outside.client, _scheme_in(scheme), _host_in(host))
            if not client:
                break
        return outside


class _Given:
    """The headers of one call, as its sender has them."""

    def __init__(self, headers: Pairs) -> None:
        self._headers = headers
        self.has_common = any(name.startswith(b"x-forwarded-") for name, _ in headers)

    def hops(self) -> Iterator[str]:
        """The entries of X-Forwarded-For from the right."""
        yield from _from_right(self._joined(b"x-forwarded-for"))

    def scheme(self) -> str:
        return _scheme_in(self._only(b"x-forwarded-proto"))

    def host(self) -> str:
        return _host_in(self._only(b"x-forwarded-host"))

    def elements(self) -> Iterator[tuple[str, str, str]]:
        """The elements of Forwarded from the right: for, proto and host of each.

        A comma always ends an element: no value of these three has one, and a quote that a
        stranger leaves open must not swallow what the proxy has written behind it.
        """
        for element in _from_right(self._joined(b"forwarded")):
            pairs = (pair.partition("=") for pair in element.split(";"))
            said = {name.strip().lower(): value.strip().strip('"') for name, _, value in pairs}
            yield said.get("for", ""), said.get("proto", ""), said.get("host", "")

    def _joined(self, name: bytes) -> str:
        return b",".join(value for sent, value in self._headers if sent == name).decode("latin-1")

    def _only(self, name: bytes) -> str:
        """The header's one value; empty where it is not there, or says two things."""
        values = {value for sent, value in self._headers if sent == name}
        return values.pop().decode("latin-1").strip() if len(values) == 1 else ""


def _from_right(text: str) -> Iterator[str]:
    if not text:
        return
    entries = text[-_MOST_BYTES:].rsplit(",", MOST_HOPS)
    if len(text) > _MOST_BYTES or len(entries) > MOST_HOPS:
        del entries[0]  # the rest of the list, or of an entry that is cut
    yield from (entry.strip() for entry in reversed(entries))


@lru_cache(4096)
def address_in(text: str) -> str:
    """The address, without its port; empty where it is none."""
    match = _ADDRESS.fullmatch(text)
    if match is None:
        return ""
    try:
        address = ip_address(match[1] or match[2] or match[3])
    except ValueError:
        return ""
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(address)


def _scheme_in(text: str) -> str:
    return text.lower() if text.lower() in _SCHEMES else ""


def _host_in(text: str) -> str:
    return text if _HOST.fullmatch(text) else ""
