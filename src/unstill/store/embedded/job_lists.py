"""Callers' lists: one reads at a time, owners take turns, and nobody lines up without an end."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import cache

from unstill.domain.errors import Overloaded
from unstill.domain.job import Job
from unstill.domain.job_ids import first_id
from unstill.domain.owner import Owner
from unstill.store.embedded import rows
from unstill.store.embedded.handle import Handle
from unstill.store.ports.job_lists import CursorPage, OffsetPage, Where

MOST_AT_ONCE = 16  # lists of one owner, the one that is read included


class EmbeddedJobLists:
    """Lists of jobs, over a reader of their own."""

    def __init__(self, handle: Handle) -> None:
        self._handle = handle
        self._at_once: Counter[Owner] = Counter()  # by owner
        # An owner's lists wait for each other, so that the reader has one of each owner at most:
        # it takes them as they come, which is by turns.
        self._turns: dict[str, asyncio.Lock] = {}

    async def page(
        self, owner: Owner, *, limit: int, after: str | None = None, newest_first: bool = True
    ) -> CursorPage:
        sql = page_sql(has_after=after is not None, newest_first=newest_first)
        bounds = (owner, limit + 1) if after is None else (owner, after, limit + 1)
        async with self._turn(owner):
            found = await self._handle.opened.lists.select(sql, bounds)
        return CursorPage(tuple(_jobs(found[:limit])), has_more=len(found) > limit)

    async def list_by_offset(
        self, owner: Owner, where: Where, *, offset: int, limit: int
    ) -> OffsetPage:
        reader = self._handle.opened.lists
        jobs_sql, count_sql, (since, until, *filters) = by_offset_sql(where)
        async with self._turn(owner):
            found = await reader.select(jobs_sql, (owner, since, until, *filters, limit, offset))
            jobs = _jobs(found)
            # What was walked for the page is not walked again: only those beyond are counted.
            total = offset + len(jobs) if jobs else 0
            if len(jobs) == limit or (not jobs and offset):
                beyond = jobs[-1].id if jobs else until
                [(count,)] = await reader.select(count_sql, (owner, since, beyond, *filters))
                total += count
        return OffsetPage(tuple(jobs), total)

    @asynccontextmanager
    async def _turn(self, owner: Owner) -> AsyncIterator[None]:
        """The owner's lists one after the other. Raises Overloaded."""
        if self._at_once[owner] >= MOST_AT_ONCE:
            raise Overloaded(f"{MOST_AT_ONCE} of your lists are being read, ask for this one again")
        self._at_once[owner] += 1
        turn = self._turns.setdefault(owner, asyncio.Lock())
        try:
            async with turn:
                yield
        finally:
            self._at_once[owner] -= 1
            if not self._at_once[owner]:
                del self._at_once[owner], self._turns[owner]


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


def _jobs(found: Sequence[rows.Row]) -> list[Job]:
    return [rows.job_of(row) for row in found]
