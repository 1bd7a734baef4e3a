"""The port for pictures that callers send ahead of their requests: kept for two days.

A picture is its owner's and goes by the key that the owner has given it. It is kept under a digest
of both: a key is never a path, and nobody else's request finds it.
"""

from __future__ import annotations

import hashlib
from typing import Protocol

import msgspec

from unstill.domain.owner import Owner

KEPT_S = 48 * 3600  # DashScope, "get temporary file URL"


class Uploads(Protocol):
    """What uploads are kept in; all of it raises StorageFull or StorageFailed."""

    async def keep(self, owner: Owner, key: str, data: bytes) -> bool:
        """Store the file whole; it survives a power cut once this has returned.

        Answers False, and changes nothing, if there is another one already; it may do so if there
        is the same.
        """

    async def read(self, owner: Owner, key: str, now_s: float) -> bytes | None:
        """The owner's file, or None if there is none or its time is over."""

    async def size_bytes(self, owner: Owner) -> int:
        """How many bytes the owner's files have, but those of releases that noted no owner."""

    async def sweep(self, now_s: float) -> None:
        """Remove what is over."""


def owner_digest(owner: Owner) -> str:
    """By what an owner's files are told from others, without its name."""
    return hashlib.sha256(owner.encode()).hexdigest()[:16]


def digest_of(owner: Owner, key: str) -> str:
    # JSON, so that no other owner and key make the same text.
    return hashlib.sha256(msgspec.json.encode((owner, key))).hexdigest()
