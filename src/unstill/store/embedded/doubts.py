"""Calls in doubt, and what is said of them, as rows: of an open store, and in a transaction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import apsw

from unstill.domain.attempts import Attempt
from unstill.domain.continuation import JobLinks, NextJob
from unstill.domain.job import IN_DOUBT, UNTOLD, Job, State
from unstill.domain.owner import Owner
from unstill.domain.resolution import (
    CallCosts,
    DoubtWord,
    JobRecords,
    Resolution,
    Resolved,
    TicketAt,
    WordEffect,
    call_in_doubt,
    ticket_to_find,
    word_on,
)
from unstill.store import job_rows
from unstill.store.book_rows import IS_RESERVED
from unstill.store.embedded import charges, continuations, rows
from unstill.store.embedded.downtime import last_up_ms
from unstill.store.embedded.handle import Handle
from unstill.store.ports.doubts import CallInDoubt
from unstill.store.seals import seal_of

TABLE = "resolutions"
_INSERT = "INSERT INTO resolutions (job_id, n, is_charged, at_ms, seal) VALUES (?, ?, ?, ?, ?)"
_FIND = "SELECT job_id, n, is_charged, at_ms FROM resolutions WHERE job_id = ?"
# The first two conditions are word for word those of the index `jobs_in_doubt`.
_CODES = ", ".join(f"'{code}'" for code in (IN_DOUBT, *sorted(UNTOLD)))
_OPEN = (
    f"state = '{State.FAILED}' AND failure ->> '$.code' IN ({_CODES}) "  # noqa: S608  - our words
    f"AND (failure ->> '$.code' = '{IN_DOUBT}' OR {IS_RESERVED}) "
    "AND NOT EXISTS (SELECT 1 FROM resolutions WHERE job_id = jobs.id) "
    "AND EXISTS (SELECT 1 FROM attempts WHERE job_id = jobs.id)"
)
DOUBTS = f"SELECT id, owner, key_id, model FROM jobs WHERE {_OPEN} ORDER BY id LIMIT ?"  # noqa: S608
ENGINES = f"SELECT engine FROM jobs WHERE {_OPEN}"  # noqa: S608
_ELSEWHERE = "SELECT job_id FROM attempts WHERE account = ? AND ticket = ? AND job_id != ? LIMIT 1"
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

    async def links_of(self, job_id: str) -> JobLinks:
        ledger = self._handle.opened.ledger
        return await ledger.read(lambda connection: continuations.links_in(connection, job_id))

    async def resolve(
        self,
        job_id: str,
        word: DoubtWord,
        *,
        costs: CallCosts,
        next_job: NextJob,
        now_ms: int,
    ) -> Resolved:
        found: list[Resolved] = []
        opened = self._handle.opened

        def write(connection: apsw.Connection) -> Job | None:
            effect = resolve(
                connection, job_id, word, costs=costs, next_job=next_job, now_ms=now_ms
            )
            found.append(effect.resolved)
            if effect.going_on is None:
                return None
            opened.added_jobs.add_own(next_job.id)
            return effect.going_on.job

        await opened.writer.write(write)
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
    connection: apsw.Connection,
    job_id: str,
    word: DoubtWord,
    *,
    costs: CallCosts,
    next_job: NextJob,
    now_ms: int,
) -> WordEffect:
    """As the port has it."""
    calls = _ledger_of(connection, job_id)
    records = JobRecords(
        job=_job_of(connection, job_id),
        calls=calls,
        entries=charges.of_job(connection, job_id),
        said=found_in(connection, job_id),
        continuation=continuations.found_in(connection, job_id),
        elsewhere=_job_with(connection, ticket_to_find(calls, word), job_id),
        up_ms=last_up_ms(connection),
    )
    effect = word_on(job_id, records, word, costs=costs, next_job=next_job, now_ms=now_ms)
    said = effect.resolved.resolution
    if effect.resolved.is_new:
        values = (said.job_id, said.n, int(said.is_charged), said.at_ms)
        connection.execute(_INSERT, (*values, seal_of(values)))
    if effect.reserve is not None:
        charges.write(connection, effect.entries, effect.reserve)
    if effect.going_on is not None:
        continuations.write(connection, effect.going_on)
    return effect


def _job_with(connection: apsw.Connection, at: TicketAt | None, other: str) -> str | None:
    """A job that has the ticket, but for the `other` one."""
    if at is None:
        return None
    found: list[tuple[Any, ...]] = connection.execute(_ELSEWHERE, (*at, other)).fetchall()
    return f"{found[0][0]}" if found else None


def _job_of(connection: apsw.Connection, job_id: str) -> Job | None:
    found = connection.execute(rows.FIND, (job_id,)).fetchall()
    return job_rows.job_of(found[0]) if found else None


def _ledger_of(connection: apsw.Connection, job_id: str) -> list[Attempt]:
    found = connection.execute(rows.ATTEMPTS, (job_id,)).fetchall()
    return [job_rows.attempt_of(row) for row in found]
