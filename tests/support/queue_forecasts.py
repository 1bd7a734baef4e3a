"""Jobs as a forecast is told of them, and what it says."""

from __future__ import annotations

from typing import Any

from support.jobs import a_job
from unstill.domain.job import Job, State
from unstill.domain.request import Size
from unstill.progress.queue import WAITING, Forecast

NOW_MS = 1_763_600_000_000


SLOTS = {"camera": 1, "pair": 2, "bailian": None}


DURATION_S = 5  # the jobs of `a_job` have it


SIZE = Size(1280, 720)


def waiting(job_id: str = "job", engine: str = "camera", **fields: Any) -> Job:
    return a_job(id=job_id, engine=engine, **{"state": State.READY} | fields)


def running(
    job_id: str = "job", engine: str = "camera", *, since_ms: int = NOW_MS, **fields: Any
) -> Job:
    return waiting(job_id, engine, state=State.RUNNING, started_ms=since_ms, **fields)


def ended(took_ms: int, engine: str = "camera", **fields: Any) -> Job:
    times = {"started_ms": NOW_MS, "ended_ms": NOW_MS + took_ms}
    return a_job(engine=engine, **{"state": State.SUCCEEDED} | times | fields)


def position(forecast: Forecast, job: Job) -> int:
    return forecast.place(job, NOW_MS)[0] + 1


def left_ms(forecast: Forecast, job: Job, *, done: float = 0, after_ms: int = 0) -> int | None:
    """What is left of the job so long after `NOW_MS`."""
    if job.state in WAITING:
        return forecast.place(job, NOW_MS + after_ms)[1]
    return forecast.left_ms(job, done=done, now_ms=NOW_MS + after_ms)


def told(*jobs: Job) -> Forecast:
    forecast = Forecast(SLOTS)
    for job in jobs:
        forecast.changed(job)
    return forecast
