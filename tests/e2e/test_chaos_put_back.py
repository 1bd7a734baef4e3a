"""A small campaign with a database that is put back, at upstreams that misbehave everywhere."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
SMALL = ["--jobs", "60", "--seed", "5"]


@pytest.mark.parametrize("lost", [[], ["--without-notes"]], ids=["notes", "no notes"])
def test_a_database_that_is_put_back_pays_for_nothing_twice_whatever_upstreams_do(
    lost: list[str],
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.chaos_put_back", *SMALL, *lost],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )

    # The campaign itself ends with 1 where nothing of the copy was paid for since.
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Nothing is wrong." in done.stdout
