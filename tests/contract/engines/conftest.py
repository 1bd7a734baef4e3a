"""One engine on its emulator, for each kind of upstream."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from PIL import Image

from support.emulator_process import Emulator
from support.engine_benches import ROWS, Bench, engine
from support.upstream_requests import HD
from unstill.net.fetcher import Fetcher


@pytest.fixture(scope="session")
def emulator_of() -> Iterator[Callable[[str], Emulator]]:
    """The emulator of a kind, started when first asked for; its jobs end when told."""
    running: dict[str, Emulator] = {}
    with ExitStack() as stack:

        def of(kind: str) -> Emulator:
            if kind not in running:
                running[kind] = stack.enter_context(Emulator(kind, job_s=600.0))
            return running[kind]

        yield of


@pytest.fixture(scope="session")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A JPEG of exactly the video's size, as the strictest upstream wants it."""
    path = tmp_path_factory.mktemp("photo") / "frame"
    Image.linear_gradient("L").resize((HD.width, HD.height)).convert("RGB").save(path, "JPEG")
    return path


@pytest.fixture
async def fetcher() -> AsyncIterator[Fetcher]:
    fetcher = Fetcher()  # nothing private is allowed: an engine's own upstream is reached anyway
    yield fetcher
    await fetcher.close()


@pytest.fixture
async def bench(
    request: pytest.FixtureRequest,
    emulator_of: Callable[[str], Emulator],
    fetcher: Fetcher,
    photo: Path,
) -> AsyncIterator[Bench]:
    kind: str = request.param
    emulator = emulator_of(kind)
    remote = engine(kind, emulator.url, fetcher)
    yield Bench(kind, emulator, remote, photo, ROWS[kind].asked)
    await remote.close()
