"""A small fault campaign; `make chaos` runs the large one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
SMALL = ["--jobs", "48", "--kills", "3", "--seed", "20261120", "--within-s", "150"]


def test_faults_and_kills_lose_no_job_pay_for_none_twice_and_bill_to_the_millionth() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.chaos", *SMALL],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "Nothing is wrong." in done.stdout
    assert "| SIGKILLs of the server | 3 |" in done.stdout
    assert "| calls of lost replies that their upstream told of | 0 |" not in done.stdout
    # The sums of both books, which differ by nothing: else the campaign had found it.
    assert "| bailian: wan2.7-i2v | " in done.stdout
