"""Calls in doubt, as an operator resolves them: beside a running server, or without one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from unstill.domain.attempts import Attempt
from unstill.domain.continuation import NextJob
from unstill.domain.errors import CallerError, NoSuchJob, OperatorError
from unstill.domain.resolution import CallCosts, DoubtWord, Resolved
from unstill.store.embedded import continuations
from unstill.store.embedded.beside import opened_beside, transaction
from unstill.store.embedded.doubts import ALL, TABLE, doubts, resolve
from unstill.store.embedded.folder_match import FILE
from unstill.store.embedded.store_made import make_store


def resolve_in(
    data_dir: Path,
    job_id: str,
    word: DoubtWord,
    *,
    costs: CallCosts,
    next_job: NextJob,
    now_ms: int,
) -> Resolved:
    """Say whether a job's call in doubt was billed, as the port has it.

    A running server takes up what goes on from it within two seconds. Brings a store of an earlier
    release up to date, as a start does. Raises OperatorError where there is no such job, or none in
    doubt, or a ticket that is not its own, or where its book has another currency; OwnError.
    """
    if (data_dir / FILE).exists() and not _has_tables(data_dir):
        make_store(data_dir)
    with opened_beside(data_dir, having=continuations.TABLE, writes=True) as connection:
        if connection is None:
            raise OperatorError(f"no job {job_id} in {data_dir}: there is no job store yet")
        try:
            with transaction(connection):
                effect = resolve(
                    connection, job_id, word, costs=costs, next_job=next_job, now_ms=now_ms
                )
        except NoSuchJob as error:
            raise OperatorError(f"no job {job_id} in {data_dir}") from error
        except CallerError as error:  # the same for a caller of HTTP
            raise OperatorError(error.message) from error
    return effect.resolved


def doubts_in(data_dir: Path) -> Sequence[Attempt]:
    """The calls of jobs in doubt that no word was said of, oldest first. Raises OwnError."""
    with opened_beside(data_dir, having=TABLE) as connection:
        if connection is None:
            return []
        return [found.call for found in doubts(connection, ALL)]


def _has_tables(data_dir: Path) -> bool:
    with opened_beside(data_dir, having=continuations.TABLE) as connection:
        return connection is not None
