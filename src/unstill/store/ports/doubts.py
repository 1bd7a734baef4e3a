"""The port of calls in doubt: that may have been billed, and of which an operator says what was."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from unstill.domain.attempts import Attempt
from unstill.domain.continuation import JobLinks, NextJob
from unstill.domain.owner import Owner
from unstill.domain.resolution import CallCosts, DoubtWord, Resolution, Resolved


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

    async def links_of(self, job_id: str) -> JobLinks:
        """The job that goes on from its call, and the one from whose call it does.

        Also of a job that has gone.
        """

    async def resolve(
        self,
        job_id: str,
        word: DoubtWord,
        *,
        costs: CallCosts,
        next_job: NextJob,
        now_ms: int,
    ) -> Resolved:
        """Say whether a job's call in doubt was billed, as `word_on` has it; durable then.

        A job that goes on from it is stored with the word, with its call and its reserve; who is
        told of commits is told of it. Of any number of words at once, one makes it.

        `costs` may be asked more than once. Raises what `word_on` does, StorageFull.
        """
