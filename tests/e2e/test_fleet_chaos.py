"""A small fault campaign of a fleet; `make chaos-cluster` runs the large one."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from support.postgres_servers import shared

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
SMALL = ["--jobs", "60", "--s", "40", "--seed", "20261129", "--within-s", "300"]


def test_processes_database_bucket_and_network_fail_and_nothing_is_lost_or_paid_twice() -> None:
    shared()  # skips where PostgreSQL lacks
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.chaos_cluster", *SMALL],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "Nothing is wrong." in done.stdout
    taken, refused = (
        int(re.findall(rf"\| {what} \| (\d+) \|", done.stdout)[0])
        for what in ("jobs taken", "refused by a budget")
    )
    assert taken + refused == 60
    assert sum(map(int, re.findall(r"\| a process is [^|]+\| (\d+) \|", done.stdout))) >= 5
