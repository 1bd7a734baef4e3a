"""The book of money in a database, proved row by row: the reads behind `unstill usage check`."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter

import apsw

from unstill.domain.book_check import (
    BookedJob,
    NumberedEntry,
    OperatorWord,
    Proof,
    SpentSums,
    wrongs_of_continuation,
    wrongs_of_job,
)
from unstill.domain.continuation import Continuation
from unstill.domain.job import IN_DOUBT, UNTOLD, State
from unstill.domain.money import Charge
from unstill.domain.owner import Owner
from unstill.store.embedded.charges import NAMES, charge_of
from unstill.store.embedded.rows import Row
from unstill.store.embedded.seals import seal_of

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
        return Proof(list(check.wrongs()), check.sums)
    finally:
        connection.execute("ROLLBACK")


class _Check:
    """One check, in a transaction that is open; `sums` are whole when all wrongs are found."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self._words: dict[str, OperatorWord] = {}
        self._continuations: list[Continuation] = []
        self._entries: dict[str, list[Charge]] = {}  # of the jobs in these
        self.sums = SpentSums()

    def wrongs(self) -> Iterator[str]:
        yield from self._wrongs_of_numbers()
        yield from self._wrongs_of_words()
        yield from self._wrongs_of_continuations()
        for job_id, found in groupby(self._connection.execute(_ENTRIES), key=itemgetter(0)):
            yield from self._wrongs_of_job(f"{job_id}", sorted(found, key=itemgetter(1)))
        yield from self._wrongs_between_jobs()
        yield from self.sums.wrongs(
            {(Owner(owner), day): (*sums,) for owner, day, *sums in self._select(_SPENT)}
        )

    def _wrongs_of_numbers(self) -> Iterator[str]:
        [(count, first, last, written)] = self._select(_NUMBERS)
        if (first, last, written) != (1, count, count):
            yield (
                f"charges has {count} rows, numbered {first} to {last}, of {written} that were "
                "written: one is gone, or has another number"
            )

    def _wrongs_of_words(self) -> Iterator[str]:
        for seal, *values in self._select(_WORDS):
            job_id, n, is_charged, _ = values
            self._words[job_id] = OperatorWord(n, is_charged == 1)
            if seal != seal_of(values):
                yield f"resolution of job {job_id}: it has been changed"

    def _wrongs_of_continuations(self) -> Iterator[str]:
        """Read before the entries, of which some are needed afterwards."""
        if not self._connection.table_exists(None, "continuations"):
            return  # a store of an earlier release
        [(count, last, written)] = self._select(_CONTINUED)
        if (last, written) != (count, count):
            yield f"continuations has {count} rows, numbered to {last}, of {written}: one is gone"
        for seal, *values in self._select(_CONTINUATIONS):
            said = Continuation(*values)
            self._continuations.append(said)
            self._entries |= {said.job_id: [], said.continued_by: []}
            if seal != seal_of(values):
                yield f"continuation of job {said.job_id}: it has been changed"

    def _wrongs_between_jobs(self) -> Iterator[str]:
        for said in self._continuations:
            before, after = self._entries[said.job_id], self._entries[said.continued_by]
            yield from wrongs_of_continuation(said, before, after, self._words.get(said.job_id))

    def _wrongs_of_job(self, job_id: str, found: list[Row]) -> Iterator[str]:
        entries: list[NumberedEntry] = []
        changed: dict[int, str] = {}
        for _, number, seal, *values in found:
            if seal != seal_of(values):
                changed[number] = f"row {number} ({values[1]} of job {job_id}): it has been changed"
            try:
                entries.append((number, charge_of(tuple(values))))
            except ValueError as error:
                changed[number] = f"row {number} (of job {job_id}): {error}"
        wrongs = []
        if job_id in self._entries:
            self._entries[job_id] = [entry for _, entry in entries]
        if entries:
            self.sums.add(entries)
            wrongs = [*wrongs_of_job(entries, self._job(job_id), self._words.get(job_id))]
        yield from wrongs
        for number, line in changed.items():
            # What is wrong with it has been said, where that shows.
            if not any(wrong.startswith(f"row {number} ") for wrong in wrongs):
                yield line

    def _job(self, job_id: str) -> BookedJob | None:
        found = self._select(_JOB, job_id)
        if not found:
            return None
        [(owner, created_ms, state, attempt, code, ticket)] = found
        calls = {n: (engine, model) for n, engine, model in self._select(_CALLS, job_id)}
        has_failed = state == State.FAILED
        return BookedJob(
            Owner(owner),
            created_ms,
            State(state),
            attempt,
            is_in_doubt=has_failed and code == IN_DOUBT,
            may_be_billed=has_failed and code in UNTOLD and ticket is not None,
            calls=calls,
        )

    def _select(self, sql: str, *bounds: str) -> list[Row]:
        return self._connection.execute(sql, bounds).fetchall()
