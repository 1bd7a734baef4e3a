"""The one builder of a job's row: as a server left it, but for the fields that a test names."""

from __future__ import annotations

from typing import Any

from support.requests import WAN27, a_request
from unstill.domain.job import Job
from unstill.domain.job_ids import new_id
from unstill.domain.owner import Owner
from unstill.system.clock import clock_ms

OWNER = Owner("team-a")


def a_job(**fields: Any) -> Job:
    """A job that was just created and waits for its frame at the camera; `fields` are its own."""
    created_ms = fields.get("created_ms", clock_ms())
    waiting: dict[str, Any] = {
        "id": new_id(created_ms),
        "owner": OWNER,
        "dialect": "tasks",
        "words": "unified",
        "model": WAN27,
        "request": a_request(),
        "engine": "camera",
        "created_ms": created_ms,
    }
    return Job(**waiting | fields)
