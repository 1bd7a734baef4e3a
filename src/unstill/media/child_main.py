"""The main loop of every child program: tasks in on stdin, events out on stdout.

A child outlives nothing: it ends when its stdin ends, also in the middle of a task, and when the
server dies, even by kill -9 while a library holds the interpreter. What a task or a library prints
goes to stderr and cannot reach the events. Before the first task it gives up what none needs: new
privileges, the network, more addresses than it should have.
"""

from __future__ import annotations

import faulthandler
import os
import queue
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping
from typing import Any, BinaryIO, NoReturn, get_type_hints

import msgspec

from unstill.domain.engine import Report
from unstill.domain.errors import UnstillError
from unstill.media.events import ChildReady, Event, Progress, Task, TaskDone, TaskRefused
from unstill.system.machine import confine, die_with
from unstill.system.storage_errors import storage_trouble

CRASHED = 70  # sysexits.h, EX_SOFTWARE
READ_BYTES = 64 * 1024

TaskFunction = Callable[[Any, Report], object]  # its first annotation is what args are decoded as


def serve(
    tasks: Mapping[str, TaskFunction],
    *,
    address_space_bytes: int | None = None,
    system: str = sys.platform,
) -> NoReturn:
    """Answer task lines one after another until stdin ends.

    An UnstillError of a task is its answer; any other exception ends the child with a traceback.
    The program's only argument, if there is one, is the process id of the server that started it.
    """
    events = _take_stdout()
    confinement = confine(address_space_bytes, system=system)
    lines = _take_stdin()
    faulthandler.enable()
    # Ctrl-C in a terminal reaches every process of it; the server ends its children itself.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    die_with(int(sys.argv[1]) if len(sys.argv) > 1 else None, system=system)
    try:
        _say(events, ChildReady(confinement))
        while True:
            _say(events, _answer(lines.get(), tasks, events))
    except BaseException:  # noqa: BLE001  - the last words of a crash, whatever it was
        traceback.print_exc()
        sys.stderr.flush()
    # Not sys.exit: the reading thread and a library's threads must not hold up the end.
    os._exit(CRASHED)


def _answer(
    line: bytes, tasks: Mapping[str, TaskFunction], events: BinaryIO
) -> TaskDone | TaskRefused:
    task = msgspec.json.decode(line, type=Task)
    function = tasks[task.task]
    args = msgspec.json.decode(task.args, type=_args_type(function))

    def report(fraction: float) -> None:
        _say(events, Progress(fraction=fraction))

    try:
        result = function(args, report)
    except UnstillError as error:
        param = getattr(error, "param", None)
        return TaskRefused(code=error.code, message=error.message, param=param)
    except OSError as error:
        trouble = storage_trouble(error)
        if trouble is None:
            raise
        return TaskRefused(code=trouble.code, message=trouble.message)
    return TaskDone(result=msgspec.Raw(msgspec.json.encode(result)))


def _args_type(function: TaskFunction) -> Any:
    return next(iter(get_type_hints(function).values()))


def _say(events: BinaryIO, event: Event) -> None:
    events.write(msgspec.json.encode(event) + b"\n")
    events.flush()


def _take_stdout() -> BinaryIO:
    """Keep stdout for the events alone: a library that prints to fd 1 reaches stderr."""
    events = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return events


def _take_stdin() -> queue.SimpleQueue[bytes]:
    """Task lines, read by a thread, so that the end of stdin also ends a task at work."""
    source = os.dup(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)  # a library that reads stdin does not eat the next task
    os.close(nothing)
    lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()

    def read() -> None:
        for line in _lines(source):
            lines.put(line)
        os._exit(0)

    threading.Thread(target=read, name="stdin", daemon=True).start()
    return lines


def _lines(source: int) -> Iterator[bytes]:
    rest = b""
    # os.read, not a buffered file: its lock, held here, would be fatal at interpreter shutdown.
    while chunk := os.read(source, READ_BYTES):
        *whole, rest = (rest + chunk).split(b"\n")
        yield from whole
