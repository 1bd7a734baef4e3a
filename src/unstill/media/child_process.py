"""One running child program, seen from the server: its lines in order, its last words, its end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Mapping
from typing import cast

from unstill.system.machine import child_environment

MOST_LAST_WORDS_BYTES = 2048
MOST_LINE_BYTES = 64 * 1024 * 1024  # a child that never ends its line may not fill the server
PATIENCE_S = 0.5  # after SIGTERM before SIGKILL, and after its end for who else holds its pipes

STDIN, STDOUT, STDERR = 0, 1, 2

ONE_THREAD_EACH = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
}  # children are counted as one core each


class Child(asyncio.SubprocessProtocol):
    """What the event loop hears of one process, kept for who asks it.

    A protocol of our own, not asyncio's streams: a line may be of any length, stderr is read
    whether anybody asks or not, and the transport can be closed in the open.
    """

    def __init__(self, slot: int = 0) -> None:
        self.slot = slot  # which of its pool's slots it has
        self.tasks_done = 0
        self._transport: asyncio.SubprocessTransport
        self._lines: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._begun_line = bytearray()
        self._last_words = b""
        self._gone = asyncio.Event()

    @property
    def is_gone(self) -> bool:
        return self._transport.get_returncode() is not None

    @property
    def last_words(self) -> str:
        """The end of what it printed to stderr since its last task began."""
        return self._last_words.decode(errors="replace").strip()

    @property
    def how_it_ended(self) -> str:
        match self._transport.get_returncode():
            case None:
                return "still running"
            case code if code < 0:
                return f"killed by signal {-code}"
            case code:
                return f"exit status {code}"

    def give(self, task: bytes) -> None:
        self._last_words = b""
        self.write(task)

    def write(self, line: bytes) -> None:
        stdin = cast("asyncio.WriteTransport", self._transport.get_pipe_transport(STDIN))
        if not stdin.is_closing():  # it died this very moment; `line` will say so
            stdin.write(line + b"\n")

    async def line(self) -> bytes | None:
        """The next line of its stdout; None after the last line of a process that is gone."""
        return await self._lines.get()

    async def end(self) -> None:
        """Terminate the process and what it started, and kill them if they do not hear that.

        Returns within twice `PATIENCE_S`, even if the kernel cannot end the process yet.
        """
        for number in (signal.SIGTERM, signal.SIGKILL):
            self._signal(number)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._gone.wait(), PATIENCE_S)
                return
        self._transport.close()

    def _signal(self, number: signal.Signals) -> None:
        if self._transport.get_returncode() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._transport.get_pid(), number)  # its own group, see `start`

    # --- called by the event loop ---------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.SubprocessTransport", transport)

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        if fd == STDERR:
            self._last_words = (self._last_words + data)[-MOST_LAST_WORDS_BYTES:]
            return
        if b"\n" not in data:
            self._begun_line += data
            if len(self._begun_line) > MOST_LINE_BYTES:
                self._signal(signal.SIGKILL)
            return
        first, *others, rest = data.split(b"\n")
        for line in (bytes(self._begun_line) + first, *others):
            self._lines.put_nowait(line)
        self._begun_line[:] = rest

    def process_exited(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._transport.get_pid(), signal.SIGKILL)  # what it started and left behind
        # Its last event may still be in the pipe: `connection_lost` comes once that is read. What
        # left the group could hold the pipe open for ever.
        asyncio.get_running_loop().call_later(PATIENCE_S, self._transport.close)

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._transport.close()
        self._gone.set()
        self._lines.put_nowait(None)


async def start(program: str, environment: Mapping[str, str], slot: int = 0) -> Child:
    """Run `python -m program` in a session of its own, which a terminal's Ctrl-C does not reach."""
    # -P: a module that lies in the folder the server was started in is not picked up.
    _, child = await asyncio.get_running_loop().subprocess_exec(
        lambda: Child(slot),
        *(sys.executable, "-P", "-m", program, str(os.getpid())),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
        env={**child_environment(os.environ), **ONE_THREAD_EACH, **environment},
    )
    return child
