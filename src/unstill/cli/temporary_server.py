"""A server of one's own for the length of a command: its start, its end, and no orphan.

The server ends when its standard input does, and that ends with whoever started it, by whatever
death: the pipe is the one way that every system has. Then it removes its folder, for who should
have done so may be gone.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import NoReturn

from unstill.domain.errors import OperatorError
from unstill.system.installed import note

ENDS_WITHIN_S = 10.0  # it ends its renders within a second
# As one of a fleet that the settings here name, it would take jobs, and end in their midst.
_ALONE = {
    "UNSTILL_DATABASE": "",
    "UNSTILL_FILES": "",
    "UNSTILL_FILE_DELIVERY": "proxy",
    "UNSTILL_FILES_PUBLIC_URL": "",
}
FOLLOWS = "--follows-stdin"  # an option of `unstill serve` that no help shows


@contextmanager
def own_server(*, prompt_in_files: bool) -> Iterator[str]:
    """The address of a server that was started for this one command. Raises OperatorError."""
    # Ended by its terminal or by a service manager, it must still end that server.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _leave)
    try:
        folder = tempfile.TemporaryDirectory(prefix="unstill-")
    except OSError as error:
        reason = "no folder for temporary files can be written to: set TMPDIR to one"
        raise OperatorError(reason) from error
    with folder as name:
        note(Path(name))  # the command's own video is the trial
        with started_server(name, prompt_in_files=prompt_in_files) as address:
            yield address


@contextmanager
def started_server(data_dir: str, *, prompt_in_files: bool = False) -> Iterator[str]:
    """`unstill serve` on a free port of this machine; ended when the block is left, or with us."""
    command = [sys.executable, "-m", "unstill", "serve", FOLLOWS, "--data-dir", data_dir]
    # Whatever an unstill.toml here says: this server is for this machine, and open.
    command += ["--host", "127.0.0.1", "--port", "0"]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("UNSTILL_")}
    environment["UNSTILL_PROMPT_IN_FILES"] = str(prompt_in_files).lower()
    with (
        tempfile.TemporaryFile("w+") as log,
        subprocess.Popen(  # noqa: S603  - our own program
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env=environment | _ALONE,
        ) as process,
    ):
        try:
            line = process.stdout.readline() if process.stdout else ""
            if " is ready at " not in line:
                log.seek(0)
                raise OperatorError(_last_line(log.read()) or "the server did not start")
            yield line.split(" is ready at ")[1].split()[0]
        finally:
            _end(process)


@contextmanager
def following_stdin(data_dir: str) -> Iterator[None]:
    """The server's side: it ends with its standard input, and `data_dir` with it."""
    signal.signal(signal.SIGTERM, _leave)  # until the server has its own handler
    threading.Thread(target=_await_end, daemon=True).start()
    try:
        yield
    finally:
        shutil.rmtree(data_dir, ignore_errors=True)


def _await_end() -> None:
    # Not by sys.stdin, whose lock a thread that waits would keep at the interpreter's end.
    with suppress(OSError):
        while os.read(0, 1024):
            pass
    os.kill(os.getpid(), signal.SIGTERM)


def _leave(number: int, frame: FrameType | None) -> NoReturn:
    del frame
    raise SystemExit(128 + number)


def _last_line(log: str) -> str:
    lines = log.strip().splitlines() or [""]
    return lines[-1].removeprefix("unstill: ")


def _end(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.wait(ENDS_WITHIN_S)
    except (subprocess.TimeoutExpired, KeyboardInterrupt):
        process.kill()
