"""Jobs that end at once, and what `unstill webhooks` says of their deliveries."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path
from typing import Any

from support.fork_server import ran
from support.free_ports import free_port
from support.servers import Serving
from support.webhook_receiver import (
    OLD_SECRET,
    SECRET,
)

SIGNING = {"UNSTILL_WEBHOOK_SECRET": f"{SECRET},{OLD_SECRET}"}
NO_PICTURE = f"http://127.0.0.1:{free_port()}/cat.jpg"  # a job of it fails at once


def failing(url: str | None, **fields: Any) -> dict[str, Any]:
    """A task that fails as soon as its picture is fetched."""
    body = {"model": "wan2.7-i2v", "input": {"img_url": NO_PICTURE}, **fields}
    return body if url is None else body | {"webhook_url": url}


def listed(server: Serving, job_id: str) -> str:
    """The job's line of `unstill webhooks list`."""
    done = unstill("list", "--limit", "1000", data_dir=server.data_dir)
    return next(line for line in done.stdout.splitlines() if job_id in line)


def listed_as(word: str, server: Serving, job_id: str) -> str:
    """The same, once it says so."""
    until_s = time.monotonic() + 20
    while word not in (line := listed(server, job_id)):
        assert time.monotonic() < until_s, line
        time.sleep(0.1)
    return line


def unstill(*words: str, data_dir: Path) -> subprocess.CompletedProcess[str]:
    return ran(["-m", "unstill", "webhooks", *words, "--data-dir", str(data_dir)])
