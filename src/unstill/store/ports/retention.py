"""The port of what is kept: what ended jobs still have, deleted jobs whose rows go, and whose files
are still needed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Protocol

from unstill.domain.job import Job


class Kept(StrEnum):
    """What a job that has ended still has."""

    VIDEO = "video"  # one that succeeded has it
    PICTURES = "pictures"
    FAILED_PICTURES = "failed_pictures"  # one that failed or was called off has them
    ROW = "row"


# A create call that is sent again finds its job at least for so long from the first: under a key,
# or as an SDK's retry (service/idempotency.py).
KEY_KNOWN_MS = 30 * 24 * 3600 * 1000
RETRY_KNOWN_MS = 15 * 60 * 1000


class Retention(Protocol):
    async def ended(
        self, kept: Kept, before_ms: int, *, now_ms: int, after: Job | None = None
    ) -> Sequence[Job]:
        """Jobs that ended before then and still have that, behind `after`, by the hundred; none at
        the end. By the time of their end, then by id.

        None that is deleted, that owes somebody a webhook, or that may have been paid for without
        anybody knowing; of ROW, none that a create call may yet be sent again for.
        """

    async def note_removed(self, job_id: str, kept: Kept, now_ms: int) -> None:
        """Note that the job has that no more; of ROW, drop the row, its mark, ledger and delivery.

        Nothing where the job is deleted by now, or owes a webhook again.
        """

    async def long_deleted(self, before_ms: int, *, after: str = "") -> Sequence[str]:
        """Deleted jobs that are final and were made before then: their ids behind `after`, in
        order, by the thousand; none at the end.
        """

    async def standing(self, job_ids: Sequence[str]) -> Mapping[str, bool]:
        """Whether the files of each of these jobs that has a row are needed."""

    async def forget(self, job_id: str) -> None:
        """Drop the row of a hidden, final job, its mark, ledger and delivery, and of no other.

        Nothing where it failed in doubt with money that is still reserved.
        """
