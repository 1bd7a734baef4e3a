"""A small fault campaign over some of the engines, others each day; `make chaos` runs all."""

from __future__ import annotations

import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
SEED = datetime.now(UTC).strftime("%Y%m%d")  # the report has it, for the same again
SMALL = ["--jobs", "48", "--kills", "3", "--engines", "7", "--seed", SEED, "--within-s", "150"]


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
    assert re.search(r"\| SIGKILLs of the server \| [3-9] \|", done.stdout)
    # The sums of both books, which differ by nothing: else the campaign had found it.
    assert re.search(r"\| bailian: wan2.7-i2v \| [0-9.]+ \|", done.stdout)
    assert len(re.findall(r"(?m)^\| [a-z]+ \| [a-z0-9-]+ \| \d+ \|", done.stdout)) == 7
