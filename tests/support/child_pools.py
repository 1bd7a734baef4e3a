"""A real pool of the children in unit/media_children.py, and a look at their processes."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from support.waits import until
from unstill.media.events import ChildNote
from unstill.media.pool import RECYCLE_AFTER, START_WITHIN_S, Pool

UNIT_TESTS = Path(__file__).parents[1] / "unit"  # the children are there


class Words(msgspec.Struct, frozen=True):
    text: str = ""
    number: int = 0


@asynccontextmanager
async def children(
    *,
    size: int = 1,
    recycle_after: int | None = RECYCLE_AFTER,
    start_within_s: float = START_WITHIN_S,
    stop_within_s: float | None = None,
    idle_end_s: float = 0,
    noted: Callable[[int, ChildNote], None] | None = None,
    **variables: Callable[[int], str],
) -> AsyncIterator[Pool]:
    """`variables`: what the child in each slot has in its environment."""

    path = os.pathsep.join([str(UNIT_TESTS), *filter(None, [os.environ.get("PYTHONPATH")])])

    def environment(slot: int) -> dict[str, str]:
        return {"PYTHONPATH": path} | {name: of(slot) for name, of in variables.items()}

    pool = Pool(
        "media_children",
        size=size,
        recycle_after=recycle_after,
        start_within_s=start_within_s,
        environment=environment,
        stop_within_s=stop_within_s,
        idle_end_s=idle_end_s,
        noted=noted,
    )
    try:
        yield pool
    finally:
        await pool.close()


async def process_id(pool: Pool) -> int:
    return await pool.run("process_id", Words(), int)


async def died_idle(pool: Pool) -> None:
    """Wait until the pool has heard that its idle children are dead: a little after they are."""
    await until(lambda: all(child.is_gone for child in pool._idle))


def is_alive(pid: int) -> bool:
    """Whether the process runs; one that is dead but not waited for counts as alive."""
    return Path(f"/proc/{pid}").exists()


def is_running(pid: int) -> bool:
    """Whether the process of somebody else runs; its parent may be slow to wait for it."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes() != b""
    except (FileNotFoundError, ProcessLookupError):
        return False


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@asynccontextmanager
async def sleeping(
    pool: Pool, task: str = "note_and_sleep"
) -> AsyncIterator[tuple[asyncio.Task[None], int]]:
    """A task that would sleep for a minute, and the id of its child's process."""
    with tempfile.TemporaryDirectory() as folder:
        note = Path(folder) / "pid"
        sleep = Words(text=str(note), number=60)
        asleep = asyncio.create_task(pool.run(task, sleep, type(None)))
        await until(note.exists)
        yield asleep, int(note.read_text())
        asleep.cancel()
        await asyncio.wait([asleep])
