"""Callers' lists: one reads at a time, owners take turns, and nobody lines up without an end."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import apsw

from unstill.domain.job import FINAL, Job
from unstill.domain.job_ids import first_id
from unstill.domain.owner import NOBODY, Owner
from unstill.store.embedded import rows
from unstill.store.embedded.handle import Handle
from unstill.store.list_turns import ListTurns
from unstill.store.ports.job_lists import Among, CursorPage, FoundPage, OffsetPage, Where

MOST_LOOKED_AT = 10_000  # rows for a page of all owners' jobs: no index has what it may ask for


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
        looked_at, (wanted, filters) = (
            looked_at_sql(among, has_after=after is not None),
            _sql(among),
        )
        inner = () if after is None else (after,)
        if among.owner is not None and not _is_of_unfinished(among):
            inner = (among.owner, *inner)
        most = self._most_looked_at

        def find(connection: apsw.Connection) -> FoundPage:
            found = connection.execute(
                f"SELECT {rows.NAMES} FROM jobs WHERE id IN (SELECT id FROM ({looked_at}) "  # noqa: S608  - field names
                f"WHERE {wanted} ORDER BY id DESC LIMIT ?) ORDER BY id DESC",
                (*inner, most, *filters, limit + 1),
            ).fetchall()
            if len(found) > limit:
                page = _jobs(found[:limit])
                return FoundPage(tuple(page), page[-1].id)
            [(count, last)] = connection.execute(
                f"SELECT count(*), min(id) FROM ({looked_at})",  # noqa: S608  - field names
                (*inner, most),
            ).fetchall()
            return FoundPage(tuple(_jobs(found)), f"{last}" if count == most else None)

        async with self.turns.of(NOBODY):
            return await self._handle.opened.lists.read(find)


@cache
def page_sql(*, has_after: bool, newest_first: bool) -> str:
    """One page of an owner's jobs; parameters: owner, the id before the page if any, limit."""
    beyond, order = ("<", "DESC") if newest_first else (">", "ASC")
    after = f"AND id {beyond} ?" if has_after else ""
    return (
        f"SELECT {rows.NAMES} FROM jobs WHERE owner = ? AND is_hidden = 0 {after} "  # noqa: S608  - field names
        f"ORDER BY id {order} LIMIT ?"
    )


def by_offset_sql(where: Where) -> tuple[str, str, list[rows.Value]]:
    """The jobs, newest first, and their count; parameters: these, and for the jobs limit, offset.

    Times are compared as ids, which begin with them and have an index.
    """
    states = None if where.states is None else sorted(where.states)
    condition = "owner = ? AND is_hidden = 0 AND id >= ? AND id < ?"
    values: list[rows.Value] = [first_id(where.since_ms), first_id(where.until_ms + 1)]
    if states is not None:
        condition += f" AND state IN ({', '.join('?' * len(states))})"
        values += states
    if where.model is not None:
        condition += " AND model = ?"
        values.append(where.model)
    jobs = f"SELECT {rows.NAMES} FROM jobs WHERE {condition} ORDER BY id DESC LIMIT ? OFFSET ?"  # noqa: S608  - field names
    return jobs, f"SELECT count(*) FROM jobs WHERE {condition}", values  # noqa: S608  - field names


@cache
def looked_at_sql(among: Among, *, has_after: bool) -> str:
    """The rows that a page looks at, by the narrowest index that there is for it.

    Parameters: the owner if it is its index, the id before the page if any, limit. The conditions
    are word for word those of the indexes, or they are not used.
    """
    if _is_of_unfinished(among):
        narrow = "state NOT IN ('succeeded', 'failed', 'cancelled')"
    else:
        narrow = "1" if among.owner is None else "owner = ? AND is_hidden = 0"
    after = "AND id < ?" if has_after else ""
    return (
        "SELECT id, owner, is_hidden, state, model, engine FROM jobs "  # noqa: S608  - no value
        f"WHERE {narrow} {after} ORDER BY id DESC LIMIT ?"
    )


def _is_of_unfinished(among: Among) -> bool:
    return among.states is not None and among.states.isdisjoint(FINAL)


def _sql(among: Among) -> tuple[str, list[rows.Value]]:
    """What is wanted of the rows that are looked at, and its parameters."""
    conditions, values = ["is_hidden = 0"], list[rows.Value]()
    named = {"owner": among.owner, "model": among.model, "engine": among.engine}
    for column, value in named.items():
        if value is not None:
            conditions.append(f"{column} = ?")
            values.append(value)
    if among.states is not None:
        conditions.append(f"state IN ({', '.join('?' * len(among.states))})")
        values += sorted(among.states)
    return " AND ".join(conditions), values


def _jobs(found: Sequence[rows.Row]) -> list[Job]:
    return [rows.job_of(row) for row in found]
