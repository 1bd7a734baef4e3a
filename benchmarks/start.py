"""How soon a server answers, and what it holds at rest, against uvicorn saying hello.

    python -m benchmarks.start

Both are started in turn, each time with a new data folder; the time is from the start of the
process to its first answer. The memory is that of the server's own process; at rest it has no
children.
"""

from __future__ import annotations

import http.client
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import NamedTuple

from benchmarks.figure import Figure, at_most, table_of
from benchmarks.process import Memory, Running, running
from rich.console import Console

ROUNDS = 5
SETTLES_S = 1.0  # after the first answer
RESTS_WITHIN_S = 60.0
READY_BUDGET_S = at_most(1.0)
MEMORY_BUDGET_MIB = at_most(120.0)


class Start(NamedTuple):
    ready_s: float
    memory: Memory


def measure() -> list[Figure]:
    with TemporaryDirectory(prefix="unstill-") as folder:
        rounds = [both(Path(folder) / str(number)) for number in range(ROUNDS)]
    ours, limit = zip(*rounds, strict=True)
    times_s = [start.ready_s for start in ours]
    return [
        Figure(
            "start to first answer",
            "s",
            median(times_s),
            median(start.ready_s for start in limit),
            READY_BUDGET_S,
            f"median of {ROUNDS}, {min(times_s):.2f} to {max(times_s):.2f} s",
        ),
        Figure(
            "memory at rest",
            "MiB RSS",
            median(start.memory.rss_mib for start in ours),
            median(start.memory.rss_mib for start in limit),
            MEMORY_BUDGET_MIB,
            f"PSS {median(start.memory.pss_mib for start in ours):.0f} MiB, "
            f"USS {median(start.memory.uss_mib for start in ours):.0f} MiB; no children",
        ),
    ]


def both(folder: Path) -> tuple[Start, Start]:
    """The product with its data in `folder`, then the limit."""
    product = ("unstill", "serve", "--port", "0", "--data-dir", str(folder))
    return started(product), started(("benchmarks.bare",))


def started(arguments: Sequence[str]) -> Start:
    begun_s = time.perf_counter()
    with running(arguments) as server:
        ask(server)
        ready_s = time.perf_counter() - begun_s
        time.sleep(SETTLES_S)
        await_rest(server)
        return Start(ready_s, server.memory)


def await_rest(server: Running) -> None:
    """Until the self-test of a new data folder is over. Raises AssertionError if it never is."""
    until_s = time.perf_counter() + RESTS_WITHIN_S
    while server.children:
        if time.perf_counter() > until_s:
            raise AssertionError(f"{server.url} has children at rest: {server.children}")
        time.sleep(0.1)
    time.sleep(SETTLES_S)


def ask(server: Running) -> None:
    """One answer, whole. Raises OSError if there is none."""
    connection = http.client.HTTPConnection(server.url.removeprefix("http://"), timeout=10)
    connection.request("GET", "/health")
    answer = connection.getresponse()
    answer.read()
    connection.close()
    if answer.status != 200:
        raise AssertionError(f"{server.url}/health answered {answer.status}")


if __name__ == "__main__":
    Console().print(table_of(measure(), title="Start"))
