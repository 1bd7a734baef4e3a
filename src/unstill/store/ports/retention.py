"""The port of what is kept: deleted jobs whose rows go, and whose files are still needed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol


class Retention(Protocol):
    async def long_deleted(self, before_ms: int, *, after: str = "") -> Sequence[str]:
        """Deleted jobs that are final and were made before then: their ids behind `after`, in
        order, by the thousand; none at the end.
        """

    async def standing(self, job_ids: Sequence[str]) -> Mapping[str, bool]:
        """Whether the files of each of these jobs that has a row are needed."""

    async def forget(self, job_id: str) -> None:
        """Drop the row of a hidden, final job, its mark, ledger and delivery, and of no other."""
