"""What the engine of open weights does before the first job: it loads everywhere, and compiles."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from support.diffusers_bench import bench
from support.waits import until
from unstill.media.errors import TaskFailed


async def test_the_weights_are_loaded_on_every_device_at_the_start(tmp_path: Path) -> None:
    async with bench(tmp_path, devices=("cuda:0", "cuda:1")) as gpu:
        await gpu.engine.startup()
        await until(lambda: len(gpu.told("load")) == 2)
        await gpu.render()

    assert {each.visible for each in gpu.told("load")} == {"0", "1"}
    assert gpu.told("render")[0].process in {each.process for each in gpu.told("load")}


async def test_weights_that_do_not_load_are_logged_and_jobs_say_it_until_they_do(
    tmp_path: Path,
) -> None:
    async with bench(tmp_path) as gpu:
        (gpu.weights / "broken").write_text("vae/config.json: is missing")
        with capture_logs() as logs:
            await gpu.engine.startup()
            await until(lambda: bool(logs))
        with pytest.raises(TaskFailed, match=r"vae/config\.json: is missing"):
            await gpu.render()
        (gpu.weights / "broken").unlink()
        await gpu.render()

    assert [(each["event"], each["why"]) for each in logs] == [
        ("weights_not_loaded", "vae/config.json: is missing")
    ]


async def test_weights_that_want_memory_as_they_are_loaded_are_loaded_further_down(
    tmp_path: Path,
) -> None:
    async with bench(tmp_path) as gpu:
        (gpu.weights / "too-small").write_text("2")
        await gpu.engine.startup()
        await until(lambda: "memory=auto" not in gpu.engine.label)
        await gpu.render()

    assert [each.rungs_down for each in gpu.told("load")] == [0, 1, 2]
    assert [each.rungs_down for each in gpu.told("render")] == [2]


async def test_a_ladder_without_an_end_that_fits_is_given_up_with_what_was_said(
    tmp_path: Path,
) -> None:
    async with bench(tmp_path) as gpu:
        (gpu.weights / "too-small").write_text("99")
        with capture_logs() as logs:
            await gpu.engine.startup()
            await until(lambda: any(each["event"] == "weights_not_loaded" for each in logs))

    assert [each.rungs_down for each in gpu.told("load")] == [0, 1, 2, 3]
    assert "out of memory: 3 GiB were asked for" in logs[-1]["why"]


async def test_a_server_that_ends_while_weights_are_loaded_ends_at_once(tmp_path: Path) -> None:
    async with bench(tmp_path) as gpu:
        (gpu.weights / "hold").touch()
        with capture_logs() as logs:
            await gpu.engine.startup()
            await until(lambda: bool(gpu.told("load")))
            await asyncio.wait_for(gpu.engine.close(), timeout=10)

    assert [each for each in logs if each["event"] == "weights_not_loaded"] == []


async def test_a_device_that_is_freed_when_idle_is_loaded_by_jobs_alone(tmp_path: Path) -> None:
    async with bench(tmp_path, idle_unload_s=0.1) as gpu:
        await gpu.engine.startup()
        await gpu.render()
        (first,) = gpu.told()
        await until(lambda: not Path(f"/proc/{first.process}").exists())
        await gpu.render(job="b")

    assert [each.task for each in gpu.told()] == ["render", "render"]
    assert len({each.process for each in gpu.told()}) == 2


async def test_each_legal_shape_is_compiled_for_on_each_device_while_there_is_no_job(
    tmp_path: Path,
) -> None:
    options = {"compile": True}
    async with bench(tmp_path, devices=("cuda:0", "cuda:1"), options=options) as gpu:
        await gpu.engine.startup()
        await until(lambda: len(gpu.told("warm")) == 16)

    shapes = Counter(each.shape for each in gpu.told("warm"))
    assert set(shapes.values()) == {2}
    assert set(shapes) == {
        f"{size}x{seconds}"
        for seconds in (5, 8)
        for size in ("832x480", "480x832", "1280x720", "720x1280")
    }


async def test_no_shape_is_begun_while_a_job_is_there(tmp_path: Path) -> None:
    go = tmp_path / "go"
    async with bench(tmp_path, options={"compile": True}) as gpu:
        (gpu.weights / "hold").touch()
        await gpu.engine.startup()
        await until(lambda: bool(gpu.told("load")))
        job = asyncio.create_task(gpu.render(f"hold {go}"))
        await asyncio.sleep(0)
        (gpu.weights / "hold").unlink()
        await until(lambda: bool(gpu.told("render")))
        warmed = len(gpu.told("warm"))
        go.touch()
        await job
        await until(lambda: len(gpu.told("warm")) == 8)

    assert warmed == 0


async def test_nothing_is_compiled_unless_it_is_asked_for(tmp_path: Path) -> None:
    async with bench(tmp_path) as gpu:
        await gpu.engine.startup()
        await until(lambda: bool(gpu.told("load")))
        await gpu.render()

    assert gpu.told("warm") == []
