"""The port of which store is open, and whether it is still there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol


class StoreState(Protocol):
    @property
    def store_id(self) -> str:
        """The open store's own name; it has another one after a copy was recovered."""

    @property
    def server_id(self) -> str:
        """This server's own: another one after each start. It is there before the store is open."""

    async def agree(self, settings: Mapping[str, str]) -> None:
        """Go by these settings as all servers do that are up; by what each is called.

        Raises OperatorError where one of them has another value under a name, StorageFailed.
        """

    def check(self) -> None:
        """Raises StorageFailed if what is written would be lost, as the data has been removed."""
