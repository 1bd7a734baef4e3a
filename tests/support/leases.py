"""The lease of a server that is gone as soon as anybody asks."""

from __future__ import annotations

from unstill.domain.lease import Lease

SERVER = "server"
ENDED = Lease(SERVER, until_ms=0)


def lease() -> Lease:
    return ENDED
