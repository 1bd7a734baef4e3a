"""Which addresses a name that somebody else chose may lead to. Pure.

Only the public internet, and what the operator has opened besides; an address in disguise is
judged by the one inside it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

IPAddress = IPv4Address | IPv6Address
IPNetwork = IPv4Network | IPv6Network

# IANA IPv4 Special-Purpose Address Registry (read 2026-11-20), with multicast and class E. The
# table of `ipaddress.is_global` differs by patch level of Python, so both must agree.
SPECIAL_IPV4 = tuple(
    IPv4Network(network)
    for network in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",  # carrier NAT; also Alibaba Cloud's metadata, 100.100.100.200
        "127.0.0.0/8",
        "168.63.129.16/32",  # Azure's WireServer: looks public, answers only its own machines
        "169.254.0.0/16",  # link-local; also most clouds' metadata, 169.254.169.254
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
    )
)
# RFC 2544's range for tests of equipment. A proxy in fake-IP mode (Clash, mihomo, sing-box, Surge)
# answers it for every name, and knows by the address which one was meant.
FAKE_IP = IPv4Network("198.18.0.0/15")
UNICAST_IPV6 = IPv6Network("2000::/3")  # all that IANA has given out for the public internet
SPECIAL_IPV6 = (
    tuple(  # IANA IPv6 Special-Purpose Address Registry (read 2026-11-20), inside 2000::/3
        IPv6Network(network)
        for network in (
            "2001::/23",  # Teredo, ORCHID, benchmarking
            "2001:db8::/32",
            "2002::/16",  # 6to4: any IPv4 address in disguise, and nobody relays it any more
            "3fff::/20",
        )
    )
)
NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052; the only way to IPv4 hosts on an IPv6-only network
ANYWHERE = (IPv4Network("0.0.0.0/0"), IPv6Network("::/0"))
LOOPBACK = (IPv4Network("127.0.0.0/8"), IPv6Network("::1/128"))
# Names that nobody has on the public internet: RFC 6761 (localhost), RFC 6762 with its appendix G,
# RFC 8375 (home.arpa), ICANN's resolution of 2024-07-29 (internal); localdomain is a habit.
INNER_DOMAINS = (
    *("localhost", "localdomain", "local", "home.arpa", "internal"),
    *("intranet", "private", "corp", "home", "lan"),
)

_HOST_NAME = re.compile(r"(?=.{1,253}$)[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*\.?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")


def is_public(address: IPAddress) -> bool:
    """Whether `address` is a host on the public internet, whatever it is dressed up as."""
    address = _undisguised(address)
    if not address.is_global or address.is_multicast:
        return False
    match address:
        case IPv4Address():
            return not any(address in network for network in SPECIAL_IPV4)
        case IPv6Address():
            special = any(address in network for network in SPECIAL_IPV6)
            return address in UNICAST_IPV6 and not special


def is_allowed(address: IPAddress, allow_networks: Iterable[IPNetwork]) -> bool:
    """Whether `address` may be dialled: public, or in a network that the operator named."""
    real = _unmapped(address)
    return is_public(real) or any(real in network for network in allow_networks)


def is_fake(address: IPAddress) -> bool:
    """Whether a fake-IP proxy has made it up."""
    return _unmapped(address) in FAKE_IP


def is_inner_name(host: str) -> bool:
    """Whether a name can only be one of somebody's own network: by its end, or without a dot."""
    name = host.lower().rstrip(".")
    return "." not in name or name.endswith(tuple(f".{domain}" for domain in INNER_DOMAINS))


def is_localhost(host: str) -> bool:
    """Whether a name is this machine's own, wherever it is asked for (RFC 6761, 6.3)."""
    return host.lower().rstrip(".").rpartition(".")[2] == "localhost"


def range_of(address: IPAddress) -> str:
    """The network that an address which is not public belongs to, for an operator to name."""
    real = _unmapped(address)
    if isinstance(real, IPv4Address):
        known = next((str(network) for network in SPECIAL_IPV4 if real in network), None)
        return known or f"{real}/32"
    return f"{real}/128"


def _unmapped(address: IPAddress) -> IPAddress:
    """The IPv4 address that the system dials for `::ffff:a.b.c.d`."""
    return getattr(address, "ipv4_mapped", None) or address


def _undisguised(address: IPAddress) -> IPAddress:
    address = _unmapped(address)
    if address in NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address


def is_host(host: str) -> bool:
    """Whether `host` is a name or an address in its usual form.

    Resolvers also read 0x7f000001, 2130706433, 0177.0.0.1 and 127.1 as addresses, each in its own
    way; as in the URL standard, a host whose last label is a number has to be an address.
    Source: WHATWG URL, "ends in a number checker" (read 2026-11-20).
    """
    try:
        return "%" not in str(ip_address(host))  # no IPv6 zone: it names an interface of ours
    except ValueError:
        last_label = host.rstrip(".").rpartition(".")[2]
        return bool(_HOST_NAME.fullmatch(host)) and not _NUMBER.fullmatch(last_label)
