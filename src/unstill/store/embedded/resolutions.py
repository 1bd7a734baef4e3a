"""Calls in doubt, as an operator resolves them: beside a running server, or without one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import apsw

from unstill.domain.attempts import Attempt
from unstill.domain.book import is_in_doubt, may_be_billed, open_reserve, resolution_entries
from unstill.domain.errors import OperatorError, StorageFailed
from unstill.domain.job import IN_DOUBT, Job, State
from unstill.domain.money import SECOND_NS, Bill, Charge, ChargeKind, CostRate
from unstill.domain.request import VideoRequest
from unstill.domain.resolution import Resolution, Resolved, call_in_doubt
from unstill.store.embedded import charges, rows
from unstill.store.embedded.beside import opened_beside, transaction
from unstill.store.embedded.folder_match import FILE
from unstill.store.embedded.seals import seal_of
from unstill.store.embedded.store_made import make_store

TABLE = "resolutions"
_INSERT = "INSERT INTO resolutions (job_id, n, is_charged, at_ms, seal) VALUES (?, ?, ?, ?, ?)"
_FIND = "SELECT job_id, n, is_charged, at_ms FROM resolutions WHERE job_id = ?"
_DOUBTS = (
    f"SELECT id FROM jobs WHERE state = '{State.FAILED}' "  # noqa: S608  - our words
    f"AND (failure ->> '$.code' = '{IN_DOUBT}' OR {charges.IS_RESERVED}) "
    "AND NOT EXISTS (SELECT 1 FROM resolutions WHERE job_id = id) ORDER BY id"
)


class CallCosts(NamedTuple):
    """What calls cost by the settings of now, in their house currency.

    of: what an engine charges for a job by that name of its upstream's model; None: nothing.
    """

    of: Callable[[str, str, VideoRequest], CostRate | None]
    currency: str


def resolve_in(
    data_dir: Path, job_id: str, *, is_charged: bool, costs: CallCosts, now_ms: int
) -> Resolved:
    """Say whether a job's call in doubt was billed; what was said before stands.

    Releases what is reserved for it; `is_charged`, with what the call costs. Durable when it
    returns. Brings a store of an earlier release up to date, as a start does. Raises OperatorError
    where there is no such job, or none in doubt, or its book has another currency; OwnError.
    """
    if (data_dir / FILE).exists() and not _has_table(data_dir):
        make_store(data_dir)
    with opened_beside(data_dir, having=TABLE, writes=True) as connection:
        if connection is None:
            raise OperatorError(f"no job {job_id} in {data_dir}: there is no job store yet")
        with transaction(connection):
            resolved = _resolve(connection, job_id, now_ms, costs if is_charged else None)
    return resolved


def doubts_in(data_dir: Path) -> Sequence[Attempt]:
    """The calls of jobs in doubt that no word was said of, oldest first. Raises OwnError."""
    with opened_beside(data_dir, having=TABLE) as connection:
        if connection is None:
            return []
        found = [f"{job_id}" for (job_id,) in connection.execute(_DOUBTS).fetchall()]
        calls = (call_in_doubt(_ledger_of(connection, job_id)) for job_id in found)
        return [call for call in calls if call is not None]


def found_in(connection: apsw.Connection, job_id: str) -> Resolution | None:
    """What was said of a job, if anything."""
    found: list[tuple[Any, ...]] = connection.execute(_FIND, (job_id,)).fetchall()
    for _, n, is_charged, at_ms in found:
        return Resolution(job_id, n, is_charged == 1, at_ms)
    return None


def _resolve(
    connection: apsw.Connection, job_id: str, now_ms: int, costs: CallCosts | None
) -> Resolved:
    """`costs` None: the call was free."""
    said = found_in(connection, job_id)
    if said is not None:
        return Resolved(said, is_new=False)
    reserve = open_reserve(charges.of_job(connection, job_id))
    job = _job_in_doubt(connection, job_id, is_reserved=reserve is not None)
    call = call_in_doubt(_ledger_of(connection, job_id))
    if call is None:
        raise StorageFailed(f"{job_id} failed in doubt, and its ledger has no call")
    said = Resolution(job_id, call.n, costs is not None, now_ms)
    values = (said.job_id, said.n, int(said.is_charged), said.at_ms)
    connection.execute(_INSERT, (*values, seal_of(values)))
    if reserve is None:  # made without money
        return Resolved(said, is_new=True)
    bill = None if costs is None else _bill(job, call, costs, reserve.currency)
    entries = resolution_entries(reserve, n=call.n, charged=bill, at_ms=now_ms)
    charges.write(connection, entries, reserve)
    return Resolved(said, True, reserve.amount, _cost_in(entries), reserve.currency)


def _bill(job: Job, call: Attempt, costs: CallCosts, currency: str) -> Bill:
    """By the length that was asked for. Raises OperatorError for a cost in another currency."""
    cost = costs.of(call.engine, call.upstream_model, job.request)
    if cost is not None and costs.currency != currency:
        raise OperatorError(
            f"{job.id} is charged in {currency}, and money.currency is {costs.currency}: "
            f"resolve it with {currency}"
        )
    return Bill(job.request.duration_s * SECOND_NS, call.engine, call.upstream_model, cost)


def _ledger_of(connection: apsw.Connection, job_id: str) -> list[Attempt]:
    return [rows.attempt_of(row) for row in connection.execute(rows.ATTEMPTS, (job_id,)).fetchall()]


def _job_in_doubt(connection: apsw.Connection, job_id: str, *, is_reserved: bool) -> Job:
    """Raises OperatorError."""
    found = connection.execute(rows.FIND, (job_id,)).fetchall()
    if not found:
        raise OperatorError(f"no job {job_id}")
    job = rows.job_of(found[0])
    if not is_in_doubt(job) and not (may_be_billed(job) and is_reserved):
        raise OperatorError(f"{job_id} is not in doubt: it is {job.state}")
    return job


def _cost_in(entries: Sequence[Charge]) -> int | None:
    return next((each.amount for each in entries if each.kind is ChargeKind.COST), None)


def _has_table(data_dir: Path) -> bool:
    with opened_beside(data_dir, having=TABLE) as connection:
        return connection is not None
