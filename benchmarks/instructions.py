"""How many instructions a poll and a submit take, beside the limit's and a bare server's.

    python -m benchmarks.instructions [--only KIND]

Counted by valgrind in a server that is driven in its process (in_process.py), with no network
between: twice for each, and what the longer run has more is what its calls cost. Unlike times,
these figures hold on a machine that does other things too. What the kernel does for a call is not
in them. Some minutes for each kind.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
from tempfile import TemporaryDirectory

from benchmarks.in_process import REQUESTS

SIDES = ("ours", "raw", "hello")
FEW, MANY = 128, 1152
COUNT = [
    *("valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"),
    *(sys.executable, "-m", "benchmarks.in_process"),
]


def instructions(kind: str, side: str, calls: int) -> int:
    """Of the whole run, its start included."""
    with TemporaryDirectory(prefix="unstill-") as folder:
        ran = subprocess.run(
            [*COUNT, kind, side, str(calls), folder],
            check=True,
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONHASHSEED": "0"},
        )
    counted = re.search(r"I\s+refs:\s+([\d,]+)", ran.stderr)
    if counted is None:
        raise RuntimeError(ran.stderr)
    return int(counted[1].replace(",", ""))


def of_a_call(kind: str, side: str) -> float:
    """In thousands."""
    more = instructions(kind, side, MANY) - instructions(kind, side, FEW)
    return more / (MANY - FEW) / 1000


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.instructions")
    parser.add_argument("--only", choices=list(REQUESTS), action="append")
    asked = parser.parse_args()
    if shutil.which("valgrind") is None:
        sys.exit("instructions are not counted: that needs valgrind")
    print("| thousand instructions a call | ours | raw | raw / ours | a bare uvicorn's `{}` |")
    print("|---|---:|---:|---:|---:|")
    for kind in asked.only or REQUESTS:
        ours, raw, hello = (of_a_call(kind, side) for side in SIDES)
        print(f"| {kind} | {ours:.1f} | {raw:.1f} | {raw / ours:.2f} | {hello:.1f} |", flush=True)


if __name__ == "__main__":
    main()
