"""Every store, on which each test of a port's suite runs; and the description of the API."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from support.admin_team import ProductMaker
from support.in_process import settings_of
from support.memory_ports import Memory
from support.memory_store import MemoryStore
from support.open_stores import Make, embedded_stores, memory_stores, postgres_stores
from support.postgres_servers import shared
from support.servers import Serving
from unstill.product import Product
from unstill.store.ports.store import Store
from unstill.store.stores import store_at

# Its leases go by the database's clock, and have a suite of their own.
NEVER_ON_POSTGRES = {"test_leases", "test_a_call_that_a_dead_server_made_ends_its_job_as_unknown"}


@pytest.fixture(params=[embedded_stores, memory_stores, postgres_stores])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    """A store over the same data, each time it is called."""
    names = {request.module.__name__.rpartition(".")[2], request.function.__name__}
    if request.param is postgres_stores and names & NEVER_ON_POSTGRES:
        pytest.skip("not on PostgreSQL")
    stores: Make = request.param(tmp_path)
    return stores


@pytest.fixture
def toml() -> str:
    """Further tables of a product's settings; a module may have its own."""
    return ""


@pytest.fixture(params=["embedded", "memory", "postgres"])
def make_product(request: pytest.FixtureRequest, tmp_path: Path, toml: str) -> ProductMaker:
    """A product over the same data, each time it is called."""
    memory = Memory()
    in_database = store_at(shared().new_store()) if request.param == "postgres" else None

    def make() -> Product:
        if request.param == "embedded":
            return Product(settings_of(tmp_path, toml))
        if in_database is not None:
            return Product(settings_of(tmp_path, toml), store_in=in_database)
        return Product(
            settings_of(tmp_path, toml), store_in=lambda _, clock: MemoryStore(memory, clock)
        )

    return make


@pytest.fixture
def heard() -> list[str]:
    """The ids that the listener of `store` was told, in order."""
    return []


@pytest.fixture
async def store(make: Make, heard: list[str]) -> AsyncIterator[Store]:
    store = make()
    await store.open((lambda job: heard.append(job.id),))
    yield store
    await store.close()


@pytest.fixture(scope="module")
def api(server: Serving) -> dict[str, Any]:
    return dict(server.http.get("/openapi.json").json())
