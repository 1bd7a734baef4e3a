"""Which servers are up, as far as they have said so since the folder was taken.

In memory. The folder's lock proves that every server before has ended, whatever its lease, and that
none is beside: whoever has not spoken here is gone.
"""

from __future__ import annotations

from unstill.domain.lease import Lease


class Leases:
    def __init__(self) -> None:
        self._until_ms: dict[str, int] = {}  # by server

    def hold(self, lease: Lease) -> None:
        """The server is up until then."""
        self._until_ms[lease.server] = max(lease.until_ms, self._until_ms.get(lease.server, 0))

    def has_ended(self, server: str | None, now_ms: int) -> bool:
        """Whether it is surely gone. None: a release that named no server has written the row."""
        return server is None or self._until_ms.get(server, 0) <= now_ms
