"""Whole camera jobs through a server: from the POST to the last byte of the video."""

from __future__ import annotations

import base64
import os
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import NamedTuple

from benchmarks.process import Running, running
from benchmarks.start import await_rest

from unstill.cli.client import Client

LONE_ROUNDS = 5
AT_ONCE = 20
POLL_S = 0.05
WITHIN_S = 300.0
DURATION_S, FRAME_RATE = 5, 30
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


class Jobs(NamedTuple):
    """cpu_s: of the children, for each of the jobs at once."""

    frames: int
    lone_s: float
    lone_rounds: int
    at_once: int
    per_minute: float
    cpu_s: float


def jobs_through_a_server(photo: Path) -> Jobs:
    """One after the other, then many at once; on a server that has rendered one before."""
    with TemporaryDirectory(prefix="unstill-") as folder:
        arguments = ("unstill", "serve", "--port", "0", "--data-dir", folder)
        with running(arguments) as server, Client(server.url) as client:
            await_rest(server)
            finish(client, [submit(client, photo)])
            lone_s = []
            for _ in range(LONE_ROUNDS):
                begin_s = time.perf_counter()
                finish(client, [submit(client, photo)])
                lone_s.append(time.perf_counter() - begin_s)
            begin_s, begin_cpu_s = time.perf_counter(), cpu_s_of(server)
            finish(client, [submit(client, photo) for _ in range(AT_ONCE)])
            wall_s = time.perf_counter() - begin_s
            cpu_s = cpu_s_of(server) - begin_cpu_s
    return Jobs(
        frames=DURATION_S * FRAME_RATE,
        lone_s=median(lone_s),
        lone_rounds=LONE_ROUNDS,
        at_once=AT_ONCE,
        per_minute=AT_ONCE * 60 / wall_s,
        cpu_s=cpu_s / AT_ONCE,
    )


def submit(client: Client, photo: Path) -> str:
    picture = "data:image/jpeg;base64," + base64.b64encode(photo.read_bytes()).decode()
    body = {
        "model": "wan2.7-i2v",
        "input": {"img_url": picture, "prompt": "push in"},
        "parameters": {"resolution": "720P", "duration": DURATION_S},
    }
    answer, _ = client.ask("POST", "/v1/tasks/submit", body)
    return str(answer["output"]["task_id"])


def finish(client: Client, job_ids: list[str]) -> None:
    """Wait for jobs and fetch their videos. Raises AssertionError if one fails."""
    until_s = time.perf_counter() + WITHIN_S
    with TemporaryDirectory(prefix="unstill-") as folder:
        for job_id in job_ids:
            while (status := status_of(client, job_id)) not in ("Success", "Failure"):
                if time.perf_counter() > until_s:
                    raise AssertionError(f"{job_id} is {status} after {WITHIN_S:.0f} s")
                time.sleep(POLL_S)
            if status == "Failure":
                raise AssertionError(f"{job_id} failed")
            client.download(f"/v1/videos/{job_id}/content", Path(folder) / f"{job_id}.mp4")


def status_of(client: Client, job_id: str) -> str:
    answer, _ = client.ask("GET", f"/v1/tasks/status?task_id={job_id}")
    return str(answer["output"]["task_status"])


def cpu_s_of(server: Running) -> float:
    """CPU seconds of the server and of the children that it has now."""
    return server.cpu_s + sum(Running(pid=pid, url=server.url).cpu_s for pid in server.children)
