"""Callers' lists: a few are read at a time, so that submits and polls find a connection.

Owners take turns, at each server by itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec

from unstill.domain.job import Job
from unstill.domain.job_ids import first_id
from unstill.domain.owner import NOBODY, Owner
from unstill.store import job_rows
from unstill.store.list_turns import ListTurns
from unstill.store.ports.job_lists import (
    Among,
    CursorPage,
    FoundPage,
    OffsetPage,
    Where,
    folded,
)
from unstill.store.postgres.database import Database, Values

READ_AT_ONCE = 3  # connections of a server, at the most
MOST_LOOKED_AT = 10_000  # rows for a page of what no index has

Statement = tuple[str, list[object]]  # with its parameters


class PostgresJobLists:
    def __init__(self, database: Database, *, most_looked_at: int = MOST_LOOKED_AT) -> None:
        self._database = database
        self._most_looked_at = most_looked_at
        self.turns = ListTurns()
        self._places = asyncio.Semaphore(READ_AT_ONCE)

    async def page(
        self, owner: Owner, *, limit: int, after: str | None = None, newest_first: bool = True
    ) -> CursorPage:
        statement = page_sql(owner, after, limit + 1, newest_first=newest_first)
        async with self.turns.of(owner):
            found = _jobs(await self._read(statement))
        return CursorPage(tuple(found[:limit]), has_more=len(found) > limit)

    async def list_by_offset(
        self, owner: Owner, where: Where, *, offset: int, limit: int
    ) -> OffsetPage:
        async with self.turns.of(owner):
            jobs = _jobs(await self._read(by_offset_sql(owner, where, offset, limit)))
            # What was walked for the page is not walked again: only those beyond are counted.
            total = offset + len(jobs) if jobs else 0
            if len(jobs) == limit or (not jobs and offset):
                before = jobs[-1].id if jobs else None
                [(count,)] = await self._read(count_sql(owner, where, before))
                total += count
        return OffsetPage(tuple(jobs), total)

    async def of_all(self, among: Among, *, limit: int, after: str | None = None) -> FoundPage:
        by_owner = among.owner is not None and not among.is_of_unfinished
        most = self._most_looked_at
        statement = found_sql(among, after, most, limit + 1, by_owner=by_owner)
        return await self._found(statement, NOBODY, limit)

    async def of_owner(
        self, owner: Owner, among: Among, *, limit: int, after: str | None = None
    ) -> FoundPage:
        among = msgspec.structs.replace(among, owner=owner)
        # No other's row is looked at: the last one's id is told.
        statement = found_sql(among, after, self._most_looked_at, limit + 1, by_owner=True)
        return await self._found(statement, owner, limit)

    async def _found(self, statement: Statement, turn: Owner, limit: int) -> FoundPage:
        async with self.turns.of(turn):
            found = await self._read(statement)
        wanted = _jobs([row for row in found if row["is_wanted"]])
        if len(wanted) > limit:
            return FoundPage(tuple(wanted[:limit]), wanted[limit - 1].id)
        most = self._most_looked_at
        last = next((row["id"] for row in found if row["place"] == most), None)
        return FoundPage(tuple(wanted), last)

    async def _read(self, statement: Statement) -> list[Values]:
        sql, bounds = statement
        async with self._places:
            return await self._database.rows(sql, *bounds)


class _Bounds:
    """The parameters of a statement, as they come up in it."""

    def __init__(self) -> None:
        self.values: list[object] = []

    def place(self, value: object) -> str:
        self.values.append(value)
        return f"${len(self.values)}"


def page_sql(owner: Owner, after: str | None, limit: int, *, newest_first: bool) -> Statement:
    """One page of an owner's jobs."""
    bounds = _Bounds()
    beyond, order = ("<", "DESC") if newest_first else (">", "ASC")
    condition = f"owner = {bounds.place(owner)} AND is_hidden = 0"
    if after is not None:
        condition += f" AND id {beyond} {bounds.place(after)}"
    return (
        f"SELECT {job_rows.NAMES} FROM jobs WHERE {condition} "  # noqa: S608  - field names
        f"ORDER BY id {order} LIMIT {bounds.place(limit)}"
    ), bounds.values


