"""A small campaign with a database that is put back, at upstreams that misbehave everywhere."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_a_database_that_is_put_back_pays_for_nothing_twice_whatever_upstreams_do() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.chaos_put_back", "--jobs", "24", "--seed", "2"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "Nothing is wrong." in done.stdout
    assert "held: 0" not in done.stdout
