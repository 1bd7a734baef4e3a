"""Who may read the metrics: operators, and callers at addresses that the settings name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from ipaddress import ip_address

from unstill.domain.caller import Network
from unstill.server.api_keys import Keys
from unstill.server.operators import BY_KEY, check_operator


class MetricsAccess:
    def __init__(self, keys: Keys, networks: Sequence[Network]) -> None:
        """`networks`: callers from there need no key."""
        self._keys = keys
        self._networks = networks

    def check(self, headers: Mapping[str, str], host: str) -> None:
        """Raises BadKey where a key is needed, AdminOnly where it is not good enough.

        host: the address of the caller.
        """
        if self._networks and self._is_named(host):
            return
        caller = self._keys.caller(headers, host)
        check_operator(caller, headers, host, who=f"{BY_KEY}, or for server.metrics_networks")

    def _is_named(self, host: str) -> bool:
        try:
            address = ip_address(host.partition("%")[0])
        except ValueError:
            return False
        if address.version == 6 and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        return any(address in network for network in self._networks)