def by_offset_sql(owner: Owner, where: Where, offset: int, limit: int) -> Statement:
    """The owner's jobs, newest first."""
    bounds = _Bounds()
    condition = _condition(bounds, owner, where, None)
    return (
        f"SELECT {job_rows.NAMES} FROM jobs WHERE {condition} "  # noqa: S608  - field names
        f"ORDER BY id DESC LIMIT {bounds.place(limit)} OFFSET {bounds.place(offset)}"
    ), bounds.values


def count_sql(owner: Owner, where: Where, before: str | None) -> Statement:
    """How many of them there are, made before the job `before`."""
    bounds = _Bounds()
    condition = _condition(bounds, owner, where, before)
    return f"SELECT count(*) FROM jobs WHERE {condition}", bounds.values  # noqa: S608  - no value


def found_sql(
    among: Among, after: str | None, most: int, limit: int, *, by_owner: bool
) -> Statement:
    """The jobs that are wanted among so many that are looked at, newest first.

    And the last one that is looked at, where there are so many: behind it the next page looks on.
    They are looked at by the narrowest index that there is. The conditions are word for word those
    of the indexes, or they are not used.
    """
    bounds = _Bounds()
    narrow = "TRUE"
    if by_owner:
        narrow = f"owner = {bounds.place(among.owner)} AND is_hidden = 0"
    elif among.is_of_unfinished:
        narrow = f"state NOT IN ({job_rows.FINAL_STATES})"
    if after is not None:
        narrow += f" AND id < {bounds.place(after)}"
    if among.since_ms is not None:
        narrow += f" AND id >= {bounds.place(first_id(among.since_ms))}"
    if among.until_ms is not None:
        narrow += f" AND id < {bounds.place(first_id(among.until_ms))}"
    looked_at = (
        f"SELECT {job_rows.NAMES}, row_number() OVER (ORDER BY id DESC) AS place FROM jobs "  # noqa: S608  - field names
        f"WHERE {narrow} ORDER BY id DESC LIMIT {bounds.place(most)}"
    )
    wanted = _wanted(bounds, among)
    return (
        f"SELECT {job_rows.NAMES}, place, {wanted} AS is_wanted FROM ({looked_at}) AS looked_at "  # noqa: S608  - field names
        f"WHERE {wanted} OR place = {bounds.place(most)} "
        f"ORDER BY id DESC LIMIT {bounds.place(limit)}"
    ), bounds.values


def _condition(bounds: _Bounds, owner: Owner, where: Where, before: str | None) -> str:
    """Times are compared as ids, which begin with them and have an index."""
    until = before or first_id(where.until_ms + 1)
    conditions = [
        f"owner = {bounds.place(owner)}",
        "is_hidden = 0",
        f"id >= {bounds.place(first_id(where.since_ms))}",
        f"id < {bounds.place(until)}",
    ]
    if where.states is not None:
        conditions.append(f"state = ANY({bounds.place(sorted(where.states))}::text[])")
    if where.model is not None:
        conditions.append(f"model = {bounds.place(where.model)}")
    return " AND ".join(conditions)


def _wanted(bounds: _Bounds, among: Among) -> str:
    conditions = ["is_hidden = 0"]
    named = {"owner": among.owner, "model": among.model, "engine": among.engine}
    conditions += [
        f"{column} = {bounds.place(value)}" for column, value in named.items() if value is not None
    ]
    if among.states is not None:
        conditions.append(f"state = ANY({bounds.place(sorted(among.states))}::text[])")
    if among.prompt is not None:
        # In the collation "C" it is as SQLite's: of ASCII alone.
        prompt = "lower((request::jsonb ->> 'prompt') COLLATE \"C\")"
        conditions.append(f"strpos({prompt}, {bounds.place(folded(among.prompt))}) > 0")
    return f"({' AND '.join(conditions)})"


def _jobs(found: Sequence[Any]) -> list[Job]:
    width = len(job_rows.COLUMNS)
    return [job_rows.job_of(tuple(row)[:width]) for row in found]
