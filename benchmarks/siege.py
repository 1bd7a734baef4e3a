"""What an honest caller notices of hostile ones, load by load, on loopback.

    python -m benchmarks.siege [--source CHECKOUT] [--seconds 5] [--only WORD ...] [--write]

Each load meets a server of its own, once with nobody else there. The honest caller (siege_honest)
and the hostile ones (siege_loads) are processes of their own. `--source` serves another checkout,
so that before and after can be compared; `--write` puts the table into SIEGE.md. Under six minutes
on two cores; every load is bounded in connections, bytes and time.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import httpx2
import numpy as np
from benchmarks.figure import number
from benchmarks.process import Running, running
from benchmarks.siege_honest import picture
from benchmarks.siege_loads import LOADS
from benchmarks.upstream import arguments
from rich.console import Console
from rich.table import Table

from unstill.engines.emulate import DAY_S, Options

ROOT = Path(__file__).parents[1]
PAGE = Path(__file__).with_name("SIEGE.md")
QUIET = "quiet"
OPEN_FILES = 6000  # of each process, so that 2,000 connections are all that the server takes
BEGINS_S = 1.0  # of a load, before the honest caller
SETTLES_S = 2.0  # after a load has gone
SAMPLED_S = 0.1
KEYS = {"honest": "sk-honest", "hostile": "sk-hostile"}
CONFIG = """
[server]
default_engine = "none"
[engines.bailian]
kind = "dashscope"
base_url = "{url}/api/v1"
api_key = "sk-siege"
[models."wan2.7-i2v"]
engines = ["bailian"]
"""
COLUMNS = (
    *("load", "poll p50 ms", "poll p99 ms", "submit p50 ms", "submit p99 ms"),
    *("failed", "RSS MiB", "after it"),
)


class Seen(NamedTuple):
    """What the honest caller saw of a server under one load, and how large that became."""

    load: str
    poll_ms: Sequence[float]
    submit_ms: Sequence[float]
    failed: int
    peak_mib: float
    after_mib: float

    @property
    def cells(self) -> tuple[str, ...]:
        shares = [np.percentile(each, (50, 99)) for each in (self.poll_ms, self.submit_ms)]
        calls = len(self.poll_ms) + len(self.submit_ms)
        return (
            self.load,
            *(number(float(value)) for share in shares for value in share),
            f"{self.failed / calls:.0%}",
            f"{self.peak_mib:.0f}",
            f"{self.after_mib:.0f}",
        )


class Site(NamedTuple):
    """Where a release serves."""

    data_dir: Path
    source: Path
    video_id: str

    @contextmanager
    def server(self) -> Iterator[Running]:
        """Killed at the end: one under siege may take its time to go."""
        command = ["unstill", "serve", "--port", "0", "--data-dir", str(self.data_dir)]
        environment = {
            "PYTHONPATH": str(self.source / "src"),
            "UNSTILL_API_KEYS": ",".join(f"{owner}:{key}" for owner, key in KEYS.items()),
        }
        config = ["--config", str(self.data_dir / "unstill.toml")]
        with running([*command, *config], environment=environment) as process:
            try:
                yield process
            finally:
                os.kill(process.pid, signal.SIGKILL)


def besieged(site: Site, load: str, seconds: float) -> Seen:
    with site.server() as server:
        jobs = {owner: submitted(server.url, key) for owner, key in KEYS.items()}
        with hostile(site, load, server, jobs["hostile"], seconds + BEGINS_S):
            command = [server.url, KEYS["honest"], jobs["honest"], str(seconds)]
            honest = subprocess.Popen(
                [sys.executable, "-m", "benchmarks.siege_honest", *command],
                stdout=subprocess.PIPE,
                text=True,
                cwd=ROOT,
            )
            peak_mib = 0.0
            while honest.poll() is None:
                peak_mib = max(peak_mib, server.memory.rss_mib)
                time.sleep(SAMPLED_S)
        time.sleep(SETTLES_S)
        said = json.loads(honest.communicate()[0])
        after_mib = server.memory.rss_mib
    return Seen(load, said["poll"], said["submit"], said["failed"], peak_mib, after_mib)


def submitted(url: str, key: str) -> str:
    answer = httpx2.post(
        f"{url}/v1/tasks/submit",
        json={"model": "wan2.7-i2v", "input": {"first_frame_url": picture()}},
        headers={"Authorization": f"Bearer {key}"},
        timeout=30,
    )
    answer.raise_for_status()
    return str(answer.json()["output"]["task_id"])


@contextmanager
def hostile(site: Site, load: str, server: Running, job_id: str, seconds: float) -> Iterator[None]:
    if load == QUIET:
        yield
        return
    command = [load, server.url, KEYS["hostile"], job_id, site.video_id, str(seconds)]
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks.siege_loads", *command],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    ) as process:
        if process.stdout is not None:
            process.stdout.readline()  # what it sends is made
        time.sleep(BEGINS_S)
        try:
            yield
        finally:
            process.kill()


def table_of(seen: Sequence[Seen]) -> Table:
    table = Table()
    for column in COLUMNS:
        table.add_column(column, justify="left" if column == "load" else "right")
    for each in seen:
        table.add_row(*each.cells)
    return table


def written(seen: Sequence[Seen], command: str) -> str:
    lines = [
        "# Siege",
        "",
        f"`{command}`, {datetime.now(UTC):%Y-%m-%d}. An honest caller polls 30 and submits 3 times",
        "a second, each call on a fresh connection, beside each hostile load; a call that was not",
        "answered well within 10 s is failed, and counts as 10 s.",
        "",
        f"| {' | '.join(COLUMNS)} |",
        f"|---|{'---:|' * (len(COLUMNS) - 1)}",
    ]
    lines += [f"| {' | '.join(each.cells)} |" for each in seen]
    return "\n".join(lines) + "\n"


def stored(folder: Path, source: Path) -> str:
    """A data folder as that release writes it; the id of its video."""
    said = subprocess.run(
        [sys.executable, "-m", "benchmarks.siege_store", str(folder), "hostile"],
        check=True,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(source / "src")},
    )
    return said.stdout.split()[-1]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.siege")
    parser.add_argument("--source", type=Path, default=ROOT, help="checkout to serve")
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--only", nargs="*", default=(), help="loads with one of these words")
    parser.add_argument("--write", action="store_true", help="also into benchmarks/SIEGE.md")
    asked = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_NOFILE, (OPEN_FILES, OPEN_FILES))
    loads = [load for load in LOADS if not asked.only or any(word in load for word in asked.only)]
    options = Options(keys=("sk-siege",), job_s=DAY_S)
    seen = []
    with (
        TemporaryDirectory(prefix="unstill-") as name,
        running(arguments("dashscope", options)) as upstream,
    ):
        folder = Path(name)
        site = Site(folder, asked.source.resolve(), stored(folder, asked.source.resolve()))
        (folder / "unstill.toml").write_text(CONFIG.format(url=upstream.url))
        for load in (QUIET, *loads):
            seen.append(besieged(site, load, asked.seconds))
            print("  ".join(seen[-1].cells), flush=True)
    Console(width=140).print(table_of(seen))
    if asked.write:
        PAGE.write_text(written(seen, "make siege"), encoding="utf-8")


if __name__ == "__main__":
    main()
