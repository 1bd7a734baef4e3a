"""The port of calls in doubt: that may have been billed, and of which an operator says what was."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from unstill.domain.attempts import Attempt
from unstill.domain.owner import Owner
from unstill.domain.resolution import CallCosts, Resolution, Resolved


class CallInDoubt(NamedTuple):
    """A call that nothing was said of, and whose job it was for."""

    owner: Owner
    key_id: str
    model: str  # as it was asked for
    call: Attempt


class Doubts(Protocol):
    async def open(self, limit: int) -> Sequence[CallInDoubt]:
        """Those that nothing was said of, oldest first."""

    async def counted(self) -> Mapping[str, int]:
        """How many of them there are, by the engine."""

    async def said_of(self, job_id: str) -> Resolution | None:
        """What was said of a job, if anything; also of one that has gone."""

    async def resolve(
        self, job_id: str, *, is_charged: bool, costs: CallCosts, now_ms: int
    ) -> Resolved:
        """Say whether a job's call in doubt was billed, as `word_on` has it; durable then.

        `costs` may be asked more than once. Raises what `word_on` does, StorageFull.
        """
