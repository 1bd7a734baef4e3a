"""A job store that is open, and rows for it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from unstill.domain.job import Job
from unstill.domain.owner import Owner
from unstill.domain.request import Frame, VideoRequest
from unstill.store.port import Backend, Listener

Make = Callable[[], Backend]  # a store over the same data, each time it is called


REQUEST = VideoRequest(
    model="wan2.7-i2v",
    prompt="一只猫 🐈 wakes up",
    first_frame=Frame("first", "input.media[0].url", url="https://example.com/cat.jpg"),
    duration_s=5,
    frame_rate=30,
    seed=42,
)


@asynccontextmanager
async def opened(make: Make, *listeners: Listener) -> AsyncIterator[Backend]:
    store = make()
    await store.open(listeners)
    try:
        yield store
    finally:
        await store.close()


def a_job(job_id: str = "job", **fields: Any) -> Job:
    job = Job(
        id=job_id,
        owner=Owner("team-a"),
        dialect="tasks",
        words="unified",
        model="wan2.7-i2v",
        request=REQUEST,
        engine="camera",
        created_ms=1_763_600_000_000,
    )
    return msgspec.structs.replace(job, **fields)
