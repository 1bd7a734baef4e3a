"""Honest and hostile callers together, for minutes, on loopback: `python -m benchmarks.crowd`.

    python -m benchmarks.crowd [--minutes 10] [--write]

One server with keys, an emulated upstream and the camera. Two honest owners (crowd_honest) have it
for themselves first, for a fifth of the time; then hostile callers of all kinds (crowd_hostile)
come beside them, and go. Told: how long the honest waited in both, the server's memory, and
whether every job that was acknowledged is there. Ends with 1 if one is lost, if an honest call had
no good answer, if a p99 is more than twice the quiet one, or if memory grows. `--write` puts the
table into CROWD.md.
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
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import httpx2
import numpy as np
from benchmarks.crowd_hostile import KINDS
from benchmarks.figure import number
from benchmarks.process import Running, begun, line_of, running
from benchmarks.siege import rss_mib, stored, submitted
from benchmarks.upstream import arguments

from unstill.emulators import DAY_S, Options

ROOT = Path(__file__).parents[1]
PAGE = Path(__file__).with_name("CROWD.md")
OPEN_FILES = 6000
QUIET_SHARE = 0.2
WARMS_S = 8.0  # the first video's child starts
LEAST_S = 15.0
SETTLES_S = 10.0
SAMPLED_S = 1.0
SPARE_S = 90.0  # of the honest: their last videos, and what is late
MADE_WITHIN_S = 60.0
HONEST = {"ann": "sk-ann", "bob": "sk-bob"}
HOSTILE = {"hostile": "sk-hostile"}
CONFIG = """
[server]
default_engine = "camera"
allow_networks = ["127.0.0.0/8"]
[engines.bailian]
kind = "dashscope"
base_url = "{url}/api/v1"
api_key = "sk-crowd"
[models."wan2.7-i2v"]
engines = ["bailian"]
"""
GONE = ("Failure", "failed")
KINDS_TIMED = ("poll", "submit", "wait", "load", "film")
MOST_TIMES = 2.0  # of the quiet p99, in the crowd
LEAST_CALLS = 100  # fewer have no hundredth
MOST_GROWTH = 1.25  # of the server's memory, from the crowd's first fifth to its last


class Phase(NamedTuple):
    """What the honest met while it lasted, and how large the server was."""

    took_ms: dict[str, list[float]]
    failed: dict[str, int]
    jobs: dict[str, list[str]]  # by key
    rss_mib: Sequence[float]

    def percentile(self, kind: str, share: float) -> float:
        return float(np.percentile(self.took_ms.get(kind) or [float("nan")], share))


@contextmanager
def server_at(folder: Path, upstream_url: str) -> Iterator[Running]:
    (folder / "unstill.toml").write_text(CONFIG.format(url=upstream_url))
    keys = {**HONEST, **HOSTILE}
    command = ["unstill", "serve", "--port", "0", "--data-dir", str(folder)]
    environment = {"UNSTILL_API_KEYS": ",".join(f"{owner}:{key}" for owner, key in keys.items())}
    config = ["--config", str(folder / "unstill.toml")]
    with running([*command, *config], environment=environment) as process:
        try:
            yield process
        finally:
            os.kill(process.pid, signal.SIGKILL)


def honest(server: Running, seconds: float) -> Phase:
    command = ["benchmarks.crowd_honest", server.url, ",".join(HONEST.values()), str(seconds)]
    until_s = time.monotonic() + seconds + SPARE_S
    sizes: list[float] = []
    with subprocess.Popen(
        [sys.executable, "-m", *command], stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as process:
        while True:
            sizes.append(rss_mib(server))
            try:
                said = process.communicate(timeout=SAMPLED_S)[0]
            except subprocess.TimeoutExpired:
                if time.monotonic() > until_s:
                    process.kill()
                    raise RuntimeError("the honest callers did not come to their end") from None
            else:
                return Phase(**json.loads(said), rss_mib=sizes)


@contextmanager
def hostile(
    server: Running, video_id: str, seconds: float, heard: dict[str, int]
) -> Iterator[None]:
    """`heard`: filled with how they were answered, by status."""
    job_id = submitted(server.url, HOSTILE["hostile"])
    command = [server.url, HOSTILE["hostile"], job_id, video_id, str(seconds)]
    with begun("benchmarks.crowd_hostile", command, within_s=MADE_WITHIN_S) as process:
        yield
        if process.poll() is not None:
            raise RuntimeError("the hostile callers ended before the honest ones")
        process.terminate()
        heard |= json.loads(line_of(process, MADE_WITHIN_S))


def lost(server: Running, phases: Sequence[Phase]) -> list[str]:
    """Acknowledged jobs that are not there, or have failed."""
    found = []
    with httpx2.Client(base_url=server.url, timeout=30) as http:
        for phase in phases:
            for key, jobs in phase.jobs.items():
                headers = {"Authorization": f"Bearer {key}"}
                for job in jobs:
                    answer = http.get(f"/v1/videos/{job}", headers=headers)
                    if answer.status_code != 200 or answer.json()["status"] in GONE:
                        found.append(job)
    return found


def times_of(kind: str, quiet: Phase, crowd: Phase) -> float:
    """How many times the quiet p99 the crowd's is."""
    return crowd.percentile(kind, 99) / quiet.percentile(kind, 99)


