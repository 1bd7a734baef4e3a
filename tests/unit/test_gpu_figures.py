"""The arithmetic of benchmarks/gpu.py, and what its page says."""

from __future__ import annotations

import pytest
from benchmarks.gpu_budget import TimeBudget
from benchmarks.gpu_models import A14B, TI2V_5B, Model
from benchmarks.gpu_rows import PLAIN, GpuRun, TimedDecode, TimedForward, TimedJob, page_of

# By hand, in 1e15; torch's own counter agrees (tests/diffusers/test_bench_gpu.py).
COUNTED = [
    (A14B, "480P", 32_760, 1.678),
    (A14B, "720P", 75_600, 6.523),
    (TI2V_5B, "480P", 12_090, 0.162),
    (TI2V_5B, "720P", 27_280, 0.517),
]


def forward(attention: str, seconds: float, *, moves_s: float = 0.0) -> TimedForward:
    return TimedForward(
        denoiser="A14B",
        size="480P",
        attention=attention,
        compiled="no",
        memory="resident",
        times_s=(seconds + 1, seconds),
        pflop=2.0,
        peak_bytes=2**34,
        moves_s=moves_s,
    )


def found(
    *forwards: TimedForward, decodes: tuple[TimedDecode, ...] = (), left_out: str = ""
) -> GpuRun:
    return GpuRun(
        command="python -m benchmarks.gpu --write",
        day="2026-11-29",
        machine="a card",
        settings="So and so.",
        steps={"A14B": 40},
        matrix_tflops=800.0,
        took_s=12.0,
        forwards=forwards,
        decodes=decodes,
        jobs=[TimedJob("5B, a video", "through the server", 7.5)],
        left_out=[left_out] if left_out else [],
    )


DECODES = (TimedDecode("A14B", "480P", (4.0, 3.0), 2**30),)


@pytest.mark.parametrize(("model", "size", "tokens", "pflop"), COUNTED)
def test_the_work_of_a_forward_is_what_was_counted(
    model: Model, size: str, tokens: int, pflop: float
) -> None:
    [clip] = [each for each in model.clips if each.name == size]

    assert model.tokens(clip) == tokens
    assert model.pflop(clip) == pytest.approx(pflop, abs=0.0005)


def test_a_forward_is_set_beside_the_matrix_rate_by_its_fastest_time() -> None:
    cells = forward("cudnn", 4.0).cells(matrix_tflops=800.0)

    assert cells[4:] == ("4", "500", "62%", "1.60", "16.0")


def test_a_video_is_its_forwards_and_a_decode_each_way_by_its_fastest_row() -> None:
    rows = (forward(PLAIN, 6.0), forward("native", 5.0), forward("cudnn", 4.0))

    whole, few = found(*rows, decodes=DECODES).videos

    assert (whole.forwards, few.forwards) == (80, 4)
    assert whole.plain_s == 80 * 6 + 3
    assert whole.ours_s == 80 * 4 + 3
    assert whole.floor_s == 80 * 2.5
    assert few.ours_s == 4 * 4 + 3


def test_a_video_counts_the_moves_of_weights_that_have_no_room() -> None:
    rows = (forward(PLAIN, 6.0, moves_s=10.0), forward("cudnn", 4.0))

    whole, _ = found(*rows, decodes=DECODES).videos

    assert whole.plain_s == 80 * 6 + 10 + 3


def test_a_video_of_which_one_way_is_missing_is_not_told() -> None:
    assert found(forward("cudnn", 4.0), decodes=DECODES).videos == []
    assert found(forward("cudnn", 4.0), forward(PLAIN, 6.0)).videos == []


def test_the_page_has_its_command_its_machine_and_what_was_left_out() -> None:
    page = page_of(found(forward(PLAIN, 6.0), left_out="5B, 720P: may take 9 s, 2 s were left"))

    assert "`python -m benchmarks.gpu --write`, 2026-11-29, a card. All in 12 s." in page
    assert "One large product runs at 800 TFLOP/s" in page
    assert "| 5B, a video | through the server | 7.5 |" in page
    assert "- 5B, 720P: may take 9 s, 2 s were left.\n" in page
    assert page_of(found()).endswith("## Left out\n\nNothing.\n")


def test_a_part_has_its_own_time_and_what_the_parts_before_it_have_left() -> None:
    now = [100.0]
    budget = TimeBudget({"first": 30.0, "second": 10.0}, clock=lambda: now[0])

    budget.begin("first")
    assert budget.allows("a", 30.0)
    assert not budget.allows("b", 30.5)
    now[0] = 120.0
    budget.begin("second")
    assert budget.allows("c", 20.0)
    assert not budget.allows("d", 20.5)
    now[0] = 150.0
    assert not budget.allows("e", 0.1)

    assert budget.took_s == 50.0
    assert budget.left_out == [
        "b: may take 30 s, 30 s were left",
        "d: may take 20 s, 20 s were left",
        "e: may take 0 s, 0 s were left",
    ]
