"""What each line of the log that is about a job says of whose it is."""

from __future__ import annotations

from unstill.domain.job import Job


def job_fields(job: Job) -> dict[str, str]:
    """Enough to find all other lines about it, those of the call that made it among them."""
    return {"job_id": job.id, "owner": job.owner, "request_id": job.request_id}
