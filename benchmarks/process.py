"""A server in a process of its own, and what it uses of the machine. Linux only."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_START_WITHIN_S = 60.0
_END_WITHIN_S = 40.0


class Running(NamedTuple):
    pid: int
    url: str

    @property
    def cpu_s(self) -> float:
        """CPU seconds of all its threads so far."""
        after_name = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        user, system = after_name[11:13]  # proc(5): utime and stime are fields 14 and 15
        return (int(user) + int(system)) / _TICKS_PER_S

    @property
    def memory(self) -> Memory:
        text = Path(f"/proc/{self.pid}/smaps_rollup").read_text()
        rows = (line.split() for line in text.splitlines()[1:])
        kib = {row[0].rstrip(":"): int(row[1]) for row in rows}
        own = kib["Private_Clean"] + kib["Private_Dirty"]
        return Memory(rss_mib=kib["Rss"] / 1024, pss_mib=kib["Pss"] / 1024, uss_mib=own / 1024)

    @property
    def children(self) -> list[int]:
        tasks = Path(f"/proc/{self.pid}/task").iterdir()
        return [int(pid) for task in tasks for pid in (task / "children").read_text().split()]


class Memory(NamedTuple):
    rss_mib: float  # all that is mapped and there
    pss_mib: float  # pages that others map too count in part
    uss_mib: float  # pages that nobody else maps


def line_of(process: subprocess.Popen[str], within_s: float) -> str:
    """The next line that it prints; empty if it ends first, or says nothing for so long."""
    if process.stdout is None or not select.select([process.stdout], (), (), within_s)[0]:
        return ""
    return process.stdout.readline()


@contextmanager
def begun(
    module: str, command: Sequence[str], *, within_s: float
) -> Iterator[subprocess.Popen[str]]:
    """A module of this folder as a program, once it says that it has begun; killed at the end."""
    with subprocess.Popen(
        [sys.executable, "-m", module, *command],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[1],
    ) as process:
        try:
            if line_of(process, within_s) != "begun\n":
                raise RuntimeError(f"{module} could not make what it sends")
            yield process
        finally:
            process.kill()


@contextmanager
def running(
    arguments: Sequence[str], *, core: int | None = None, environment: Mapping[str, str] = {}
) -> Iterator[Running]:
    """`python -m <arguments>`, once its first line says `... ready at <url> ...`; then its end.

    core: the only one that it may use.
    """
    command = [sys.executable, "-m", *arguments]
    if core is not None:
        command = ["taskset", "-c", str(core), *command]
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("UNSTILL_")}
    with (
        tempfile.TemporaryFile("w+") as log,
        subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env={**inherited, **environment},
        ) as process,
    ):
        try:
            line = line_of(process, _START_WITHIN_S)
            if "ready at " not in line:
                log.seek(0)
                raise RuntimeError(f"{' '.join(command)} did not start: {log.read()[-2000:]}")
            yield Running(process.pid, line.split("ready at ")[1].split()[0])
        finally:
            process.terminate()
            try:
                process.wait(_END_WITHIN_S)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
