"""What a server has written of its jobs: rows and ledger, read beside it or after its end."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from unstill.domain.attempts import Attempt, Outcome
from unstill.store.embedded.beside import StoredJob, jobs_in, ledger_in


def rows(data_dir: Path) -> dict[str, StoredJob]:
    """Every job's row, by its id."""
    return {job.id: job for job in jobs_in(data_dir)}


def attempts(data_dir: Path, job_id: str) -> list[Attempt]:
    """The job's ledger, oldest first."""
    return [each for each in ledger(data_dir) if each.job_id == job_id]


def ledger(data_dir: Path) -> Sequence[Attempt]:
    return ledger_in(data_dir)


def outcomes(data_dir: Path, job_id: str) -> list[tuple[str, Outcome]]:
    """Whom the job was given to and what it came to, in order."""
    return [(each.engine, each.outcome) for each in attempts(data_dir, job_id)]
