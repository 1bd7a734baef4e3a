"""The child as a program of its own, through the pool that the engine has.

Most of these share one child: what a test leaves in it, the next one meets.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio
import torch

from support.tiny_renders import SMALL, Heard, digest, load_task, render_task
from support.tiny_weights import tiny_folder
from support.waits import until
from unstill.domain.request import Size
from unstill.engines.diffusers.child.load import Holder
from unstill.engines.diffusers.child.render import render
from unstill.engines.diffusers.task import Generated, Loaded, LoadTask, WarmTask
from unstill.media.errors import DiedAtWork, TaskFailed
from unstill.media.events import ChildNote
from unstill.media.pool import Pool

HERE = Path(__file__).parent
CHILD = "unstill.engines.diffusers.child"

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
def load(tmp_path_factory: pytest.TempPathFactory) -> LoadTask:
    return load_task(tiny_folder("wan-a14b", tmp_path_factory.mktemp("folders")), steps=9)


@asynccontextmanager
async def pool_of(
    program: str, noted: Callable[[ChildNote], None], **variables: str
) -> AsyncIterator[Pool]:
    environment = {
        "PYTHONPATH": os.pathsep.join((str(HERE), os.environ.get("PYTHONPATH", ""))),
        "CUDA_VISIBLE_DEVICES": "",
        "HF_HUB_OFFLINE": "1",
        **variables,
    }
    pool = Pool(
        program,
        size=1,
        recycle_after=None,
        start_within_s=120,
        environment=lambda _: environment,
        stop_within_s=20,
        noted=lambda _, note: noted(note),
    )
    try:
        yield pool
    finally:
        await pool.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pool() -> AsyncIterator[Pool]:
    async with pool_of(CHILD, lambda _: None) as pool:
        yield pool


async def test_a_child_is_confined_though_it_has_imported_torch(pool: Pool, load: LoadTask) -> None:
    loaded = await pool.run("load", load, Loaded)

    assert loaded.memory == "resident"
    assert pool.confinement is not None
    assert pool.confinement.no_new_privileges


async def test_another_process_makes_the_same_bytes(
    pool: Pool, load: LoadTask, tmp_path: Path
) -> None:
    here, there = tmp_path / "here.mp4", tmp_path / "there.mp4"
    torch.set_num_threads(1)  # as a pool's children have it: threads change the bytes

    await pool.run("render", render_task(load, there), Generated)
    render(Holder().have(load, Heard()), render_task(load, here), Heard())

    assert digest(here) == digest(there)


async def test_a_stopped_child_stays_warm_and_makes_the_same_as_before(
    pool: Pool, load: LoadTask, tmp_path: Path
) -> None:
    fractions: list[float] = []
    await pool.run("render", render_task(load, tmp_path / "before.mp4"), Generated)
    [before] = pool._children
    task = render_task(load, tmp_path / "stopped.mp4", prompt="another")

    running = asyncio.create_task(pool.run("render", task, Generated, report=fractions.append))
    await until(lambda: any(each > 0.3 for each in fractions))
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await pool.run("render", render_task(load, tmp_path / "after.mp4"), Generated)

    assert list(pool._children) == [before]
    assert fractions[-1] < 1
    assert digest(tmp_path / "before.mp4") == digest(tmp_path / "after.mp4")


async def test_an_operators_error_leaves_the_child_at_work(
    pool: Pool, load: LoadTask, tmp_path: Path
) -> None:
    with pytest.raises(TaskFailed) as refused:
        await pool.run("load", load_task(tmp_path / "nowhere"), Loaded)
    loaded = await pool.run("load", load, Loaded)

    assert refused.value.child_code == "misconfigured"
    assert str(tmp_path) not in refused.value.message
    assert loaded.profile == "wan2.2-a14b"


async def test_a_child_that_has_compiled_for_a_shape_goes_on_to_render(
    load: LoadTask, tmp_path: Path
) -> None:
    notes: list[ChildNote] = []
    compiled = load_task(Path(load.options.path), compile=True)
    warm = WarmTask(load=compiled, shapes=(SMALL, Size(64, 96)), duration_s=1)
    fractions: list[float] = []

    # What compiling makes is torch's own, and takes long; all around it is tried.
    compiler = tmp_path / "g++"
    compiler.symlink_to(sys.executable)
    path = os.pathsep.join((str(tmp_path), os.environ["PATH"]))
    async with pool_of(CHILD, notes.append, TORCHDYNAMO_DISABLE="1", PATH=path) as pool:
        await pool.run("warm", warm, type(None), report=fractions.append)
        await pool.run("render", render_task(compiled, tmp_path / "a.mp4"), Generated)

    assert [note.name for note in notes].count("weights_loaded") == 1
    assert fractions == sorted(fractions)
    assert fractions[-1] > 0.5  # the second shape was begun
    assert (tmp_path / "a.mp4").stat().st_size > 0


async def test_a_child_without_memory_leaves_a_note_and_a_clear_last_line(
    load: LoadTask, tmp_path: Path
) -> None:
    notes: list[ChildNote] = []
    lower = load_task(Path(load.options.path), rungs_down=1)
    task = render_task(lower, tmp_path / "none.mp4")

    async with pool_of("starving_child", notes.append, STARVES_AT="3") as pool:
        with pytest.raises(DiedAtWork) as death:
            await pool.run("render", task, Generated)

    told = next(note.fields for note in notes if note.name == "out_of_memory")
    assert told == {"memory": "block-offload", "rungs_down": 1, "during": "denoise"}
    assert "out of memory on the cpu during denoise, memory = block-offload" in str(death.value)
    assert "Tried to allocate 2.00 GiB" in str(death.value)
    assert not (tmp_path / "none.mp4").exists()


async def test_a_library_that_fails_in_mid_render_has_the_last_word(
    load: LoadTask, tmp_path: Path
) -> None:
    task = render_task(load, tmp_path / "none.mp4")
    variables = {"STARVES_AT": "1", "SAYS": "a kernel is broken"}

    async with pool_of("starving_child", lambda _: None, **variables) as pool:
        with pytest.raises(DiedAtWork, match="RuntimeError: a kernel is broken'"):
            await pool.run("render", task, Generated)
