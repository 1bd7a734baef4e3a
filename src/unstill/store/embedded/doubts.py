"""Calls in doubt, and what is said of them, as rows: of an open store, and in a transaction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import apsw

from unstill.domain.attempts import Attempt
from unstill.domain.job import IN_DOUBT, UNTOLD, Job, State
from unstill.domain.owner import Owner
from unstill.domain.resolution import (
    MAY_BE_BILLED,
    CallCosts,
    JobRecords,
    Resolution,
    Resolved,
    call_in_doubt,
    word_on,
)
from unstill.store.embedded import charges, rows
from unstill.store.embedded.handle import Handle
from unstill.store.embedded.seals import seal_of
from unstill.store.ports.doubts import CallInDoubt

TABLE = "resolutions"
_INSERT = "INSERT INTO resolutions (job_id, n, is_charged, at_ms, seal) VALUES (?, ?, ?, ?, ?)"
_FIND = "SELECT job_id, n, is_charged, at_ms FROM resolutions WHERE job_id = ?"
# The first two conditions are word for word those of the index `jobs_in_doubt`.
_CODES = ", ".join(f"'{code}'" for code in (IN_DOUBT, *sorted(UNTOLD)))
_OUTCOMES = ", ".join(f"'{outcome}'" for outcome in sorted(MAY_BE_BILLED))
_OPEN = (
    f"state = '{State.FAILED}' AND failure ->> '$.code' IN ({_CODES}) "  # noqa: S608  - our words
    f"AND (failure ->> '$.code' = '{IN_DOUBT}' OR {charges.IS_RESERVED}) "
    "AND NOT EXISTS (SELECT 1 FROM resolutions WHERE job_id = jobs.id) "
    "AND EXISTS (SELECT 1 FROM attempts "
    f"WHERE job_id = jobs.id AND outcome IN ({_OUTCOMES}))"
)
DOUBTS = f"SELECT id, owner, key_id, model FROM jobs WHERE {_OPEN} ORDER BY id LIMIT ?"  # noqa: S608
ENGINES = f"SELECT engine FROM jobs WHERE {_OPEN}"  # noqa: S608
ALL = -1  # as SQLite's LIMIT has it


class EmbeddedDoubts:
    """Those of an open store."""

    def __init__(self, handle: Handle) -> None:
        self._handle = handle

    async def open(self, limit: int) -> Sequence[CallInDoubt]:
        ledger = self._handle.opened.ledger
        return await ledger.read(lambda connection: list(doubts(connection, limit)))

    async def counted(self) -> Mapping[str, int]:
        found = await self._handle.opened.ledger.select(ENGINES)
        return Counter(f"{engine}" for (engine,) in found)

    async def said_of(self, job_id: str) -> Resolution | None:
        ledger = self._handle.opened.ledger
        return await ledger.read(lambda connection: found_in(connection, job_id))

    async def resolve(
        self, job_id: str, *, is_charged: bool, costs: CallCosts, now_ms: int
    ) -> Resolved:
        found: list[Resolved] = []

        def write(connection: apsw.Connection) -> None:
            found.append(
                resolve(connection, job_id, is_charged=is_charged, costs=costs, now_ms=now_ms)
            )

        await self._handle.opened.writer.write(write)
        return found[-1]


# --- in a transaction at hand ------------------------------------------------------------------


def found_in(connection: apsw.Connection, job_id: str) -> Resolution | None:
    """What was said of a job, if anything."""
    found: list[tuple[Any, ...]] = connection.execute(_FIND, (job_id,)).fetchall()
    for _, n, is_charged, at_ms in found:
        return Resolution(job_id, n, is_charged == 1, at_ms)
    return None


def doubts(connection: apsw.Connection, limit: int) -> Iterator[CallInDoubt]:
    """As `Doubts.open` has them."""
    found: list[tuple[Any, ...]] = connection.execute(DOUBTS, (limit,)).fetchall()
    for job_id, owner, key_id, model in found:
        call = call_in_doubt(_ledger_of(connection, job_id))
        if call is not None:
            yield CallInDoubt(Owner(owner), key_id, model, call)


def resolve(
    connection: apsw.Connection, job_id: str, *, is_charged: bool, costs: CallCosts, now_ms: int
) -> Resolved:
    """As the port has it."""
    records = JobRecords(
        job=_job_of(connection, job_id),
        calls=_ledger_of(connection, job_id),
        entries=charges.of_job(connection, job_id),
        said=found_in(connection, job_id),
    )
    word = word_on(job_id, records, is_charged=is_charged, costs=costs, now_ms=now_ms)
    said = word.resolved.resolution
    if word.resolved.is_new:
        values = (said.job_id, said.n, int(said.is_charged), said.at_ms)
        connection.execute(_INSERT, (*values, seal_of(values)))
    if word.reserve is not None:
        charges.write(connection, word.entries, word.reserve)
    return word.resolved


def _job_of(connection: apsw.Connection, job_id: str) -> Job | None:
    found = connection.execute(rows.FIND, (job_id,)).fetchall()
    return rows.job_of(found[0]) if found else None


def _ledger_of(connection: apsw.Connection, job_id: str) -> list[Attempt]:
    return [rows.attempt_of(row) for row in connection.execute(rows.ATTEMPTS, (job_id,)).fetchall()]
