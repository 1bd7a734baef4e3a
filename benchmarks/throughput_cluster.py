"""Videos a second with one, two and three workers on one PostgreSQL and one S3.

    python -m benchmarks.throughput_cluster [--jobs 120]

All jobs wait at an upstream whose tasks have ended, before any worker is up; what is left is to
bring the videos home, and the upstream takes two seconds for each. A worker brings eight at once
from one upstream: so the time is the workers' waiting and not this machine's cores, and what is
seen is whether one worker is in another's way. Counted from the first video to the last.
"""

from __future__ import annotations

import argparse
import time
from base64 import b64encode
from io import BytesIO

import httpx2
from benchmarks.fleet import Fleet, fleet
from benchmarks.flight import KEY
from benchmarks.flight_cluster import ask
from benchmarks.process import running
from benchmarks.real_servers import PostgresServer, postgres
from benchmarks.s3_server import S3Server, seaweed
from benchmarks.upstream import arguments
from PIL import Image

from unstill.emulators import Options
from unstill.emulators.faults import Fault, FaultSite

DOWNLOAD_S = 2.0
WITHIN_S = 300.0
CONFIG = """
[server]
default_engine = "none"
allow_networks = ["127.0.0.0/8"]
[engines.ope]
kind = "openai_videos"
server = "unified"
base_url = "{url}/v1"
api_key = "sk-flight"
poll_interval_s = 0.5
[models."wan2.7-i2v"]
engines = ["ope"]
"""
COUNTED = "SELECT state, count(*) FROM jobs GROUP BY state"
TIMES = "SELECT ended_ms FROM jobs WHERE state = 'succeeded' ORDER BY ended_ms"


def submit(site: Fleet, jobs: int) -> None:
    file = BytesIO()
    Image.linear_gradient("L").resize((480, 320)).convert("RGB").save(file, "JPEG")
    picture = b64encode(file.getvalue()).decode()
    with httpx2.Client(base_url=site.gateways[0].url, timeout=60) as http:
        for n in range(jobs):
            given = {"first_frame_url": picture, "prompt": f"push in, number {n}"}
            body = {"model": "wan2.7-i2v", "input": given, "parameters": {"duration": 2}}
            http.post("/v1/tasks/submit", json=body).raise_for_status()


def wait_for(site: Fleet, states: set[str], jobs: int) -> None:
    until_s = time.monotonic() + WITHIN_S
    while time.monotonic() < until_s:
        counted = dict(ask(site.database, COUNTED))
        if sum(count for state, count in counted.items() if state in states) == jobs:
            return
        time.sleep(0.2)
    raise RuntimeError(f"after {WITHIN_S:g} s: {counted}")


def measure(database: PostgresServer, s3: S3Server, workers: int, jobs: int) -> float:
    """Videos a second."""
    options = Options(
        keys=(KEY,),
        job_s=0.2,
        delay_s=DOWNLOAD_S,
        faults=f"{FaultSite.FETCH}.{Fault.DELAY}=1",
        requests_per_s=0,
    )
    roles: dict[str, tuple[str, ...]] = {
        "gateway": ("serve", "--no-work"),
        "starter": ("worker", "--lanes", "frames,calls,polls"),
    }
    roles |= {f"worker-{n}": ("worker", "--lanes", "save") for n in range(workers)}
    with running(arguments("unified", options)) as upstream:
        config = CONFIG.format(url=upstream.url)
        with fleet(database, s3, config, roles=roles) as site:
            for name in ("gateway", "starter"):
                site.members[name].start()
            site.wait_ready()
            submit(site, jobs)
            wait_for(site, {"saving"}, jobs)
            for n in range(workers):
                site.members[f"worker-{n}"].start()
            wait_for(site, {"succeeded"}, jobs)
            ended_ms = [at_ms for (at_ms,) in ask(site.database, TIMES)]
    return float((len(ended_ms) - 1) / ((ended_ms[-1] - ended_ms[0]) / 1000))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.throughput_cluster")
    parser.add_argument("--jobs", type=int, default=120)
    asked = parser.parse_args()
    rates: list[float] = []
    with postgres() as database, seaweed() as s3:
        for workers in (1, 2, 3):
            rates.append(measure(database, s3, workers, asked.jobs))
            print(
                f"{workers} workers: {rates[-1]:6.2f} videos a second, "
                f"{rates[-1] / rates[0]:.2f} times one"
            )


if __name__ == "__main__":
    main()
