"""Room that all callers share: nobody may hold more of it than is left for everybody else."""

from __future__ import annotations

import ipaddress
from functools import lru_cache


class Shares:
    """How much of `most` each caller holds.

    Alone, a caller gets half; beside it the next gets half of the rest, and so on. So there is
    always room for one more, and none is set aside for callers who are not there.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.taken = 0
        self._by_caller: dict[str, int] = {}

    def take(self, caller: str, amount: int, *, most_each: int = 0) -> bool:
        """Whether the caller may have as much more; if so, it holds it from now on.

        most_each: more than that nobody holds, however much is free; 0: no such limit.
        """
        held = self._by_caller.get(caller, 0) + amount
        if held > self.most - self.taken - amount or 0 < most_each < held:
            return False
        self.taken += amount
        self._by_caller[caller] = held
        return True

    def give(self, caller: str, amount: int) -> None:
        """Take back what a caller held."""
        if not amount:
            return
        self.taken -= amount
        left = self._by_caller[caller] - amount
        if left:
            self._by_caller[caller] = left
        else:
            del self._by_caller[caller]

    def held(self, caller: str) -> int:
        return self._by_caller.get(caller, 0)


@lru_cache(4096)
def caller_at(host: str) -> str:
    """Who an address stands for: of IPv6 its /64, which one home or one rented machine has."""
    if ":" not in host:
        return host
    try:
        address = ipaddress.IPv6Address(host.partition("%")[0])
    except ValueError:
        return host
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.IPv6Network((int(address) >> 64 << 64, 64)))
