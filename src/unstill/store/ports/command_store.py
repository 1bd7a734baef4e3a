"""The port of what operators' commands ask of a store, whether servers have it open or not.

Blocking: a command does one thing and ends. All of it raises OwnError where the store does not
answer, and OperatorError where it is not as this release needs it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from unstill.domain.api_key import ApiKey
from unstill.domain.attempts import Attempt
from unstill.domain.book_check import Proof
from unstill.domain.continuation import NextJob
from unstill.domain.delivery import Delivery, DeliveryState
from unstill.domain.limits import Limits
from unstill.domain.owner import Owner
from unstill.domain.resolution import CallCosts, DoubtWord, Resolved
from unstill.domain.usage import UsageAsked, UsageSum
from unstill.store.ports.held_jobs import Released
from unstill.store.ports.keys import Decide


class CommandStore(Protocol):
    @property
    def place(self) -> str:
        """Where it is, as messages name it; no secret is in it."""

    # --- keys and owners -----------------------------------------------------------------------

    def all_keys(self) -> Sequence[ApiKey]:
        """Oldest first, those that are revoked or expired too."""

    def has_keys(self) -> bool:
        """Whether there are keys, or were; not where that cannot be known. Never raises."""

    def change_key(self, decide: Decide) -> ApiKey:
        """Change a key, or add one, as the port of keys has it; durable when it returns.

        Raises what `decide` raised.
        """

    def owners(self) -> Mapping[Owner, Limits]:
        """All owners that something was ever set for."""

    def change_owner(self, owner: Owner, change: Callable[[Limits], Limits]) -> Limits:
        """Change an owner's limits; what they are then. Durable when it returns."""

    # --- jobs that wait for a word -------------------------------------------------------------

    def held(self) -> Sequence[str]:
        """The jobs that wait for a release, oldest first."""

    def release(self, job_ids: Sequence[str], *, now_ms: int, within_ms: int) -> Released:
        """Let these go, or all that wait without any id, as the port of held jobs has it."""

    def doubts(self) -> Sequence[Attempt]:
        """The calls of jobs in doubt that no word was said of, oldest first."""

    def resolve(
        self,
        job_id: str,
        word: DoubtWord,
        *,
        costs: CallCosts,
        next_job: NextJob,
        now_ms: int,
    ) -> Resolved:
        """Say whether a job's call in doubt was billed, as the port of doubts has it.

        A running server takes up what goes on from it within two seconds. Raises OperatorError
        where there is no such job, or none in doubt, or a ticket that is not its own, or where its
        book has another currency.
        """

    # --- money ---------------------------------------------------------------------------------

    def usage(self, asked: UsageAsked) -> Sequence[UsageSum]:
        """The sums of the book; none where there is none yet."""

    def proof(self) -> Proof | None:
        """Prove the whole book; None where there is none yet.

        Raises OperatorError where there is no store: a place that was mistyped is not proved.
        """

    # --- webhooks and calls --------------------------------------------------------------------

    def newest_deliveries(self, limit: int) -> Sequence[Delivery]:
        """The deliveries of the newest jobs, newest first."""

    def count_deliveries(self, state: DeliveryState) -> int: ...

    def replay(self, job_ids: Sequence[str], *, now_ms: int) -> Sequence[str]:
        """Make deliveries due at once, for a day: those of `job_ids` whatever became of them.

        Without any id, all that are owed or given up. The ids of those that there were.
        """

    def recent_calls(self, account: str, limit: int) -> Sequence[Attempt]:
        """The account's settled attempts, newest first."""
