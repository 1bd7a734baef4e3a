"""Callers' lists: one reads at a time, owners take turns, and nobody lines up without an end."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import apsw
import msgspec

from unstill.domain.job import Job
from unstill.domain.job_ids import first_id
from unstill.domain.owner import NOBODY, Owner
from unstill.store import job_rows
from unstill.store.embedded.handle import Handle
from unstill.store.list_turns import ListTurns
from unstill.store.ports.job_lists import (
    Among,
    CursorPage,
    FoundPage,
    OffsetPage,
    Where,
    folded,
)

MOST_LOOKED_AT = 10_000  # rows for a page of what no index has


class EmbeddedJobLists:
    """Lists of jobs, over a reader of their own."""

    def __init__(self, handle: Handle, *, most_looked_at: int = MOST_LOOKED_AT) -> None:
        self._handle = handle
        self._most_looked_at = most_looked_at
        self.turns = ListTurns()

    async def page(
        self, owner: Owner, *, limit: int, after: str | None = None, newest_first: bool = True
    ) -> CursorPage:
        sql = page_sql(has_after=after is not None, newest_first=newest_first)
        bounds = (owner, limit + 1) if after is None else (owner, after, limit + 1)
        async with self.turns.of(owner):
            found = await self._handle.opened.lists.select(sql, bounds)
        return CursorPage(tuple(_jobs(found[:limit])), has_more=len(found) > limit)

    async def list_by_offset(
        self, owner: Owner, where: Where, *, offset: int, limit: int
    ) -> OffsetPage:
        reader = self._handle.opened.lists
        jobs_sql, count_sql, (since, until, *filters) = by_offset_sql(where)
        async with self.turns.of(owner):
            found = await reader.select(jobs_sql, (owner, since, until, *filters, limit, offset))
            jobs = _jobs(found)
            # What was walked for the page is not walked again: only those beyond are counted.
            total = offset + len(jobs) if jobs else 0
            if len(jobs) == limit or (not jobs and offset):
                beyond = jobs[-1].id if jobs else until
                [(count,)] = await reader.select(count_sql, (owner, since, beyond, *filters))
                total += count
        return OffsetPage(tuple(jobs), total)

    async def of_all(self, among: Among, *, limit: int, after: str | None = None) -> FoundPage:
        by_owner = among.owner is not None and not among.is_of_unfinished
        statement = FoundSql(among, after, self._most_looked_at, by_owner=by_owner)
        async with self.turns.of(NOBODY):
            return await self._handle.opened.lists.read(lambda each: statement.page(each, limit))

    async def of_owner(
        self, owner: Owner, among: Among, *, limit: int, after: str | None = None
    ) -> FoundPage:
        among = msgspec.structs.replace(among, owner=owner)
        # No other's row is looked at: the last one's id is told.
        statement = FoundSql(among, after, self._most_looked_at, by_owner=True)
        async with self.turns.of(owner):
            return await self._handle.opened.lists.read(lambda each: statement.page(each, limit))


class FoundSql:
    """How jobs are found among the rows that a page looks at, and what it looks at.

    They are looked at by the narrowest index that there is. The conditions are word for word those
    of the indexes, or they are not used.
    """

    def __init__(self, among: Among, after: str | None, most: int, *, by_owner: bool) -> None:
        narrow, values = ["1"], list[job_rows.Value]()
        if by_owner:
            narrow, values = ["owner = ? AND is_hidden = 0"], [among.owner]
        elif among.is_of_unfinished:
            narrow = ["state NOT IN ('succeeded', 'failed', 'cancelled')"]
        for condition, value in (
            ("id < ?", after),
            ("id >= ?", None if among.since_ms is None else first_id(among.since_ms)),
            ("id < ?", None if among.until_ms is None else first_id(among.until_ms)),
        ):
            if value is not None:
                narrow.append(condition)
                values.append(value)
        self._rows = f"FROM jobs WHERE {' AND '.join(narrow)} ORDER BY id DESC LIMIT ?"
        # A request is read of each row only where it is asked for.
        self._columns = "id, owner, is_hidden, state, model, engine"
        self._columns += "" if among.prompt is None else ", request"
        self._most = most
        self._inner = (*values, most)
        self._wanted, self._filters = _wanted_sql(among)

    def page(self, connection: apsw.Connection, limit: int) -> FoundPage:
        looked_at = f"SELECT {self._columns} {self._rows}"
        found = connection.execute(
            f"SELECT {job_rows.NAMES} FROM jobs WHERE id IN (SELECT id FROM ({looked_at}) "  # noqa: S608  - field names
            f"WHERE {self._wanted} ORDER BY id DESC LIMIT ?) ORDER BY id DESC",
            (*self._inner, *self._filters, limit + 1),
        ).fetchall()
        if len(found) > limit:
            page = _jobs(found[:limit])
            return FoundPage(tuple(page), page[-1].id)
        [(count, last)] = connection.execute(
            f"SELECT count(*), min(id) FROM (SELECT id {self._rows})",  # noqa: S608  - no value
            self._inner,
        ).fetchall()
        return FoundPage(tuple(_jobs(found)), f"{last}" if count == self._most else None)


@cache
def page_sql(*, has_after: bool, newest_first: bool) -> str:
    """One page of an owner's jobs; parameters: owner, the id before the page if any, limit."""
    beyond, order = ("<", "DESC") if newest_first else (">", "ASC")
    after = f"AND id {beyond} ?" if has_after else ""
    return (
        f"SELECT {job_rows.NAMES} FROM jobs WHERE owner = ? AND is_hidden = 0 {after} "  # noqa: S608  - field names
        f"ORDER BY id {order} LIMIT ?"
    )


def by_offset_sql(where: Where) -> tuple[str, str, list[job_rows.Value]]:
    """The jobs, newest first, and their count; parameters: these, and for the jobs limit, offset.

    Times are compared as ids, which begin with them and have an index.
    """
    states = None if where.states is None else sorted(where.states)
    condition = "owner = ? AND is_hidden = 0 AND id >= ? AND id < ?"
    values: list[job_rows.Value] = [first_id(where.since_ms), first_id(where.until_ms + 1)]
    if states is not None:
        condition += f" AND state IN ({', '.join('?' * len(states))})"
        values += states
    if where.model is not None:
        condition += " AND model = ?"
        values.append(where.model)
    jobs = f"SELECT {job_rows.NAMES} FROM jobs WHERE {condition} ORDER BY id DESC LIMIT ? OFFSET ?"  # noqa: S608  - field names
    return jobs, f"SELECT count(*) FROM jobs WHERE {condition}", values  # noqa: S608  - field names


def _wanted_sql(among: Among) -> tuple[str, list[job_rows.Value]]:
    """What is wanted of the rows that are looked at, and its parameters."""
    conditions, values = ["is_hidden = 0"], list[job_rows.Value]()
    named = {"owner": among.owner, "model": among.model, "engine": among.engine}
    for column, value in named.items():
        if value is not None:
            conditions.append(f"{column} = ?")
            values.append(value)
    if among.states is not None:
        conditions.append(f"state IN ({', '.join('?' * len(among.states))})")
        values += sorted(among.states)
    if among.prompt is not None:
        conditions.append("instr(lower(request ->> 'prompt'), ?)")
        values.append(folded(among.prompt))
    return " AND ".join(conditions), values


def _jobs(found: Sequence[job_rows.Row]) -> list[Job]:
    return [job_rows.job_of(row) for row in found]
