"""benchmarks/gpu.py does at tiny sizes here what it does on a GPU, and counts the right work."""

from __future__ import annotations

import pytest
import torch
from benchmarks import gpu
from benchmarks.gpu_models import A14B, TI2V_5B, Model, tiny
from benchmarks.gpu_networks import arguments_of, denoiser_of
from benchmarks.gpu_rows import PLAIN, GpuRun
from torch.utils.flop_counter import FlopCounterMode

# What torch imports to compile warns of torch's own use of what it has deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit.script_method:DeprecationWarning")

LONG_S = 100_000.0


@pytest.fixture(scope="module")
def found() -> GpuRun:
    return gpu.dry_run(("A14B", "decode", "5B"), LONG_S)


def test_each_way_to_run_a_forward_is_timed(found: GpuRun) -> None:
    ways = [
        (row.size, row.attention, row.compiled.partition(",")[0], row.memory)
        for row in found.forwards
        if row.denoiser == "tiny A14B"
    ]

    assert ways == [
        ("480P", PLAIN, "no", "resident"),
        ("720P", PLAIN, "no", "resident"),
        ("480P", "native", "no", "resident"),
        ("480P", "native", "yes", "resident"),
        ("720P", "native", "yes", "resident"),
        ("480P", "native", "for all sizes", "resident"),
        ("480P", "native", "no", "block-offload"),
        ("480P", "native", "yes", "block-offload"),
        ("480P", "native", "no", "block-offload-fp8"),
        ("720P", "native", "no", "resident"),
    ]
    assert {row.denoiser for row in found.forwards} == {"tiny A14B", "tiny 5B"}
    assert found.failed == []


def test_what_needs_too_much_memory_is_left_out_and_said(found: GpuRun) -> None:
    why = "needs too much memory at a video's length"

    assert f"tiny A14B, attention math: {why}" in found.left_out
    assert "math" not in {row.attention for row in found.forwards}


def test_what_would_take_too_long_is_left_out_and_said() -> None:
    found = gpu.dry_run(("decode", "5B"), 0.0)

    assert (found.forwards, found.decodes) == ([], [])
    assert any(each.startswith("tiny 5B, 480P, plain diffusers") for each in found.left_out)
    assert any(each.startswith("tiny A14B, 720P, decode") for each in found.left_out)


def test_each_decoder_is_timed_at_each_size(found: GpuRun) -> None:
    assert [(row.decoder, row.size) for row in found.decodes] == [
        ("tiny A14B", "480P"),
        ("tiny A14B", "720P"),
        ("tiny 5B", "480P"),
        ("tiny 5B", "720P"),
    ]
    assert {(video.what, video.forwards) for video in found.videos} == {
        ("tiny A14B, 480P", 80),
        ("tiny A14B, 480P", 4),
        ("tiny A14B, 720P", 80),
        ("tiny A14B, 720P", 4),
        ("tiny 5B, 480P", 100),
        ("tiny 5B, 480P", 4),
        ("tiny 5B, 720P", 100),
        ("tiny 5B, 720P", 4),
    }


def test_a_part_that_fails_is_said_and_costs_no_other_its_figures() -> None:
    broken = tiny(A14B)._replace(profile="of nobody")

    found = gpu.findings("cpu", (broken, tiny(TI2V_5B)), ("A14B", "decode"), LONG_S)

    assert [each.partition(",")[0] for each in found.failed] == ["A14B: failed"]
    assert len(found.decodes) == 4


@pytest.mark.parametrize("model", [A14B, TI2V_5B])
def test_the_arithmetic_of_a_forward_is_what_torch_counts(model: Model) -> None:
    clip = model.clips[0]
    with FlopCounterMode(display=False) as counted, torch.no_grad():
        denoiser_of(model, "meta")(**arguments_of(model, clip, "meta"))

    assert counted.get_total_flops() / 1e15 == pytest.approx(model.pflop(clip), rel=0.015)


def test_a_job_goes_through_a_real_server_beside_the_plain_call() -> None:
    found = gpu.dry_run(("job",), LONG_S)
    first, second, plain = found.jobs

    assert {job.what for job in found.jobs} == {"tiny 5B, 832x480, 5 s, 4 steps"}
    assert "gpu; kind=diffusers; model=Wan 2.2 TI2V 5B; steps=4; memory=resident" in first.how
    assert first.took_s > second.took_s > 0
    assert PLAIN in plain.how


def test_a_machine_without_a_gpu_is_told_of_the_dry_run(capsys: pytest.CaptureFixture[str]) -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")

    assert gpu.main([]) == 1
    assert "--dry-run" in capsys.readouterr().err
