"""What commands ask of the database that servers share, whether any is up or not."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from unstill.domain.api_key import ApiKey
from unstill.domain.attempts import Attempt
from unstill.domain.book_check import Proof
from unstill.domain.commit_counts import CommitCounts
from unstill.domain.continuation import NextJob
from unstill.domain.delivery import Delivery, DeliveryState
from unstill.domain.errors import CallerError, NoSuchJob, OperatorError, OwnError, StorageFailed
from unstill.domain.limits import Limits
from unstill.domain.owner import Owner
from unstill.domain.resolution import CallCosts, DoubtWord, Resolved
from unstill.domain.usage import UsageAsked, UsageSum
from unstill.store import job_rows
from unstill.store.keys_mark import is_marked
from unstill.store.ports.held_jobs import Released
from unstill.store.ports.keys import Decide
from unstill.store.postgres import (
    book_check,
    deliveries,
    doubts,
    held_jobs,
    keys,
    migrations,
    owners,
    restored,
    rows,
    usage,
)
from unstill.store.postgres.database import Database

Result = TypeVar("Result")


class DatabaseCommands:
    """A `CommandStore`. Each thing that is asked has connections of its own."""

    def __init__(self, url: str, data_dir: Path, *, place: str) -> None:
        """place: the database for people to read. data_dir: this machine's server has it."""
        self._url = url
        self._data_dir = data_dir
        self._place = place

    @property
    def place(self) -> str:
        return self._place

    def all_keys(self) -> Sequence[ApiKey]:
        return self._ask(keys.all_keys)

    def has_keys(self) -> bool:
        if is_marked(self._data_dir):
            return True
        try:
            return self._ask(keys.has_any)
        except (OwnError, OperatorError):
            return False

    def change_key(self, decide: Decide) -> ApiKey:
        return self._ask(lambda database: keys.change_key(database, decide))

    def owners(self) -> Mapping[Owner, Limits]:
        return self._ask(owners.owners_limits)

    def change_owner(self, owner: Owner, change: Callable[[Limits], Limits]) -> Limits:
        return self._ask(lambda database: owners.change_owner(database, owner, change))

    def held(self) -> Sequence[str]:
        return self._ask(held_jobs.held)

    def release(self, job_ids: Sequence[str], *, now_ms: int, within_ms: int) -> Released:
        return self._ask(
            lambda database: held_jobs.release(
                database, job_ids, now_ms=now_ms, within_ms=within_ms
            )
        )

    def go_on(self, *, local_engines: Collection[str]) -> restored.Restored:
        """Hold what might be paid for twice after the database was put back."""
        return self._ask(lambda database: restored.go_on(database, local_engines=local_engines))

    def doubts(self) -> Sequence[Attempt]:
        return [each.call for each in self._ask(doubts.open_doubts)]

    def resolve(
        self,
        job_id: str,
        word: DoubtWord,
        *,
        costs: CallCosts,
        next_job: NextJob,
        now_ms: int,
    ) -> Resolved:
        try:
            return self._ask(
                lambda database: doubts.resolve(
                    database, job_id, word, costs=costs, next_job=next_job, now_ms=now_ms
                )
            )
        except NoSuchJob as error:
            raise OperatorError(f"no job {job_id} in {self._place}") from error
        except CallerError as error:  # the same for a caller of HTTP
            raise OperatorError(error.message) from error

    def usage(self, asked: UsageAsked) -> Sequence[UsageSum]:
        return self._ask(lambda database: usage.usage_of(database, asked))

    def proof(self) -> Proof | None:
        return self._ask(book_check.proof_of)

    def newest_deliveries(self, limit: int) -> Sequence[Delivery]:
        return self._ask(lambda database: deliveries.newest(database, limit))

    def count_deliveries(self, state: DeliveryState) -> int:
        return self._ask(lambda database: deliveries.count(database, state))

    def replay(self, job_ids: Sequence[str], *, now_ms: int) -> Sequence[str]:
        return self._ask(lambda database: deliveries.replay(database, job_ids, now_ms=now_ms))

    def recent_calls(self, account: str, limit: int) -> Sequence[Attempt]:
        async def read(database: Database) -> Sequence[Attempt]:
            found = await database.rows(rows.RECENT_ATTEMPTS, account, limit)
            return [job_rows.attempt_of(tuple(row)) for row in found]

        return self._ask(read)

    def _ask(self, work: Callable[[Database], Awaitable[Result]]) -> Result:
        return asyncio.run(self._asked(work))

    async def _asked(self, work: Callable[[Database], Awaitable[Result]]) -> Result:
        """Raises OperatorError where the database is not as this release needs it, OwnError."""
        database = Database(self._url, CommitCounts())
        try:
            await database.open()
            await database.read(migrations.check)
            await database.know_life()
            return await work(database)
        except StorageFailed as error:
            raise StorageFailed(f"{self._place}: {error.message}") from error
        finally:
            await database.close()
