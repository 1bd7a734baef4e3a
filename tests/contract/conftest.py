"""The job stores, each of which every test of a port's suite runs on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from support.open_stores import Make, embedded_stores, memory_stores
from unstill.store.ports.store import Store


@pytest.fixture(params=[embedded_stores, memory_stores])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    """A store over the same data, each time it is called."""
    stores: Make = request.param(tmp_path)
    return stores


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
