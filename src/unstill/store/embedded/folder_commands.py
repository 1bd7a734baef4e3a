"""What commands ask of a data folder's store, beside the server that holds it or without one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from unstill.domain.api_key import ApiKey
from unstill.domain.attempts import Attempt
from unstill.domain.book_check import Proof
from unstill.domain.continuation import NextJob
from unstill.domain.delivery import Delivery, DeliveryState
from unstill.domain.limits import Limits
from unstill.domain.owner import Owner
from unstill.domain.resolution import CallCosts, DoubtWord, Resolved
from unstill.domain.usage import UsageAsked, UsageSum
from unstill.store.embedded.beside import attempts_in
from unstill.store.embedded.deliveries import count_in, newest_in, replay_in
from unstill.store.embedded.held_jobs import held_in, release_in
from unstill.store.embedded.keys_beside import change_key_in, has_keys_in, keys_in
from unstill.store.embedded.owners_beside import change_owner_in, owners_in
from unstill.store.embedded.resolutions import doubts_in, resolve_in
from unstill.store.embedded.usage_beside import proof_of, usage_of
from unstill.store.ports.held_jobs import Released
from unstill.store.ports.keys import Decide


class FolderCommands:
    """A `CommandStore`. What changes keys or owners makes the store, where there is none yet."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir

    @property
    def place(self) -> str:
        return f"{self._data_dir}"

    def all_keys(self) -> Sequence[ApiKey]:
        return keys_in(self._data_dir)

    def has_keys(self) -> bool:
        return has_keys_in(self._data_dir)

    def change_key(self, decide: Decide) -> ApiKey:
        return change_key_in(self._data_dir, decide)

    def owners(self) -> Mapping[Owner, Limits]:
        return owners_in(self._data_dir)

    def change_owner(self, owner: Owner, change: Callable[[Limits], Limits]) -> Limits:
        return change_owner_in(self._data_dir, owner, change)

    def held(self) -> Sequence[str]:
        return held_in(self._data_dir)

    def release(self, job_ids: Sequence[str], *, now_ms: int, within_ms: int) -> Released:
        return release_in(self._data_dir, job_ids, now_ms=now_ms, within_ms=within_ms)

    def doubts(self) -> Sequence[Attempt]:
        return doubts_in(self._data_dir)

    def resolve(
        self,
        job_id: str,
        word: DoubtWord,
        *,
        costs: CallCosts,
        next_job: NextJob,
        now_ms: int,
    ) -> Resolved:
        return resolve_in(
            self._data_dir, job_id, word, costs=costs, next_job=next_job, now_ms=now_ms
        )

    def usage(self, asked: UsageAsked) -> Sequence[UsageSum]:
        return usage_of(self._data_dir, asked)

    def proof(self) -> Proof | None:
        return proof_of(self._data_dir)

    def newest_deliveries(self, limit: int) -> Sequence[Delivery]:
        return newest_in(self._data_dir, limit)

    def count_deliveries(self, state: DeliveryState) -> int:
        return count_in(self._data_dir, state)

    def replay(self, job_ids: Sequence[str], *, now_ms: int) -> Sequence[str]:
        return replay_in(self._data_dir, job_ids, now_ms=now_ms)

    def recent_calls(self, account: str, limit: int) -> Sequence[Attempt]:
        return attempts_in(self._data_dir, account, limit)
