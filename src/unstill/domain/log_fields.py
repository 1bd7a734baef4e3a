"""What each line of the log that is about a job says of whose it is."""

from __future__ import annotations

from typing import Protocol

from unstill.domain.job import Job
from unstill.domain.owner import Owner


class JobsRow(Protocol):
    """A row that belongs to a job: its ticket, its delivery."""

    @property
    def job_id(self) -> str: ...

    @property
    def owner(self) -> Owner: ...

    @property
    def request_id(self) -> str: ...


def job_fields(job: Job) -> dict[str, str]:
    """Enough to find all other lines about it, those of the call that made it among them."""
    return {"job_id": job.id, "owner": job.owner, "request_id": job.request_id}


def row_fields(row: JobsRow) -> dict[str, str]:
    """The same of a job's row."""
    return {"job_id": row.job_id, "owner": row.owner, "request_id": row.request_id}
