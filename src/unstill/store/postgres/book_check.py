"""The book of money in a database, proved row by row: the reads behind `unstill usage check`.

Rows are numbered with gaps here, as a transaction that is undone has taken its numbers. So it is
the sums that say how many rows they are of, and a row that is gone is missed there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from unstill.domain.book import ENDS
from unstill.domain.book_check import BookedJob, NumberedEntry, Proof
from unstill.domain.money import ChargeKind, shown_amount
from unstill.domain.owner import Owner
from unstill.domain.usage import day_shown
from unstill.store.book_proof import BookProof, booked_job
from unstill.store.book_rows import NAMES
from unstill.store.postgres.charges import part_of
from unstill.store.postgres.database import Connection, Database, Values
from unstill.store.postgres.usage import WITHIN_S

AT_ONCE = 2_000  # rows in one read

_ENTRIES = f"SELECT job_id, id, seal, {NAMES} FROM charges ORDER BY job_id, id"  # noqa: S608  - field names
_JOBS = (
    "SELECT id, owner, created_ms, state, attempt, coalesce(failure::jsonb ->> 'code', ''), ticket "
    "FROM jobs WHERE id = ANY($1::text[])"
)
_CALLS = "SELECT job_id, n, engine, upstream_model FROM attempts WHERE job_id = ANY($1::text[])"
_WORDS = "SELECT seal, job_id, n, is_charged, at_ms FROM resolutions ORDER BY job_id"
_CONTINUATIONS = (
    "SELECT seal, job_id, continued_by, ticket, at_ms FROM continuations ORDER BY job_id"
)
_SPENT = "SELECT owner, day, part, reserved, settled, entries FROM spent"


async def proof_of(database: Database, at_once: int = AT_ONCE) -> Proof:
    """Prove all rows as they were at one moment, whatever servers write meanwhile.

    at_once: rows in one read. Raises StorageFailed.
    """

    async def read(connection: Connection) -> Proof:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            return await prove(connection, at_once)

    return await database.read(read)


async def prove(connection: Connection, at_once: int = AT_ONCE) -> Proof:
    """Prove all rows as the transaction at hand sees them."""
    check = _BookReads(connection, at_once)
    return Proof([wrong async for wrong in check.wrongs()], check.proof.sums)


class _SpentPlace(NamedTuple):
    """A row of the table `spent`."""

    owner: Owner
    day: int
    part: int


class _PartSums(msgspec.Struct):
    reserved: int = 0
    settled: int = 0
    entries: int = 0


class _BookReads:
    """One check, in a transaction that is open."""

    def __init__(self, connection: Connection, at_once: int) -> None:
        self._connection = connection
        self._at_once = at_once
        self._parts = defaultdict[_SpentPlace, _PartSums](_PartSums)
        self.proof = BookProof(self._add)

    async def wrongs(self) -> AsyncIterator[str]:
        for row in await self._select(_WORDS):
            for wrong in self.proof.wrongs_of_word(tuple(row)):
                yield wrong
        for row in await self._select(_CONTINUATIONS):
            for wrong in self.proof.wrongs_of_continuation(tuple(row)):
                yield wrong
        async for by_job in self._entries():
            jobs = await self._jobs([*by_job])
            for job_id, found in by_job.items():
                for wrong in self.proof.wrongs_of_job(job_id, found, jobs.get(job_id)):
                    yield wrong
        for wrong in self.proof.wrongs_between_jobs():
            yield wrong
        for wrong in self._wrongs_of_sums(await self._select(_SPENT)):
            yield wrong

    async def _entries(self) -> AsyncIterator[dict[str, list[tuple[Any, ...]]]]:
        """The rows of many jobs at a time, each with all of its own."""
        cursor = await self._connection.cursor(_ENTRIES, timeout=WITHIN_S)
        by_job: dict[str, list[tuple[Any, ...]]] = {}
        while found := await cursor.fetch(self._at_once, timeout=WITHIN_S):
            for job_id, *row in found:
                by_job.setdefault(job_id, []).append(tuple(row))
            # The last one may have more rows.
            last, rest = by_job.popitem()
            if by_job:
                yield by_job
            by_job = {last: rest}
        if by_job:
            yield by_job

    async def _jobs(self, job_ids: Sequence[str]) -> Mapping[str, BookedJob]:
        calls = defaultdict[str, list[tuple[Any, ...]]](list)
        for job_id, *call in await self._select(_CALLS, job_ids):
            calls[job_id].append(tuple(call))
        found = await self._select(_JOBS, job_ids)
        return {job_id: booked_job(tuple(row), calls[job_id]) for job_id, *row in found}

    def _wrongs_of_sums(self, stored: Sequence[Values]) -> Iterator[str]:
        parts = {_SpentPlace(*row[:3]): _PartSums(*row[3:]) for row in map(tuple, stored)}
        days = defaultdict[tuple[Owner, int], list[int]](lambda: [0, 0])
        for place, kept in parts.items():
            days[place.owner, place.day][0] += kept.reserved
            days[place.owner, place.day][1] += kept.settled
        wrongs = [*self.proof.sums.wrongs({day: (sums[0], sums[1]) for day, sums in days.items()})]
        yield from wrongs
        if wrongs:
            return
        for place in sorted({*parts, *self._parts}):
            kept, expected = (each.get(place, _PartSums()) for each in (parts, self._parts))
            if kept != expected:
                yield (
                    f"owner {place.owner} on {day_shown(place.day)}, part {place.part}: "
                    f"by charges {_told(expected)}, in spent {_told(kept)}"
                )

    def _add(self, entries: Sequence[NumberedEntry]) -> None:
        """Add all entries of one job."""
        has_ended = any(entry.kind in ENDS for _, entry in entries)
        for _, entry in entries:
            sums = self._parts[_SpentPlace(entry.owner, entry.day, part_of(entry.job_id))]
            sums.entries += 1
            if entry.kind is ChargeKind.RESERVE and not has_ended:
                sums.reserved += entry.amount
            if entry.kind is ChargeKind.SETTLE:
                sums.settled += entry.amount

    async def _select(self, sql: str, *bounds: object) -> list[Values]:
        found: list[Values] = await self._connection.fetch(sql, *bounds, timeout=WITHIN_S)
        return found


def _told(sums: _PartSums) -> str:
    return (
        f"{sums.entries} rows, {shown_amount(sums.reserved)} reserved, "
        f"{shown_amount(sums.settled)} settled"
    )
