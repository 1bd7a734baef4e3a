"""The book of money in a database, proved row by row: the reads behind `unstill usage check`."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter

import apsw

from unstill.domain.book_check import BookedJob, Proof
from unstill.domain.owner import Owner
from unstill.store.book_proof import BookProof, booked_job
from unstill.store.book_rows import NAMES
from unstill.store.job_rows import Row

# By the index `charges_once`; the few rows of a job are sorted here.
_ENTRIES = f"SELECT job_id, id, seal, {NAMES} FROM charges ORDER BY job_id"  # noqa: S608  - field names
_JOB = (
    "SELECT owner, created_ms, state, attempt, coalesce(failure ->> '$.code', ''), ticket "
    "FROM jobs WHERE id = ?"
)
_CALLS = "SELECT n, engine, upstream_model FROM attempts WHERE job_id = ?"
# The last: how many rows were ever written, as SQLite keeps it beside the table.
_NUMBERS = (
    "SELECT count(*), coalesce(min(id), 1), coalesce(max(id), 0), "
    "coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'charges'), 0) FROM charges"
)
_WORDS = "SELECT seal, job_id, n, is_charged, at_ms FROM resolutions"
_CONTINUATIONS = (
    "SELECT seal, job_id, continued_by, ticket, at_ms FROM continuations ORDER BY number"
)
_CONTINUED = (
    "SELECT count(*), coalesce(max(number), 0), "
    "coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'continuations'), 0) FROM continuations"
)
_SPENT = "SELECT owner, day, reserved, settled FROM spent"


def prove(connection: apsw.Connection) -> Proof:
    """Prove all rows as they were at one moment, whatever a server writes meanwhile."""
    connection.execute("BEGIN")
    try:
        check = _Check(connection)
        return Proof(list(check.wrongs()), check.proof.sums)
    finally:
        connection.execute("ROLLBACK")


class _Check:
    """One check, in a transaction that is open."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self.proof = BookProof()

    def wrongs(self) -> Iterator[str]:
        yield from self._wrongs_of_numbers()
        for row in self._select(_WORDS):
            yield from self.proof.wrongs_of_word(row)
        yield from self._wrongs_of_continuations()
        for job_id, found in groupby(self._connection.execute(_ENTRIES), key=itemgetter(0)):
            entries = [row[1:] for row in sorted(found, key=itemgetter(1))]
            yield from self.proof.wrongs_of_job(f"{job_id}", entries, self._job(f"{job_id}"))
        yield from self.proof.wrongs_between_jobs()
        yield from self.proof.sums.wrongs(
            {(Owner(owner), day): (*sums,) for owner, day, *sums in self._select(_SPENT)}
        )

    def _wrongs_of_numbers(self) -> Iterator[str]:
        [(count, first, last, written)] = self._select(_NUMBERS)
        if (first, last, written) != (1, count, count):
            yield (
                f"charges has {count} rows, numbered {first} to {last}, of {written} that were "
                "written: one is gone, or has another number"
            )

    def _wrongs_of_continuations(self) -> Iterator[str]:
        if not self._connection.table_exists(None, "continuations"):
            return  # a store of an earlier release
        [(count, last, written)] = self._select(_CONTINUED)
        if (last, written) != (count, count):
            yield f"continuations has {count} rows, numbered to {last}, of {written}: one is gone"
        for row in self._select(_CONTINUATIONS):
            yield from self.proof.wrongs_of_continuation(row)

    def _job(self, job_id: str) -> BookedJob | None:
        found = self._select(_JOB, job_id)
        return booked_job(found[0], self._select(_CALLS, job_id)) if found else None

    def _select(self, sql: str, *bounds: str) -> list[Row]:
        return self._connection.execute(sql, bounds).fetchall()
