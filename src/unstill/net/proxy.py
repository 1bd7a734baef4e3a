"""An HTTP proxy that an operator has set, and what goes past it. Pure.

`http` is asked for by its whole address, since most proxies allow tunnels to port 443 alone;
`https` goes through a tunnel (CONNECT), in which the proxy reads nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import IPv4Address, ip_address

from unstill.net.addresses import IPNetwork, is_localhost, is_public


@dataclass(frozen=True)
class Proxy:
    """One proxy; names are its to look up.

    url: http://host:port, with a user and a password if it wants them.
    spared: networks inside that are dialled from here, where a host is given in figures.
    """

    url: str = field(repr=False)  # it may hold a password
    spared: tuple[IPNetwork, ...] = ()

    def spares(self, host: str) -> bool:
        """Whether calls to a host, a name or an address without brackets, go past the proxy.

        What a name leads to is not asked: the way of a call must not change with a name server.
        """
        try:
            address = IPv4Address("127.0.0.1") if is_localhost(host) else ip_address(host)
        except ValueError:
            return False
        return not is_public(address) and any(address in network for network in self.spared)
