"""The port of keys as rows. No row is ever removed: who had keys once asks for them for ever."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from unstill.domain.api_key import ApiKey

# Given all keys, oldest first: the one that is to be stored, new or changed. It may raise.
Decide = Callable[[Sequence[ApiKey]], ApiKey]


class ApiKeys(Protocol):
    async def changes(self) -> int:
        """A number that is another one after each change of a key but its last use, and of what is
        set for an owner, whoever made it.
        """

    async def all(self) -> Sequence[ApiKey]:
        """Oldest first, those that are revoked or expired too."""

    async def had_any(self) -> bool:
        """Whether there ever was a key here, also where the rows that said so are lost."""

    async def change(self, decide: Decide) -> ApiKey:
        """Store what is decided from the keys as they are; nobody changes one in between.

        The key; durable when it returns. Raises what `decide` raised, StorageFailed if another key
        has the digest.
        """

    async def note_used(self, used_ms: Mapping[str, int]) -> None:
        """When these keys were used last, by id; no moment before the one that is known counts."""
