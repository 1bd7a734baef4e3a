"""Open models at full size on one device: forwards, decodes and a job, with random weights.

    python -m benchmarks.gpu [--write] [--seconds 285] [--only job ...]
    python -m benchmarks.gpu --dry-run

Against plain diffusers with its defaults in the same run, and against the floor: the work of a
forward's matrices at the rate of one large product. Nothing is downloaded: weights are made on the
device. On one H200 it is over in five minutes; what would take longer is left out, and said.
With --write also to benchmarks/GPU.md. --dry-run does all of it at tiny sizes on the CPU.
"""

from __future__ import annotations

import argparse
import sys
import traceback
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple, get_args

import torch
from benchmarks.gpu_budget import TimeBudget
from benchmarks.gpu_forwards import Bench, time_decodes, time_forwards
from benchmarks.gpu_job import FEW_FRAMES, WHOLE, time_jobs
from benchmarks.gpu_models import A14B, TI2V_5B, Model, tiny
from benchmarks.gpu_networks import described, matrix_tflops
from benchmarks.gpu_rows import GpuRun, TimedDecode, TimedForward, TimedJob, page_of

from unstill.engines.diffusers.child.error_line import in_a_line
from unstill.engines.diffusers.environment import CPU, CUDA
from unstill.engines.diffusers.options import Rung

COMMAND = "python -m benchmarks.gpu --write"
PAGE = Path(__file__).with_name("GPU.md")
VERSIONS = ("torch", "diffusers", "transformers")
# What each part may take of the time, the first first; what one leaves is the next one's.
SHARES = {"A14B": 0.54, "decode": 0.09, "job": 0.27, "5B": 0.10}
SECONDS = 285.0  # and some for the imports before it begins
LOWER: tuple[Rung, ...] = get_args(Rung)[1:]
SETTINGS = (
    "Weights are random, in bfloat16, the VAE in float32; of A14B there is one expert. A forward"
    " is one pass of the denoiser over all latents of a video; its time is that of the fastest of"
    " two, at 720P of one. Plain diffusers is its model as it comes: its default attention,"
    " nothing compiled, float32 products as torch begins with them. The rows of this engine have"
    " TF32, the named attention, and what the memory ladder's rung does. `for all sizes` is"
    " the compiled code once it has seen a second size."
)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu")
    parser.add_argument("--write", action="store_true", help="also into benchmarks/GPU.md")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="all of it together")
    parser.add_argument("--only", nargs="+", choices=tuple(SHARES), default=tuple(SHARES))
    parser.add_argument("--dry-run", action="store_true", help="tiny sizes on the CPU")
    asked = parser.parse_args(arguments)
    if not asked.dry_run and not torch.cuda.is_available():
        print("no CUDA device: --dry-run tries the program on the CPU", file=sys.stderr)
        return 1
    found = dry_run(asked.only, asked.seconds) if asked.dry_run else run(asked.only, asked.seconds)
    page = page_of(found)
    print(page)
    if asked.write and not asked.dry_run:
        PAGE.write_text(page, encoding="utf-8")
    return 1 if found.failed else 0


def run(parts: Sequence[str], seconds: float) -> GpuRun:
    return findings(CUDA, (A14B, TI2V_5B), parts, seconds)


def dry_run(parts: Sequence[str], seconds: float) -> GpuRun:
    """Compiling is left out: it takes longer than all the rest, and is torch's own."""
    torch.compiler.set_stance("force_eager")
    try:
        return findings(CPU, (tiny(A14B), tiny(TI2V_5B)), parts, seconds)
    finally:
        torch.compiler.set_stance("default")


def findings(
    device: str, models: tuple[Model, Model], parts: Sequence[str], seconds: float
) -> GpuRun:
    budget = TimeBudget({part: share * seconds for part, share in SHARES.items()})
    bench = Bench(device, matrix_tflops(device), budget)
    measured = Measured([], [], [])
    failed = []
    for part in (each for each in SHARES if each in parts):
        budget.begin(part)
        try:
            measure(part, bench, models, measured)
        except Exception as error:  # noqa: BLE001  - what the other parts find is not lost by it
            traceback.print_exc()
            failed.append(f"{part}: failed, {in_a_line(error)}")
    return GpuRun(
        command=COMMAND,
        day=f"{datetime.now(UTC):%Y-%m-%d}",
        machine=described(device, {name: version(name) for name in VERSIONS}),
        settings=SETTINGS,
        steps={model.name: model.steps for model in models},
        matrix_tflops=bench.matrix_tflops,
        took_s=budget.took_s,
        forwards=measured.forwards,
        decodes=measured.decodes,
        jobs=measured.jobs,
        left_out=budget.left_out,
        failed=failed,
    )


class Measured(NamedTuple):
    """What the parts have found so far."""

    forwards: list[TimedForward]
    decodes: list[TimedDecode]
    jobs: list[TimedJob]


def measure(part: str, bench: Bench, models: tuple[Model, Model], measured: Measured) -> None:
    two_experts, one = models
    match part:
        case "A14B":
            time_forwards(bench, two_experts, LOWER, measured.forwards)
        case "decode":
            for model in models:
                time_decodes(bench, model, measured.decodes)
        case "job":
            order = WHOLE if bench.device == CUDA else FEW_FRAMES
            with TemporaryDirectory(prefix="unstill-") as folder:
                time_jobs(bench, one, order, Path(folder), measured.jobs)
        case _:
            time_forwards(bench, one, LOWER[:1], measured.forwards)


if __name__ == "__main__":
    sys.exit(main())
