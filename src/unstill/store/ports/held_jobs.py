"""The port of held jobs: those that may cost nothing before an operator releases them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol


class Released(NamedTuple):
    """What came of a release."""

    job_ids: Sequence[str]  # that are held no more
    sent: Mapping[str, str]  # others that were asked for and an engine may have: which


class HeldJobs(Protocol):
    def __contains__(self, job_id: str) -> bool:
        """Whether the job may cost nothing yet: its store was recovered from an older copy."""

    @property
    def waiting(self) -> int:
        """How many wait for the operator's word."""

    async def ids(self) -> Sequence[str]:
        """Those that wait, oldest first."""

    async def release(self, job_ids: Sequence[str], *, now_ms: int, within_ms: int) -> Released:
        """Let these go, or all that wait without any id; they have `within_ms` to their deadline.

        now_ms: by the clock of deadlines, where no server was ever noted up.
        """
