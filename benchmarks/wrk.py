"""Load from wrk: one thread, kept-alive connections, prepared requests sent in turn."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from benchmarks.process import Running

SCRIPT = Path(__file__).with_name("calls.lua")
CONNECTIONS = 32
WINDOW_S = 1

_UNITS_MS = {"us": 0.001, "ms": 1.0, "s": 1000.0}


class Calls(NamedTuple):
    """What is sent: one method, all paths in turn, the same headers and body."""

    method: str
    paths: Path  # one a line
    headers: Mapping[str, str]
    body: Path | None = None


class Window(NamedTuple):
    """One server under load for a while."""

    calls_per_s: float
    p50_ms: float
    p99_ms: float
    cpu_us: float  # of the server, for one call
    busy: float  # share of the time that the server's core worked for it


class CallsRefused(Exception):
    """A server under load answered something else than 2xx."""


def is_there() -> bool:
    return shutil.which("wrk") is not None and shutil.which("taskset") is not None


def window(server: Running, calls: Calls, *, core: int) -> Window:
    """Load `server` from `core` for a second. Raises CallsRefused."""
    command = ["taskset", "-c", str(core), "wrk", "-t1", f"-c{CONNECTIONS}", f"-d{WINDOW_S}s"]
    command += ["--latency", "-s", str(SCRIPT)]
    for name, value in calls.headers.items():
        command += ["-H", f"{name}: {value}"]
    command += [server.url, "--", calls.method, str(calls.paths), str(calls.body or "")]
    cpu_before_s = server.cpu_s
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    cpu_s = server.cpu_s - cpu_before_s
    if "Non-2xx" in said or "Socket errors" in said:
        raise CallsRefused(said)
    count, wall_s = re.findall(r"(\d+) requests in ([\d.]+)s", said)[0]
    return Window(
        calls_per_s=int(count) / float(wall_s),
        p50_ms=_latency_ms(said, "50%"),
        p99_ms=_latency_ms(said, "99%"),
        cpu_us=cpu_s / int(count) * 1e6,
        busy=cpu_s / float(wall_s),
    )


def _latency_ms(said: str, share: str) -> float:
    number, unit = re.findall(rf"^ +{share} +([\d.]+)(us|ms|s)$", said, re.MULTILINE)[0]
    return float(number) * _UNITS_MS[unit]
