"""Calls in doubt, and what is said of them, as rows: for a server and for an operator's command."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence

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
    call_in_doubt,
    ticket_to_find,
    word_on,
)
from unstill.store import job_rows
from unstill.store.book_rows import IS_RESERVED
from unstill.store.ports.doubts import CallInDoubt
from unstill.store.postgres import charges, continuations, rows
from unstill.store.postgres.database import Database, WriteUnit
from unstill.store.postgres.feed import Feed
from unstill.store.postgres.texts import sealed

# Told of a job and the revision of its row, after the commit.
Tell = Callable[[Job, int], None]

_INSERT = "INSERT INTO resolutions (job_id, n, is_charged, at_ms, seal) VALUES ($1, $2, $3, $4, $5)"
_FIND = "SELECT n, is_charged, at_ms FROM resolutions WHERE job_id = $1"
# The first two conditions are those of the index `jobs_in_doubt`.
_CODES = ", ".join(f"'{code}'" for code in (IN_DOUBT, *sorted(UNTOLD)))
_OPEN = (
    f"state = '{State.FAILED}' AND (failure::jsonb ->> 'code') IN ({_CODES}) "  # noqa: S608  - our words
    f"AND ((failure::jsonb ->> 'code') = '{IN_DOUBT}' OR {IS_RESERVED}) "
    "AND NOT EXISTS (SELECT 1 FROM resolutions WHERE job_id = jobs.id) "
    "AND EXISTS (SELECT 1 FROM attempts WHERE job_id = jobs.id)"
)
DOUBTS = f"SELECT id, owner, key_id, model FROM jobs WHERE {_OPEN} ORDER BY id LIMIT $1"  # noqa: S608
ENGINES = f"SELECT engine FROM jobs WHERE {_OPEN}"  # noqa: S608
_LEDGERS = (
    f"SELECT {job_rows.ATTEMPT_NAMES} FROM attempts "  # noqa: S608  - field names
    "WHERE job_id = ANY($1::text[]) ORDER BY job_id, n"
)
# Words on one job wait for each other, and for its end, also where its row has gone.
_ALONE = "SELECT pg_advisory_xact_lock(hashtextextended('r' || $1, 0))"
_JOB_ALONE = f"{rows.FIND} FOR UPDATE"
# As the function `ticket_taken` waits.
_TICKET_ALONE = "SELECT pg_advisory_xact_lock(hashtextextended('t' || $1, 0))"
_ELSEWHERE = (
    "SELECT job_id FROM attempts WHERE account = $1 AND ticket = $2 AND job_id != $3 LIMIT 1"
)
_LAST_UP = "SELECT seen_ms FROM up"


class PostgresDoubts:
    def __init__(self, database: Database, feed: Feed) -> None:
        self._database = database
        self._feed = feed

    async def open(self, limit: int) -> Sequence[CallInDoubt]:
        return await open_doubts(self._database, limit)

    async def counted(self) -> Mapping[str, int]:
        return Counter(engine for (engine,) in await self._database.rows(ENGINES))

    async def said_of(self, job_id: str) -> Resolution | None:
        found = await self._database.row(_FIND, job_id)
        return None if found is None else _said(job_id, *found)

    async def links_of(self, job_id: str) -> JobLinks:
        return await continuations.links_of(self._database, job_id)

    async def resolve(
        self, job_id: str, word: DoubtWord, *, costs: CallCosts, next_job: NextJob, now_ms: int
    ) -> Resolved:
        return await resolve(
            self._database,
            job_id,
            word,
            costs=costs,
            next_job=next_job,
            now_ms=now_ms,
            tell=self._feed.committed,
        )


async def open_doubts(database: Database, limit: int | None = None) -> Sequence[CallInDoubt]:
    """Those that nothing was said of, oldest first; None: all. Raises StorageFailed."""
    found = await database.rows(DOUBTS, limit)
    ledgers = defaultdict[str, list[Attempt]](list)
    for row in await database.rows(_LEDGERS, [each["id"] for each in found]):
        call = job_rows.attempt_of(tuple(row))
        ledgers[call.job_id].append(call)
    calls = [(each, call_in_doubt(ledgers[each["id"]])) for each in found]
    return [
        CallInDoubt(Owner(each["owner"]), each["key_id"], each["model"], call)
        for each, call in calls
        if call is not None
    ]


async def resolve(
    database: Database,
    job_id: str,
    word: DoubtWord,
    *,
    costs: CallCosts,
    next_job: NextJob,
    now_ms: int,
    tell: Tell | None = None,
) -> Resolved:
    """As the port has it. tell: of a job that goes on; all servers see it without that too."""

    async def write(unit: WriteUnit) -> Resolved:
        records = await _records_of(unit, job_id, word)
        effect = word_on(job_id, records, word, costs=costs, next_job=next_job, now_ms=now_ms)
        said = effect.resolved.resolution
        if effect.resolved.is_new:
            values = (said.job_id, said.n, int(said.is_charged), said.at_ms)
            await unit.run(_INSERT, *values, sealed(values))
        if effect.reserve is not None:
            await charges.write(unit, effect.entries, effect.reserve)
        if effect.going_on is not None:
            job, revision = effect.going_on.job, await continuations.write(unit, effect.going_on)
            if tell is not None:
                unit.after.append(lambda: tell(job, revision))
        return effect.resolved

    return await database.write(write)


async def _records_of(unit: WriteUnit, job_id: str, word: DoubtWord) -> JobRecords:
    """What is stored of a job, which nobody else changes until the unit is done."""
    await unit.run(_ALONE, job_id)
    row = await unit.row(_JOB_ALONE, job_id)
    calls = [job_rows.attempt_of(tuple(each)) for each in await unit.rows(rows.ATTEMPTS, job_id)]
    said = await unit.row(_FIND, job_id)
    seen = await unit.row(_LAST_UP)
    return JobRecords(
        job=None if row is None else job_rows.job_of(tuple(row)),
        calls=calls,
        entries=await charges.of_job(unit, job_id),
        said=None if said is None else _said(job_id, *said),
        continuation=await continuations.found_in(unit, job_id),
        elsewhere=await _job_with(unit, ticket_to_find(calls, word), job_id),
        up_ms=0 if seen is None else int(seen[0]),
    )


async def _job_with(unit: WriteUnit, at: TicketAt | None, other: str) -> str | None:
    """A job that has the ticket, but for the `other` one."""
    if at is None:
        return None
    await unit.run(_TICKET_ALONE, at.ticket)
    found = await unit.row(_ELSEWHERE, *at, other)
    return None if found is None else str(found[0])


def _said(job_id: str, n: int, is_charged: int, at_ms: int) -> Resolution:
    return Resolution(job_id, n, is_charged == 1, at_ms)
