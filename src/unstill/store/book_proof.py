"""The proof of a book of money: what is thought of its rows, from whatever database they come."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from unstill.domain.book_check import (
    BookedJob,
    NumberedEntry,
    OperatorWord,
    SpentSums,
    wrongs_of_continuation,
    wrongs_of_job,
)
from unstill.domain.continuation import Continuation
from unstill.domain.job import IN_DOUBT, UNTOLD, State
from unstill.domain.money import Charge
from unstill.domain.owner import Owner
from unstill.store.book_rows import charge_of
from unstill.store.job_rows import Row
from unstill.store.seals import seal_of

Added = Callable[[Sequence[NumberedEntry]], None]


class BookProof:
    """One proof: operators' words first, and which jobs go on from which, then all jobs.

    `sums` are whole then.
    """

    def __init__(self, added: Added | None = None) -> None:
        """added: is told of all entries of each job, as far as they can be read."""
        self._words: dict[str, OperatorWord] = {}
        self._continuations: list[Continuation] = []
        self._entries: dict[str, list[Charge]] = {}  # those of the jobs in these
        self._added = added
        self.sums = SpentSums()

    def wrongs_of_word(self, row: Row) -> Iterator[str]:
        """`row`: the seal of an operator's word, then its values."""
        seal, *values = row
        job_id, n, is_charged, _ = values
        self._words[job_id] = OperatorWord(n, is_charged == 1)
        if seal != seal_of(values):
            yield f"resolution of job {job_id}: it has been changed"

    def wrongs_of_continuation(self, row: Row) -> Iterator[str]:
        """`row`: the seal of a continuation, then its values."""
        seal, *values = row
        said = Continuation(*values)
        self._continuations.append(said)
        self._entries |= {said.job_id: [], said.continued_by: []}
        if seal != seal_of(values):
            yield f"continuation of job {said.job_id}: it has been changed"

    def wrongs_of_job(
        self, job_id: str, found: Iterable[Row], job: BookedJob | None
    ) -> Iterator[str]:
        """`found`: all its entries in their order, each with its number and its seal before it.

        job: None where its row has gone.
        """
        entries: list[NumberedEntry] = []
        changed: dict[int, str] = {}
        for number, seal, *values in found:
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
            if self._added is not None:
                self._added(entries)
            wrongs = [*wrongs_of_job(entries, job, self._words.get(job_id))]
        yield from wrongs
        for number, line in changed.items():
            # What is wrong with it has been said, where that shows.
            if not any(wrong.startswith(f"row {number} ") for wrong in wrongs):
                yield line

    def wrongs_between_jobs(self) -> Iterator[str]:
        """Once all jobs were shown."""
        for said in self._continuations:
            before, after = self._entries[said.job_id], self._entries[said.continued_by]
            yield from wrongs_of_continuation(said, before, after, self._words.get(said.job_id))


def booked_job(row: Row, calls: Iterable[Row]) -> BookedJob:
    """A job by the columns owner, created_ms, state, attempt, failure's code (or empty), ticket.

    calls: the number, the engine and the upstream's model of each.
    """
    owner, created_ms, state, attempt, code, ticket = row
    has_failed = state == State.FAILED
    return BookedJob(
        Owner(owner),
        created_ms,
        State(state),
        attempt,
        is_in_doubt=has_failed and code == IN_DOUBT,
        may_be_billed=has_failed and code in UNTOLD and ticket is not None,
        calls={n: (engine, model) for n, engine, model in calls},
    )
