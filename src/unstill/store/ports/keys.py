"""The port of keys as rows. No row is ever removed: who had keys once asks for them for ever."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from unstill.domain.api_key import ApiKey


class ApiKeys(Protocol):
    async def changes(self) -> int:
        """A number that is another one after each change but of a last use, whoever made it."""

    async def all(self) -> Sequence[ApiKey]:
        """Oldest first, those that are revoked or expired too."""

    async def add(self, key: ApiKey) -> None:
        """Store a new key. Raises StorageFailed if its id or its digest is there already."""

    async def revoke(self, key_id: str, now_ms: int) -> ApiKey | None:
        """The key, revoked now if it was not before; None if there is no such key."""

    async def rotate(self, key_id: str, digest: str, now_ms: int) -> ApiKey | None:
        """Put another key in its place, which is new in all but its settings.

        None if there is no such key, or it is revoked: what was revoked stays so.
        """

    async def note_used(self, used_ms: Mapping[str, int]) -> None:
        """When these keys were used last, by id; no moment before the one that is known counts."""
