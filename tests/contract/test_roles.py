"""A server that only answers, and one that only works: together they do what one does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from support.in_process import create_body, created, ended, served, settings_of
from unstill.domain.job import State
from unstill.domain.server_role import NO_WORK, ServerRole, WorkKind
from unstill.product import Product


@asynccontextmanager
async def at_work(product: Product) -> AsyncIterator[Product]:
    """A product without a port."""
    await product.startup()
    try:
        yield product
    finally:
        await product.shutdown()


@pytest.mark.slow
async def test_what_one_takes_another_makes_step_by_step(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    gateway = Product(settings, role=NO_WORK)
    async with served(gateway) as http:
        task_id = await created(http, create_body())
        started = [each.started for each in gateway._locals["camera"].children]
        job = await gateway._store.jobs.find(task_id)
        assert job is not None
    begun = [job.state]
    for work in (WorkKind.FRAMES, WorkKind.RENDER, WorkKind.SAVE):
        worker = Product(settings, role=ServerRole(frozenset({work})))
        async with at_work(worker):
            begun.append(await moved(worker, task_id, begun[-1]))
    async with served(Product(settings, role=NO_WORK)) as http:
        status = await ended(http, task_id)
        video = await http.get(status["output"]["urls"][0])

    assert started == [0]
    assert begun == [State.QUEUED, State.READY, State.SAVING, State.SUCCEEDED]
    assert (status["output"]["task_status"], video.status_code) == ("Success", 200)


async def moved(product: Product, job_id: str, before: State) -> State:
    """The state in which this product leaves the job."""
    async with asyncio.timeout(60):
        while True:
            job = await product._store.jobs.find(job_id)
            assert job is not None
            if job.state not in {before, State.RUNNING} and not product._store.queue.steps():
                return job.state
            await asyncio.sleep(0.02)
