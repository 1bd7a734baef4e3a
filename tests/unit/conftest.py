"""Which event loop a test of one part runs on, and what several files of tests begin with."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path

import pytest

from support.skipping_loop import SkippingLoop
from support.upstream_steps import Desk

LoopFactory = Callable[[], asyncio.AbstractEventLoop]


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, LoopFactory]:
    """Real time, but for tests with `pytest.mark.skips_pauses`."""
    del config
    if item.get_closest_marker("skips_pauses"):
        return {"skipping": SkippingLoop}
    return {"asyncio": asyncio.new_event_loop}


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "picture.part"


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    desk = Desk(tmp_path)
    await desk.open()
    yield desk
    await desk.submitter.stop(1)
    await desk.store.close()
