"""A new job store costs its own files, and what says that it is to be used.

`support/memory_store.py`, with its ports in `support/memory_ports.py`, keeps jobs in memory, by
nothing of the embedded store. What it touches elsewhere: nothing. It joins every suite of a store
(`test_store_*.py`, `test_ledger.py`, `test_leases.py`, `test_deliveries.py`, `test_offset_pages.py`
and `test_idempotency_marks.py`) by one name in `conftest.py`, and a product by `store_in`, whose
default is `store/embedded/store.py:embedded_store`. Stores that settings choose between would be a
key in `settings/server.py` and a line in `product.py`; the operator's commands in `cli/`, which
open the embedded store's folder beside its server, would ask that line too.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from support.in_process import create_body, created, ended, served, settings_of
from support.memory_ports import Memory
from support.memory_store import MemoryStore
from unstill.domain.job import State
from unstill.product import Product


@pytest.fixture
def memory() -> Memory:
    return Memory()


@pytest.fixture
async def http(memory: Memory, tmp_path: Path) -> AsyncIterator[httpx2.AsyncClient]:
    product = Product(
        settings_of(tmp_path), store_in=lambda _, clock_ms: MemoryStore(memory, clock_ms)
    )
    async with served(product) as http:
        yield http


async def test_a_job_of_a_product_is_done_to_its_end_over_a_store_of_another_kind(
    memory: Memory, http: httpx2.AsyncClient, tmp_path: Path
) -> None:
    key = {"idempotency-key": "once"}
    task_id = await created(http, create_body())
    output = (await ended(http, task_id))["output"]
    video = await http.get(output["urls"][0])
    first, again = [
        await http.post("/v1/tasks/submit", json=create_body(), headers=key) for _ in range(2)
    ]
    listed = await http.get("/v1/videos")
    deleted = await http.delete(f"/v1/videos/{task_id}")

    assert output["task_status"] == "Success", output
    assert video.content[4:8] == b"ftyp"
    assert first.json()["output"]["task_id"] == again.json()["output"]["task_id"] != task_id
    assert len(listed.json()["data"]) == 2
    assert deleted.status_code == 200
    assert (memory.jobs[task_id].state, memory.jobs[task_id].is_hidden) == (State.SUCCEEDED, True)
    assert not list((tmp_path / "data").glob("*.sqlite3*"))
