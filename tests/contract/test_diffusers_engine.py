"""The engine of open weights on the server's side: what its children are told, and what becomes of
their deaths. The children are those of `toy_diffusers_child.py`, so no torch is needed.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from support.diffusers_bench import A14B, LTX, SMALL, TWO_CARDS, bench
from support.requests import WAN22, WAN27, a_request
from support.waits import until
from support.weight_folders import write_folder, write_tensors
from unstill.domain.errors import BadSetting, OperatorError
from unstill.engines.diffusers import Diffusers
from unstill.engines.diffusers.machine import Machine
from unstill.engines.diffusers.options import PipelineOptions
from unstill.engines.diffusers.profiles import PROFILES


async def test_a_video_says_what_made_it_and_the_engine_says_so_once_it_is_known(
    tmp_path: Path,
) -> None:
    async with bench(tmp_path, options={"steps": 4}) as gpu:
        before = gpu.engine.label
        with capture_logs() as logs:
            made = await gpu.render()

        assert before == (
            "gpu; kind=diffusers; model=Wan 2.2 I2V A14B; steps=4; memory=auto; version=0.42.1"
        )
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
    high, low = str(tmp_path / "high.safetensors"), str(tmp_path / "low.safetensors")
    write_tensors(Path(high), {"a": (2, 3)})

    assert refused(two, lora=(high, low)) == f"engines.gpu.lora: must be files, {low} is none"
    assert refused(one, lora=(high, high)) == (
        "engines.gpu.lora: must be a file for each expert, and Wan 2.2 TI2V 5B has 1, got 2"
    )
    assert made_with(one, lora=(high,)).profile is SMALL
    assert made_with(two, lora=(high, high)).profile is A14B


def test_a_lora_file_that_is_not_whole_or_not_of_tensors_stops_the_start(tmp_path: Path) -> None:
    weights = write_folder(tmp_path / "weights", A14B)
    whole, pickled = tmp_path / "high.safetensors", tmp_path / "high.pt"
    for file in (whole, pickled):
        write_tensors(file, {"a": (2, 3)})
    data = whole.read_bytes()

    assert made_with(weights, lora=(str(whole),)).profile is A14B
    assert refused(weights, lora=(str(pickled),)) == (
        f"engines.gpu.lora: must be files whose names end in .safetensors, got {pickled}"
    )
    for kept, reason in ((len(data) - 1, "is cut short: 1 bytes"), (4, "is cut short: 4 bytes")):
        whole.write_bytes(data[:kept])
        assert f"engines.gpu.lora: {whole} {reason}" in refused(weights, lora=(str(whole),))


def test_a_rate_that_leaves_no_video_of_its_models_stops_the_start(tmp_path: Path) -> None:
    weights = write_folder(tmp_path / "weights", A14B)

    assert made_with(weights, fps=24).profile is A14B  # 5 s, 121 frames of 129
    assert made_with(weights, fps=25).profile is A14B  # 5 s, 125 frames
    assert refused(weights, fps=26) == (
        "engines.gpu.fps: leaves 4 s of Wan 2.2 I2V A14B at most, less than any video of "
        "Wan-AI/Wan2.2-I2V, got 26"
    )


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
