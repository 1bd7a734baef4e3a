"""Python programs for tests, begun by a fork of a process that has imported the product already.

A test's server is a real process all the same: with its own environment, folder, arguments, output,
signals and exit status, run as `python WORDS` runs it. What it shares with the others of a worker
is the seed of hashes, and the second that imports take. The process that forks has one thread.

Begun as `python` begins it is what sets a variable that is read before the first line of a program
runs, and each of a system without `pidfd_open`. Run as a program, this file is the one that forks.
"""

from __future__ import annotations

import atexit
import importlib
import json
import os
import runpy
import select
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import IO, NamedTuple, Protocol

# What a server and an emulator have imported once they listen, or most of it.
IMPORTED = (
    "unstill.cli.commands",
    "unstill.product",
    "unstill.server.lifecycle",
    "unstill.emulators",
    "typer._adapters",
    "uvloop",
)
# Read by the product alone, in each process; others may be Python's or a library's at its import.
OWN_VARIABLES = ("UNSTILL_", "PYTEST_")
_MOST_BYTES = 1 << 18  # of one request: arguments and environment


class Process(Protocol):
    """What tests do with a process, as `subprocess.Popen` has it."""

    @property
    def pid(self) -> int: ...
    @property
    def stdout(self) -> IO[str] | None: ...
    def poll(self) -> int | None: ...
    def wait(self, timeout: float | None = None) -> int: ...
    def send_signal(self, sig: int) -> None: ...
    def terminate(self) -> None: ...
    def kill(self) -> None: ...


class Start(NamedTuple):
    words: Sequence[str]  # after `python`: `-m MODULE ...` or `FILE ...`
    folder: str
    environment: dict[str, str]


def begun(
    words: Sequence[str],
    *,
    environment: Mapping[str, str],
    folder: Path | None = None,
    log: IO[str] | None = None,
    forks: bool = True,
) -> Process:
    """`python WORDS`, with its output in a pipe.

    log: where its errors go; None: where the tests' own go.
    forks: whether a fork may begin it; not if the test is about what the machine tells of it.
    """
    if forks and sys.platform == "linux" and foreign(environment) == _shared().environment:
        start = Start(words, str(folder or Path.cwd()), dict(environment))
        return _shared().begin(start, 2 if log is None else log.fileno())
    return subprocess.Popen(
        [sys.executable, *words],
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
        env=environment,
        cwd=folder,
    )


def ran(
    words: Sequence[str],
    *,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
    within_s: float = 120,
) -> subprocess.CompletedProcess[str]:
    """`python WORDS` until its end, and what it said; it is killed if that takes longer.

    environment: None: the tests' own, without the product's variables.
    """
    variables = foreign(os.environ) if environment is None else environment
    with tempfile.TemporaryFile("w+") as log:
        process = begun(words, environment=variables, folder=folder, log=log)
        assert process.stdout is not None
        timer = threading.Timer(within_s, process.kill)
        timer.start()
        with process.stdout as saying:
            said = saying.read()
        status = process.wait()
        timer.cancel()
        log.seek(0)
        return subprocess.CompletedProcess(words, status, said, log.read())


def foreign(environment: Mapping[str, str]) -> dict[str, str]:
    return {k: v for k, v in environment.items() if not k.startswith(OWN_VARIABLES)}


@cache
def _shared() -> ForkServer:
    """One for all tests of a worker."""
    server = ForkServer()
    atexit.register(server.close)
    return server


class ForkServer:
    """This side of the process that forks."""

    def __init__(self) -> None:
        self.environment = foreign(os.environ)
        self._asking, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with other:
            # -P: the modules beside this file have names that others have too.
            command = [sys.executable, "-P", __file__, str(other.fileno())]
            self._process = subprocess.Popen(
                command, pass_fds=[other.fileno()], stdout=subprocess.DEVNULL
            )

    def begin(self, start: Start, errors: int) -> Forked:
        told, telling = os.pipe()
        reading, printing = os.pipe()
        socket.send_fds(
            self._asking, [json.dumps(start._asdict()).encode()], [printing, errors, telling]
        )
        os.close(telling)
        os.close(printing)
        return Forked(told=told, stdout=os.fdopen(reading))

    def close(self) -> None:
        self._asking.close()
        self._process.wait(timeout=20)


class Forked:
    """A process that was begun by a fork. Its parent tells its id, and later its exit status."""

    def __init__(self, *, told: int, stdout: IO[str]) -> None:
        self._told = os.fdopen(told, "rb", buffering=0)
        self.stdout = stdout
        self.returncode: int | None = None
        self.pid = int(self._told.readline())

    def poll(self) -> int | None:
        with suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        if self.returncode is None:
            if not select.select([self._told], (), (), timeout)[0]:
                raise subprocess.TimeoutExpired(f"process {self.pid}", timeout or 0)
            self.returncode = int(self._told.readline())
            self._told.close()
        return self.returncode

    def send_signal(self, sig: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, sig)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


# --- the process that forks -----------------------------------------------------------------------


class Child(NamedTuple):
    pid: int
    telling: int  # where its exit status is waited for


def fork_until_asked_no_more(asking: socket.socket) -> tuple[Start, list[int]]:
    """Fork for each request and tell what becomes of it; in a child, what it was begun for.

    The files of a start: its output, its errors, and where its parent tells of it.
    """
    with selectors.DefaultSelector() as waits:
        waits.register(asking, selectors.EVENT_READ)
        while True:
            for key, _ in waits.select():
                if key.fileobj is not asking:
                    waits.unregister(key.fileobj)
                    os.close(key.fd)
                    _tell_end(key.data)
                    continue
                message, files, _, _ = socket.recv_fds(asking, _MOST_BYTES, 3)
                if not message:
                    sys.exit()
                pid = os.fork()
                if pid == 0:
                    return Start(**json.loads(message)), files
                child = Child(pid, files.pop())
                os.write(child.telling, b"%d\n" % pid)
                for file in files:
                    os.close(file)
                waits.register(os.pidfd_open(pid), selectors.EVENT_READ, child)


def _tell_end(child: Child) -> None:
    """In the words of `subprocess`: a signal is its number below 0."""
    _, status = os.waitpid(child.pid, 0)
    with suppress(BrokenPipeError):
        os.write(child.telling, b"%d\n" % os.waitstatus_to_exitcode(status))
    os.close(child.telling)


def become(start: Start, files: Sequence[int]) -> None:
    """Take the output, the folder and the environment of the start, and no other file along."""
    os.dup2(files[0], 1)
    os.dup2(files[1], 2)
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))
    os.chdir(start.folder)
    os.environ.clear()
    os.environ.update(start.environment)


def run(words: Sequence[str]) -> None:
    """As `python WORDS` does."""
    if words[0] == "-m":
        sys.argv = list(words[1:])
        runpy.run_module(words[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv = list(words)
        runpy.run_path(words[0], run_name="__main__")


def main() -> None:
    for module in IMPORTED:
        importlib.import_module(module)
    [_] = Path("/proc/self/task").iterdir()  # a fork takes one thread along, and locks of all
    with socket.socket(fileno=int(sys.argv[1])) as asking:
        start, files = fork_until_asked_no_more(asking)
    become(start, files)
    run(start.words)


if __name__ == "__main__":
    main()