def fifths_of(rss_mib: Sequence[float]) -> tuple[float, float]:
    """The mean of the first fifth, and of the last."""
    fifth = max(1, len(rss_mib) // 5)
    return float(np.mean(rss_mib[:fifth])), float(np.mean(rss_mib[-fifth:]))


def wrongs_in(quiet: Phase, crowd: Phase, gone: Sequence[str]) -> list[str]:
    """What must not be: a job lost, an honest call not answered well, slow, or memory that grows.

    What cannot be told, as too few such calls were made, is wrong too: a minute is too short.
    """
    wrongs = [f"lost: {job}" for job in gone]
    wrongs += [f"not answered well: {each}" for each in (*quiet.failed, *crowd.failed)]
    for kind in KINDS_TIMED:
        times = times_of(kind, quiet, crowd)
        if len(crowd.took_ms.get(kind, ())) < LEAST_CALLS:
            wrongs.append(f"{kind}: {len(crowd.took_ms.get(kind, ()))} calls tell no p99")
        elif not times <= MOST_TIMES:
            wrongs.append(f"p99 of {kind}: {times:.2f} times the quiet one, at most {MOST_TIMES:g}")
    first, last = fifths_of(crowd.rss_mib)
    if not last <= first * MOST_GROWTH:
        wrongs.append(f"memory: {first:.0f} to {last:.0f} MiB, at most {MOST_GROWTH:g} times")
    return wrongs


def table_of(quiet: Phase, crowd: Phase) -> list[str]:
    lines = ["| calls | number | p50 ms quiet | crowd | p99 ms quiet | crowd | p99, times |"]
    lines.append("|---|---:|---:|---:|---:|---:|---:|")
    for kind in KINDS_TIMED:
        cells = [f"{len(crowd.took_ms.get(kind, ())):,}"]
        for share in (50, 99):
            cells += [number(each.percentile(kind, share)) for each in (quiet, crowd)]
        lines.append(f"| {kind} | {' | '.join(cells)} | {times_of(kind, quiet, crowd):.2f} |")
    return lines


def summary_of(quiet: Phase, crowd: Phase, after_mib: float, gone: Sequence[str]) -> list[str]:
    first, last = fifths_of(crowd.rss_mib)
    acknowledged = sum(len(jobs) for phase in (quiet, crowd) for jobs in phase.jobs.values())
    memory = (
        f"{np.mean(quiet.rss_mib):.0f} MiB quiet; in the crowd {first:.0f} in its first fifth,"
        f" {last:.0f} in its last, {max(crowd.rss_mib):.0f} at most; {after_mib:.0f} after it"
    )
    failed = f"quiet {quiet.failed or 'none'}, in the crowd {crowd.failed or 'none'}"
    return [
        f"- Memory of the server: {memory}.",
        f"- Jobs acknowledged: {acknowledged:,}; lost or failed: {len(gone)}.",
        f"- Honest calls without a good answer: {failed}.",
    ]


def page_of(minutes: float, lines: Sequence[str]) -> str:
    command = f"python -m benchmarks.crowd --minutes {minutes:g} --write"
    head = [
        "# Crowd",
        "",
        f"`{command}`, {datetime.now(UTC):%Y-%m-%d}.",
        "Two honest owners poll 10 times and submit once a second each, and have a video made and",
        "loaded every ten seconds: alone first, then beside hostile callers of these kinds, all",
        f"at once: {'; '.join(KINDS)}.",
        "",
    ]
    return "\n".join([*head, *lines]) + "\n"


def run(minutes: float) -> tuple[list[str], list[str]]:
    """The report, and what is wrong."""
    seconds = max(LEAST_S, minutes * 60)
    with ExitStack() as stack:
        options = Options(keys=("sk-crowd",), job_s=DAY_S)
        upstream = stack.enter_context(running(arguments("dashscope", options)))
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="unstill-")))
        video_id = stored(folder, ROOT)
        server = stack.enter_context(server_at(folder, upstream.url))
        warm = honest(server, WARMS_S)
        quiet = honest(server, max(LEAST_S, seconds * QUIET_SHARE))
        heard: dict[str, int] = {}
        with hostile(server, video_id, seconds + SPARE_S + MADE_WITHIN_S, heard):
            crowd = honest(server, seconds)
        time.sleep(SETTLES_S)
        after_mib = rss_mib(server)
        gone = lost(server, (warm, quiet, crowd))
    lines = [*table_of(quiet, crowd), "", *summary_of(quiet, crowd, after_mib, gone)]
    answers = ", ".join(f"{count:,} {status}" for status, count in heard.items())
    lines.append(f"- Hostile calls were answered: {answers}.")
    return lines, wrongs_in(quiet, crowd, gone)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.crowd")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--write", action="store_true", help="also into benchmarks/CROWD.md")
    asked = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_NOFILE, (OPEN_FILES, OPEN_FILES))
    lines, wrongs = run(asked.minutes)
    print("\n".join([*lines, *(f"- WRONG: {each}" for each in wrongs)]))
    if asked.write:
        PAGE.write_text(page_of(asked.minutes, lines), encoding="utf-8")
    sys.exit(bool(wrongs))


if __name__ == "__main__":
    main()
