"""The job stores, each of which every test of a port's suite runs on."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from unstill.store.embedded.store import EmbeddedStore
from unstill.store.ports.store import Store


@pytest.fixture(params=[EmbeddedStore])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Store]:
    """A store over the same data, each time it is called."""
    return lambda: request.param(tmp_path / "data")


@pytest.fixture
def heard() -> list[str]:
    """The ids that the listener of `store` was told, in order."""
    return []


@pytest.fixture
async def store(make: Callable[[], Store], heard: list[str]) -> AsyncIterator[Store]:
    store = make()
    await store.open((lambda job: heard.append(job.id),))
    yield store
    await store.close()
