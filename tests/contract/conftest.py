"""The job stores, each of which every test of a port's suite runs on."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from unstill.store.embedded.store import EmbeddedBackend
from unstill.store.port import Backend


@pytest.fixture(params=[EmbeddedBackend])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Backend]:
    """A store over the same data, each time it is called."""
    return lambda: request.param(tmp_path / "data")


@pytest.fixture
def heard() -> list[str]:
    """The ids that the listener of `store` was told, in order."""
    return []


@pytest.fixture
async def store(make: Callable[[], Backend], heard: list[str]) -> AsyncIterator[Backend]:
    store = make()
    await store.open((lambda job: heard.append(job.id),))
    yield store
    await store.close()
