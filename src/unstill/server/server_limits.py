"""What callers may have of this server together and each, as plain values.

The settings of `[server]` have the same names and the same values where nothing is set.
"""

from __future__ import annotations

from typing import Self

import msgspec

HEADERS_WITHIN_S = 10.0  # from the connection, or the request's first byte, to its last header
# A drip of single bytes would hold a body's memory for ever: 4 KiB a second is a bad GPRS line.
BODY_PIECE_WITHIN_S = 15.0
UNTAKEN_WITHIN_S = 60.0  # an answer of which the caller takes nothing
# Longer than anybody waits between two polls: who sends one just when the server hangs up loses it.
KEPT_ALIVE_S = 75.0  # nginx, keepalive_timeout
OPEN_BODIES_MIB = 256
LARGE_AT_ONCE = 2


class Patience(msgspec.Struct, frozen=True):
    """How long a connection may owe something. In seconds."""

    head_within_s: float = HEADERS_WITHIN_S
    body_piece_within_s: float = BODY_PIECE_WITHIN_S
    untaken_within_s: float = UNTAKEN_WITHIN_S
    kept_alive_s: float = KEPT_ALIVE_S


class ServerLimits(msgspec.Struct, frozen=True):
    """0 of a limit for one address or owner: what the others leave.

    An owner's is over all of its keys and addresses; a server that never had a key has none.
    """

    connections: int = 0  # 0: a third of the files that the process may have open
    connections_per_address: int = 0
    connections_per_owner: int = 0  # those that have shown a key of it
    waiting_per_address: int = 0  # long polls and streams of events
    waiting_per_owner: int = 0
    open_bodies_mib: int = OPEN_BODIES_MIB  # mebibytes of all bodies that are being read
    open_bodies_mib_per_address: int = 0  # for callers without a key
    open_bodies_mib_per_owner: int = 0
    open_uploads_mib: int = 160  # the same of uploads, which show no key
    large_bodies: int = LARGE_AT_ONCE  # read and answered at once
    downloads: int = 0  # 0: a third of the connections
    downloads_per_address: int = 0
    downloads_per_owner: int = 0  # its videos, by whomever
    head_within_s: float = HEADERS_WITHIN_S
    body_piece_within_s: float = BODY_PIECE_WITHIN_S
    untaken_within_s: float = UNTAKEN_WITHIN_S
    kept_alive_s: float = KEPT_ALIVE_S

    @classmethod
    def of(cls, settings: object) -> Self:
        """Those that `settings` have under the same names."""
        return msgspec.convert(settings, cls, from_attributes=True)

    @property
    def patience(self) -> Patience:
        return msgspec.convert(self, Patience, from_attributes=True)


USUAL = ServerLimits()
