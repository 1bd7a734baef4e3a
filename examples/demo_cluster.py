"""A small fleet makes a video: two gateways, a worker, PostgreSQL and S3, all on this machine.

Starts all of them on free ports, submits a photo at one gateway, asks the other how far it is,
saves the mp4 under demo/, and stops everything. Run it with `make demo-cluster`; programs of
PostgreSQL have to be installed.
"""

from __future__ import annotations

import base64
import sys
import time
from pathlib import Path

from benchmarks.fleet import Fleet, fleet
from benchmarks.real_servers import ProgramMissing, postgres
from benchmarks.s3_server import seaweed
from rich.console import Console

from unstill.cli.client import Client

ROOT = Path(__file__).parents[1]
PHOTO = ROOT / "photos" / "chelsea.jpg"
OUT = ROOT / "demo"
POLL_S = 0.3
WITHIN_S = 120.0
ROLES = {
    "gateway-1": ("serve", "--no-work"),
    "gateway-2": ("serve", "--no-work"),
    "worker": ("worker",),
}

out = Console(highlight=False)


def make(site: Fleet) -> Path:
    site.start()
    site.wait_ready()
    first, second = (Client(member.url) for member in site.gateways)
    picture = "data:image/jpeg;base64," + base64.b64encode(PHOTO.read_bytes()).decode()
    body = {
        "model": "wan2.7-i2v",
        "input": {"first_frame_url": picture, "prompt": "The cat looks up, slow push in"},
        "parameters": {"resolution": "720P", "duration": 3},
    }
    answer, _ = first.ask("POST", "/v1/tasks/submit", body)
    job_id = answer["output"]["task_id"]
    out.print(f"gateway-1 has taken {job_id}")
    shown = ""
    until_s = time.monotonic() + WITHIN_S
    while time.monotonic() < until_s:
        status, _ = second.ask("GET", f"/v1/tasks/status?task_id={job_id}")
        output = status["output"]
        said = f"gateway-2: {output['task_status']}, {output['progress']} %"
        if said != shown:
            out.print(said)
            shown = said
        if output["task_status"] == "Success":
            OUT.mkdir(exist_ok=True)
            file = OUT / "cluster.mp4"
            second.download(f"/v1/videos/{job_id}/content", file)
            return file
        if output["task_status"] == "Failure":
            raise SystemExit(output["error_message"])
        time.sleep(POLL_S)
    raise SystemExit("it took too long")


def main() -> None:
    try:
        with (
            postgres() as database,
            seaweed() as s3,
            fleet(database, s3, "", roles=ROLES) as site,
        ):
            out.print("PostgreSQL and S3 are up")
            file = make(site)
            out.print(f"{file.relative_to(ROOT)}: {file.stat().st_size / 1e6:.1f} MB")
    except ProgramMissing as missing:
        sys.exit(str(missing))


if __name__ == "__main__":
    main()
