"""The engine of open weights on the server's side: what its children are told, and what becomes of
their deaths. The children are those of `toy_diffusers_child.py`, so no torch is needed.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from structlog.testing import capture_logs

from contract.toy_diffusers_child import Told
from support.requests import WAN22, WAN27, a_request
from support.waits import until
from support.weight_folders import write_folder
from unstill.domain.engine import Local, Made, Scene
from unstill.domain.errors import BadSetting, EngineDied, OperatorError
from unstill.domain.request import Size
from unstill.engines.diffusers import Diffusers
from unstill.engines.diffusers.machine import Device, Machine
from unstill.engines.diffusers.options import PipelineOptions
from unstill.engines.diffusers.profiles import PROFILES
from unstill.media.errors import TaskFailed

HERE = Path(__file__).parent
CHILDS_PATH = os.pathsep.join((str(HERE), str(HERE.parent), str(HERE.parents[1] / "src")))
A14B, SMALL, LTX = (
    next(each for each in PROFILES if each.name == name)
    for name in ("wan2.2-a14b", "wan2.2-5b", "ltx-video")
)
TWO_CARDS = Machine(
    versions={"torch": "2.13.0", "diffusers": "0.42.1"},
    devices=tuple(
        Device(name=name, title="", total_bytes=1, free_bytes=1)
        for name in ("cuda:0", "cuda:1", "cpu")
    ),
)


class ToyDiffusers(Diffusers):
    """The engine with the children of this folder."""

    def _environment(self, slot: int) -> Mapping[str, str]:
        return {**super()._environment(slot), "PYTHONPATH": CHILDS_PATH}


class Bench:
    """An engine under test, with its folder of weights."""

    def __init__(self, engine: Diffusers, weights: Path, folder: Path) -> None:
        self.engine: Local = engine
        self.weights = weights
        self._folder = folder

    async def render(self, prompt: str = "", *, job: str = "a", deaths: int = 0) -> Made:
        request = a_request(model=WAN22, prompt=prompt)
        scene = Scene(
            job_id=job,
            request=request,
            size=Size(832, 480),
            frames={"first": self._folder / "first"},
            out=self._folder / f"{job}.part",
            deaths=deaths,
        )
        return await self.engine.render(scene, lambda _: None)

    async def died(self, prompt: str, *, job: str = "a", deaths: int = 0) -> str:
        """What is said of the death of a child."""
        with pytest.raises(EngineDied) as death:
            await self.render(prompt, job=job, deaths=deaths)
        assert death.value.code == EngineDied.code
        return death.value.message

    def told(self, task: str = "") -> list[Told]:
        """The tasks that children were told, or those of one name."""
        journal = self.weights / "journal"
        lines = journal.read_bytes().splitlines() if journal.exists() else []
        told = [msgspec.json.decode(line, type=Told) for line in lines]
        return [each for each in told if task in ("", each.task)]


@asynccontextmanager
async def bench(
    tmp_path: Path,
    *,
    devices: tuple[str, ...] = ("cuda:0",),
    profile: Any = A14B,
    options: Mapping[str, Any] | None = None,
    **own: Any,
) -> AsyncIterator[Bench]:
    weights = write_folder(tmp_path / "weights", profile)
    (tmp_path / "first").touch()
    engine = ToyDiffusers(
        "gpu",
        PipelineOptions(path=str(weights), **(options or {})),
        cores=4,
        devices=devices,
        look=lambda: TWO_CARDS,
        program="toy_diffusers_child",
        **own,
    )
    try:
        yield Bench(engine, weights, tmp_path)
    finally:
        await engine.close()


async def test_a_video_says_what_made_it_and_the_engine_says_so_once_it_is_known(
    tmp_path: Path,
) -> None:
    async with bench(tmp_path, options={"steps": 4}) as gpu:
        before = gpu.engine.label
        with capture_logs() as logs:
            made = await gpu.render()

        assert before == "gpu; kind=diffusers; model=Wan 2.2 I2V A14B; steps=4; version=0.42.1"
        assert made.made_by == (
            "gpu; kind=diffusers; model=Wan 2.2 I2V A14B; steps=4; memory=resident; version=0.42.1"
        )
        assert gpu.engine.label == made.made_by
        assert [(each["event"], each["engine"], each["memory"]) for each in logs] == [
            ("weights_loaded", "gpu", "resident")
        ]
        assert (tmp_path / "a.part").read_bytes() == b"a video"
        assert "Wan 2.2 I2V A14B" in gpu.engine.description


def threads(of_cores: str) -> str:
    """Unless whoever runs the tests has said another count."""
    return os.environ.get("OMP_NUM_THREADS") or of_cores


async def test_each_child_sees_its_own_device_and_its_share_of_the_cores(tmp_path: Path) -> None:
    async with bench(tmp_path, devices=("cuda:1", "cuda:0")) as gpu:
        assert gpu.engine.slots == 2
        done = [tmp_path / "go"]
        both = [asyncio.create_task(gpu.render(f"hold {done[0]}", job=job)) for job in ("a", "b")]
        await until(lambda: len(gpu.told("render")) == 2)
        done[0].touch()
        await asyncio.gather(*both)

    told = gpu.told("render")
    assert {each.visible for each in told} == {"0", "1"}
    assert {(each.device, each.threads) for each in told} == {("cuda", threads("2"))}
    assert len({each.process for each in told}) == 2


async def test_a_child_on_the_cpu_sees_no_other_device(tmp_path: Path) -> None:
    async with bench(tmp_path, devices=("cpu",)) as gpu:
        await gpu.render()

    (told,) = gpu.told()
    assert (told.device, told.visible, told.threads) == ("cpu", "", threads("4"))


async def test_a_child_serves_one_job_after_another(tmp_path: Path) -> None:
    async with bench(tmp_path) as gpu:
        for job in ("a", "b", "c"):
            await gpu.render(job=job)

    assert len({each.process for each in gpu.told()}) == 1


# --- deaths --------------------------------------------------------------------------------------


async def test_a_job_whose_child_dies_goes_on_one_rung_further_down_and_the_others_do_not(
    tmp_path: Path,
) -> None:
    async with bench(tmp_path) as gpu:
        told = await gpu.died("die-above 1")
        made = await gpu.render("die-above 1", deaths=1)
        await gpu.render(job="b")

    assert "render (killed by signal 9) ended without a result" in told
    assert told.endswith("; the job goes on with block-offload")
    assert "memory=block-offload;" in made.made_by
    assert [each.rungs_down for each in gpu.told()] == [0, 1, 0]


async def test_want_of_memory_is_learnt_for_the_jobs_after(tmp_path: Path) -> None:
    async with bench(tmp_path) as gpu:
        told = await gpu.died("want-above 1")
        await gpu.render("want-above 1", deaths=1)
        await gpu.render(job="b")

    assert "out of memory: 3 GiB were asked for" in told
    assert told.endswith("; the job goes on with block-offload")
    assert [each.rungs_down for each in gpu.told()] == [0, 1, 1]


async def test_the_last_death_names_the_rungs_that_were_tried(tmp_path: Path) -> None:
    async with bench(tmp_path) as gpu:
        await gpu.died("die-above 3")
        told = await gpu.died("die-above 3", deaths=1)

    assert told.endswith("; memory was tried as resident, then block-offload")


async def test_an_operators_own_rung_is_kept_through_deaths(tmp_path: Path) -> None:
    async with bench(tmp_path, options={"memory": "block-offload"}) as gpu:
        told = await gpu.died("want-above 1")
        await gpu.died("want-above 1", deaths=1)

    assert told.endswith("'out of memory: 3 GiB were asked for'")
    assert [each.rungs_down for each in gpu.told()] == [0, 0]


async def test_a_cancelled_render_leaves_the_child_and_its_weights(tmp_path: Path) -> None:
    async with bench(tmp_path) as gpu:
        held = asyncio.create_task(gpu.render(f"hold {tmp_path / 'never'}"))
        await until(lambda: bool(gpu.told("render")))
        held.cancel()
        with pytest.raises(asyncio.CancelledError):
            await held
        await gpu.render(job="b")

    assert len({each.process for each in gpu.told()}) == 1


async def test_a_child_that_says_nothing_for_too_long_is_ended(tmp_path: Path) -> None:
    async with bench(tmp_path, silence_s=0.1) as gpu:
        (gpu.weights / "hold").touch()
        told = await gpu.died("")

    assert "it said nothing for 0.1 s" in told


@pytest.mark.parametrize(
    ("devices", "options", "is_quick"),
    [
        (("cuda:0",), {}, True),
        (("cuda:0",), {"compile": True}, False),
        (("cpu",), {}, False),
    ],
)
async def test_one_with_its_weights_on_a_card_has_less_time_between_two_words(
    tmp_path: Path,
    *,
    devices: tuple[str, ...],
    options: Mapping[str, Any],
    is_quick: bool,
) -> None:
    limits = {"block_silence_s": 0.2, "silence_s": 1.5}
    async with bench(tmp_path, devices=devices, options=options, **limits) as gpu:
        told = await gpu.died("hang")

    assert f"it said nothing for {0.2 if is_quick else 1.5} s" in told


# --- before the first job ------------------------------------------------------------------------


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
        await until(lambda: "memory=" in gpu.engine.label)
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


# --- what cannot be ------------------------------------------------------------------------------


def made_with(path: Path, machine: Machine = TWO_CARDS, **options: Any) -> Diffusers:
    return Diffusers(
        "gpu", PipelineOptions(path=str(path), **options), cores=1, look=lambda: machine
    )


def refused(path: Path, machine: Machine = TWO_CARDS, **options: Any) -> str:
    with pytest.raises(BadSetting) as refusal:
        made_with(path, machine, **options)
    return refusal.value.message


def test_a_folder_that_is_none_stops_the_start_by_its_setting(tmp_path: Path) -> None:
    told = refused(tmp_path / "nowhere")

    assert told.startswith("engines.gpu.path: ")


def test_missing_packages_stop_the_start_with_what_to_install(tmp_path: Path) -> None:
    weights = write_folder(tmp_path / "weights", A14B)
    machine = Machine(versions={}, missing=("torch", "diffusers"))

    assert refused(weights, machine) == (
        "engines.gpu.kind: needs torch, diffusers: pip install 'unstill[diffusers]'"
    )


def test_a_machine_that_cannot_be_looked_at_stops_the_start_with_why(tmp_path: Path) -> None:
    weights = write_folder(tmp_path / "weights", A14B)

    def look() -> Machine:
        raise OperatorError("a driver crashed")

    with pytest.raises(BadSetting, match=r"engines\.gpu\.kind: a driver crashed"):
        Diffusers("gpu", PipelineOptions(path=str(weights)), cores=1, look=look)


def test_lora_files_are_one_for_each_expert_at_most_and_are_there(tmp_path: Path) -> None:
    two, one = write_folder(tmp_path / "two", A14B), write_folder(tmp_path / "one", SMALL)
    high, low = str(tmp_path / "high"), str(tmp_path / "low")
    Path(high).touch()

    assert refused(two, lora=(high, low)) == f"engines.gpu.lora: must be files, {low} is none"
    assert refused(one, lora=(high, high)) == (
        "engines.gpu.lora: must be a file for each expert, and Wan 2.2 TI2V 5B has 1, got 2"
    )
    assert made_with(one, lora=(high,)).profile is SMALL
    assert made_with(two, lora=(high, high)).profile is A14B


def test_fewer_steps_than_a_schedule_has_are_refused(tmp_path: Path) -> None:
    wan, ltx = write_folder(tmp_path / "wan", A14B), write_folder(tmp_path / "ltx", LTX)

    assert refused(ltx, steps=1) == "engines.gpu.steps: must be from 2 for LTX-Video, got 1"
    assert made_with(ltx, steps=2).profile is LTX
    assert made_with(ltx, steps=0).profile is LTX
    assert made_with(wan, steps=1).profile is A14B


def test_a_second_guidance_is_for_two_experts_alone(tmp_path: Path) -> None:
    two, one = write_folder(tmp_path / "two", A14B), write_folder(tmp_path / "one", SMALL)

    assert refused(one, guidance_2=3.0).startswith("engines.gpu.guidance_2: must be left out")
    assert made_with(two, guidance_2=3.0).profile is A14B


def test_a_schedule_that_needs_two_steps_is_not_asked_for_one(tmp_path: Path) -> None:
    ltx = next(each for each in PROFILES if each.name == "ltx-video")
    two, one = write_folder(tmp_path / "ltx", ltx), write_folder(tmp_path / "wan", A14B)

    assert refused(two, steps=1) == "engines.gpu.steps: must be from 2 for LTX-Video, got 1"
    assert made_with(two, steps=2).profile is ltx
    assert made_with(one, steps=1).profile is A14B


async def test_the_model_that_is_served_is_its_own_choice_unless_others_are_named(
    tmp_path: Path,
) -> None:
    request = a_request(model=WAN27)
    async with bench(tmp_path) as gpu:
        assert gpu.engine.misfit(a_request(model=WAN22)) is None
        refusal = gpu.engine.misfit(request)
    assert refusal is not None
    assert refusal.allowed == f"one of {WAN22}"
    async with bench(tmp_path, models=(WAN27,)) as gpu:
        assert gpu.engine.misfit(request) is None


def test_the_servers_side_loads_no_torch_and_no_decoder() -> None:
    program = (
        "import sys, unstill.assembly, unstill.engines.diffusers.machine\n"
        "heavy = {'torch', 'diffusers', 'transformers', 'numpy', 'cv2', 'av', 'PIL'}\n"
        "print(*sorted(heavy & set(sys.modules)))\n"
    )

    loaded = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )

    assert loaded.stdout.split() == []
