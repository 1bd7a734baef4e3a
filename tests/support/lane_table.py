"""Rows in a dict, and lanes that work on them."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from support.jobs import a_job
from support.requests import a_request
from support.skipping_loop import loop_ms
from unstill.domain.backoff import doubling
from unstill.domain.job import Job, State
from unstill.store.lanes import Lanes

REQUEST = a_request(prompt="a secret plan")
SOON_S = 0.02


class Table:
    """Rows in a dict, and the lanes that work on them."""

    def __init__(self, clock_ms: Callable[[], int] = loop_ms) -> None:
        self.rows: dict[str, Job] = {}
        self.lanes = Lanes(self.rows.get, clock_ms, pauses=doubling(round(1000 * SOON_S), 100))

    def add(self, job_id: str, *, state: State = State.QUEUED, due_ms: int = 0) -> None:
        self.rows[job_id] = a_job(
            id=job_id, created_ms=0, request=REQUEST, state=state, due_ms=due_ms
        )
        self.lanes.offer(self.rows[job_id])

    def move(self, job_id: str, to: State, *, due_ms: int = 0) -> None:
        self.rows[job_id] = msgspec.structs.replace(self.rows[job_id], state=to, due_ms=due_ms)
        self.lanes.offer(self.rows[job_id])
