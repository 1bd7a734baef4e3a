"""The port of jobs as rows: a new one, one by its id, and guarded changes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from unstill.domain.job import Change, IdempotencyMark, Job
from unstill.domain.money import ChargeReserve
from unstill.domain.moves import JobMove
from unstill.domain.owner import Owner


class Jobs(Protocol):
    async def add(
        self,
        job: Job,
        *,
        mark: IdempotencyMark | None = None,
        reserve: ChargeReserve | None = None,
    ) -> Job:
        """Store a new job, and its mark with it, if no earlier call of its owner is known by that.

        The stored job, durable when it returns, or the earlier call's; of any number of equal
        calls at once, one is stored. Its reserve is written with it: of any number of calls at
        once, no more are stored than the budgets have room for.

        Raises KeyReused if the key is known with another fingerprint; OverBudget, and then
        nothing is stored; StorageFull or StorageFailed.
        """

    async def marked(self, owner: Owner, mark: IdempotencyMark) -> Job | None:
        """The job of an earlier call of the owner that is known by `mark`, as `add` has it.

        Raises KeyReused.
        """

    async def find(self, job_id: str) -> Job | None:
        """The job, hidden or not, whoever owns it."""

    async def moves(self, job: Job) -> Sequence[JobMove]:
        """Each state that the job came into, in order, since the store has noted that."""

    async def change(
        self, job_id: str, change: Change, *, attempt: int | None = None
    ) -> Job | None:
        """Apply `change` if the row's state, and its attempt if given, allow it.

        The new job after the commit; None if there is no such row or somebody else moved it. With
        a move to a final state, what then ends its reserve is written to the book of money, and
        what is owed to the job's receiver is stored; with a deletion that is dropped, also when it
        has been sent. Raises TicketTaken if it settles an attempt with
        the ticket of another job of the account.
        """
