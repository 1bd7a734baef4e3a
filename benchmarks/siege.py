"""What an honest caller notices of hostile ones, load by load, on loopback.

    python -m benchmarks.siege [--before CHECKOUT] [--seconds 5] [--only WORD ...] [--write]

Each load meets a server of its own, once with nobody else there. The honest caller (siege_honest)
and the hostile ones (siege_loads) are processes of their own. `--before` serves another checkout
as well, each load to both, one after the other; `--source` serves it instead of this one; `--write`
puts the table into SIEGE.md. About ten seconds a load and checkout on two idle cores; every load is
bounded in connections, bytes and time, and whatever does not end by itself is ended.
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
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import httpx2
from benchmarks.process import Running, begun, running
from benchmarks.siege_honest import WITHIN_S, picture
from benchmarks.siege_loads import LOADS
from benchmarks.siege_seen import Row, Seen, page_of, table_of
from benchmarks.upstream import arguments
from rich.console import Console

from unstill.emulators import DAY_S, Options

ROOT = Path(__file__).parents[1]
PAGE = Path(__file__).with_name("SIEGE.md")
COMMAND = "python -m benchmarks.siege --before CHECKOUT --write"
QUIET = "quiet"
OPEN_FILES = 6000  # of each process, so that 2,000 connections are all that the server takes
BEGINS_S = 1.0  # of a load, before the honest caller
SETTLES_S = 2.0  # after a load has gone
SAMPLED_S = 0.1
SPARE_S = 15.0  # of the honest caller, beside its calls: the machine may be busy
MADE_WITHIN_S = 60.0  # what a load sends
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


class Site(NamedTuple):
    """Where a checkout serves."""

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


def measured(site: Site, load: str, seconds: float) -> Seen | None:
    """None, and a line on stderr, if it could not be measured; the next load may be."""
    try:
        return besieged(site, load, seconds)
    except (RuntimeError, httpx2.HTTPError, OSError, ValueError) as error:
        print(f"{load}: {type(error).__name__}: {error}", file=sys.stderr)
        return None


def besieged(site: Site, load: str, seconds: float) -> Seen:
    with site.server() as server:
        jobs = {owner: submitted(server.url, key) for owner, key in KEYS.items()}
        with hostile(site, load, server, jobs["hostile"], seconds + BEGINS_S):
            said, peak_mib = heard(server, jobs["honest"], seconds)
        time.sleep(SETTLES_S)
        after_mib = rss_mib(server)
    return Seen(said["poll"], said["submit"], said["failed"], peak_mib, after_mib)


def heard(server: Running, job_id: str, seconds: float) -> tuple[dict[str, Any], float]:
    """What the honest caller says, and how large the server was at most meanwhile."""
    command = ["benchmarks.siege_honest", server.url, KEYS["honest"], job_id, str(seconds)]
    until_s = time.monotonic() + seconds + WITHIN_S + SPARE_S
    peak_mib = 0.0
    with subprocess.Popen(
        [sys.executable, "-m", *command], stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as honest:
        while True:
            peak_mib = max(peak_mib, rss_mib(server))
            try:
                said = honest.communicate(timeout=SAMPLED_S)[0]
            except subprocess.TimeoutExpired:
                if time.monotonic() > until_s:
                    honest.kill()
                    raise RuntimeError("the honest caller itself did not come to its end") from None
            else:
                return json.loads(said), peak_mib


def rss_mib(server: Running) -> float:
    """0 of one that has died."""
    try:
        return server.memory.rss_mib
    except (OSError, KeyError):
        return 0.0


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
    with begun("benchmarks.siege_loads", command, within_s=MADE_WITHIN_S):
        time.sleep(BEGINS_S)
        yield


def stored(folder: Path, source: Path) -> str:
    """A data folder as that checkout writes it; the id of its video."""
    said = subprocess.run(
        [sys.executable, "-m", "benchmarks.siege_store", str(folder), "hostile"],
        check=True,
        capture_output=True,
        text=True,
        cwd=source,  # its own writer: modules may lie elsewhere there
        env={**os.environ, "PYTHONPATH": str(source / "src")},
    )
    return said.stdout.split()[-1]


def sited(source: Path, upstream_url: str, stack: ExitStack) -> Site:
    folder = Path(stack.enter_context(TemporaryDirectory(prefix="unstill-")))
    site = Site(folder, source.resolve(), stored(folder, source.resolve()))
    (folder / "unstill.toml").write_text(CONFIG.format(url=upstream_url))
    return site


def rows_of(asked: argparse.Namespace, loads: Sequence[str]) -> Iterator[Row]:
    options = Options(keys=("sk-siege",), job_s=DAY_S)
    with ExitStack() as stack:
        upstream = stack.enter_context(running(arguments("dashscope", options)))
        site = sited(asked.source, upstream.url, stack)
        earlier = asked.before and sited(asked.before, upstream.url, stack)
        for load in loads:
            before = measured(earlier, load, asked.seconds) if earlier else None
            yield Row(load, measured(site, load, asked.seconds), before, bool(earlier))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.siege")
    parser.add_argument("--source", type=Path, default=ROOT, help="checkout to serve")
    parser.add_argument("--before", type=Path, help="checkout to serve as well, beside it")
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--only", nargs="*", default=(), help="loads with one of these words")
    parser.add_argument("--write", action="store_true", help="also into benchmarks/SIEGE.md")
    asked = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_NOFILE, (OPEN_FILES, OPEN_FILES))
    loads = [load for load in LOADS if not asked.only or any(word in load for word in asked.only)]
    rows = []
    for row in rows_of(asked, (QUIET, *loads)):
        rows.append(row)
        print("  ".join(row.cells), flush=True)
    Console(width=180).print(table_of(rows))
    if asked.write:
        PAGE.write_text(page_of(rows, COMMAND if asked.before else "make siege"), encoding="utf-8")


if __name__ == "__main__":
    main()
