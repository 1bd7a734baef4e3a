"""What each line of the log, and each span of a trace, that is about a job says of whose it is."""

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

    @property
    def trace(self) -> str: ...


def job_fields(job: Job) -> dict[str, str]:
    """Enough to find all other lines about it, those of the call that made it among them."""
    fields = {"job_id": job.id, "owner": job.owner, "request_id": job.request_id}
    return fields | {"trace_id": trace_id_in(job.trace)} if job.trace else fields


def row_fields(row: JobsRow) -> dict[str, str]:
    """The same of a job's row."""
    fields = {"job_id": row.job_id, "owner": row.owner, "request_id": row.request_id}
    return fields | {"trace_id": trace_id_in(row.trace)} if row.trace else fields


def job_facts(job: Job) -> dict[str, str]:
    """A job in a span."""
    return {
        "unstill.job_id": job.id,
        "unstill.owner": job.owner,
        "unstill.request_id": job.request_id,
        "unstill.model": job.request.model,
        "unstill.engine": job.engine,
    }


def row_facts(row: JobsRow) -> dict[str, str]:
    """As much of it as its row has."""
    return {
        "unstill.job_id": row.job_id,
        "unstill.owner": row.owner,
        "unstill.request_id": row.request_id,
    }


def trace_id_in(traceparent: str) -> str:
    """Its second part, by which a trace is looked for."""
    return traceparent[3:35]
