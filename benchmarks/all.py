"""Every figure that has a budget, each against its limit, in one table.

    python -m benchmarks.all [--write]

With --write also to benchmarks/RESULTS.md. Under five minutes on two cores.
"""

from __future__ import annotations

import asyncio
import os
import platform
import shutil
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks import answers, camera, start, store, waiters
from benchmarks.figure import Figure, least_of_limit, table_of
from rich.console import Console

from unstill.domain.request import Size

COMMAND = "python -m benchmarks.all --write"
RESULTS = Path(__file__).with_name("RESULTS.md")
WIDTH = 150


def measure_camera() -> list[Figure]:
    """Frames per CPU-second at each size, of the slowest photo and prompt; none without ffmpeg.

    Of a photo that the engine knows, as ffmpeg has nothing to find in one.
    """
    if shutil.which("ffmpeg") is None:
        print("the camera is not measured: it needs ffmpeg to compare with")
        return []
    found: dict[Size, list[camera.Row]] = {}
    for row in camera.measured(vmaf=None):
        found.setdefault(row.size, []).append(row)
    budget = least_of_limit(camera.LIMIT_RATIO)
    figures = []
    for size, rows in found.items():
        slowest = min(rows, key=lambda row: row.pace.ratio)
        new, known, limit = slowest.pace
        note = (
            f'{slowest.photo}, "{slowest.prompt}", the slowest of {len(rows)}; '
            f"{new:.1f} with what is found in a photo that is new"
        )
        figures.append(Figure(f"camera, {size}", "frames/CPU-s", known, limit, budget, note))
    return figures


def measured(measures: tuple[Callable[[], list[Figure]], ...]) -> list[Figure]:
    figures = []
    for measure in measures:
        figures += measure()
    return figures


def machine() -> str:
    """In words that fit any machine of its kind."""
    cores = len(os.sched_getaffinity(0))
    kernel = platform.release().split("-")[0]
    return f"{cores} cores, {platform.system()} {kernel}, Python {platform.python_version()}"


def written(figures: list[Figure]) -> str:
    lines = [
        "# Results",
        "",
        f"`{COMMAND}`, {datetime.now(UTC):%Y-%m-%d}, {machine()}.",
        "Absolute figures belong to this machine; the ratios are of one run.",
        "What each part of a poll and of a submit costs: [PROFILE.md](PROFILE.md).",
        "",
        "| what | figure | limit | ratio | budget | note |",
        "|---|---:|---:|---:|---|---|",
    ]
    lines += [f"| {' | '.join(figure.cells)} |" for figure in figures]
    return "\n".join(lines) + "\n"


def main() -> None:
    with TemporaryDirectory(prefix="unstill-") as folder:
        asyncio.run(store.main(Path(folder)))  # prints its own: no budget is set for it
    figures = measured((answers.measure, waiters.measure, start.measure, measure_camera))
    Console(width=WIDTH).print(table_of(figures, title=machine()))
    if "--write" in sys.argv[1:]:
        RESULTS.write_text(written(figures), encoding="utf-8")


if __name__ == "__main__":
    main()
