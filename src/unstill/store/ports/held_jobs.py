"""The port of held jobs: those that may cost nothing before an operator releases them."""

from __future__ import annotations

from typing import Protocol


class HeldJobs(Protocol):
    def __contains__(self, job_id: str) -> bool:
        """Whether the job may cost nothing yet: its store was recovered from an older copy."""

    @property
    def waiting(self) -> int:
        """How many wait for the operator's word."""
