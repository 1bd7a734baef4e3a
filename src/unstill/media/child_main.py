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
from contextlib import suppress
from typing import Any, BinaryIO, NoReturn, Protocol, get_type_hints

import msgspec

from unstill.domain.errors import UnstillError
from unstill.media.events import (
    MOST_NOTE_CHARS,
    ChildNote,
    ChildReady,
    Event,
    LastWord,
    Progress,
    Stop,
    Task,
    TaskDone,
    TaskLeft,
    TaskRefused,
)
from unstill.system.machine import confine, die_with
from unstill.system.storage_errors import storage_trouble

CRASHED = 70  # sysexits.h, EX_SOFTWARE
READ_BYTES = 64 * 1024

_STOP = b'{"stop":'  # how `Stop` begins, and no task


class TaskStopped(BaseException):
    """The server wants the task no more: raised by its own report, to unwind it.

    No Exception: what a task catches of its libraries' errors is not this one.
    """


class Reports(Protocol):
    """What a task tells the server while it works; any word ends its silence."""

    def __call__(self, fraction: float) -> None:
        """The finished fraction, 0 to 1, growing. Raises TaskStopped once the task is stopped."""

    def note(self, name: str, /, **fields: str | float) -> None:
        """A line of the server's log, and a word to the engine; a long text is cut.

        Names are in snake_case. Raises ValueError for one that the log could not have.
        """


# Its first annotation is what args are decoded as. One that only tells how far it is may say that
# it takes a `Report` of domain/engine.py.
TaskFunction = Callable[[Any, Reports], object]


def serve(
    tasks: Mapping[str, TaskFunction],
    *,
    address_space_bytes: int | None = None,
    system: str = sys.platform,
) -> NoReturn:
    """Answer task lines one after another until stdin ends.

    An UnstillError of a task is its answer, TaskStopped the answer to a stop; any other exception
    ends the child with a traceback.
    The program's only argument, if there is one, is the process id of the server that started it.
    """
    events = _take_stdout()
    confinement = confine(address_space_bytes, system=system)
    told = _take_stdin()
    faulthandler.enable()
    # Ctrl-C in a terminal reaches every process of it; the server ends its children itself.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    die_with(int(sys.argv[1]) if len(sys.argv) > 1 else None, system=system)
    try:
        _say(events, ChildReady(confinement))
        while True:
            _say(events, _answer(told, tasks, events))
    except BaseException:  # noqa: BLE001  - the last words of a crash, whatever it was
        traceback.print_exc()
        sys.stderr.flush()
    # Not sys.exit: the reading thread and a library's threads must not hold up the end.
    os._exit(CRASHED)


class _Told:
    """What the server has said, as the thread that reads it knows."""

    def __init__(self) -> None:
        self.lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()  # the tasks
        self.stopped = -1  # the number of the task that was stopped last

    def hear(self, line: bytes) -> None:
        if line.startswith(_STOP):
            with suppress(msgspec.DecodeError):
                self.stopped = msgspec.json.decode(line, type=Stop).stop
                return
        self.lines.put(line)


class _TaskReports:
    """The `Reports` of one task."""

    def __init__(self, number: int, told: _Told, events: BinaryIO) -> None:
        self._number = number
        self._told = told
        self._events = events

    def __call__(self, fraction: float) -> None:
        self.check()
        _say(self._events, Progress(fraction=fraction))

    def note(self, name: str, /, **fields: str | float) -> None:
        said = {
            key: value[:MOST_NOTE_CHARS] if isinstance(value, str) else value
            for key, value in fields.items()
        }
        _say(self._events, ChildNote(name=name, fields=said))

    def check(self) -> None:
        """Raises TaskStopped."""
        if self._told.stopped == self._number:
            raise TaskStopped


def _answer(told: _Told, tasks: Mapping[str, TaskFunction], events: BinaryIO) -> LastWord:
    task = msgspec.json.decode(told.lines.get(), type=Task)
    function = tasks[task.task]
    args = msgspec.json.decode(task.args, type=_args_type(function))
    reports = _TaskReports(task.number, told, events)
    try:
        reports.check()  # the stop may have come together with the task
        result = function(args, reports)
    except TaskStopped:
        return TaskLeft()
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


def _take_stdin() -> _Told:
    """Lines, read by a thread: a stop is heard, and the end of stdin ends, also a task at work."""
    source = os.dup(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)  # a library that reads stdin does not eat the next task
    os.close(nothing)
    told = _Told()

    def read() -> None:
        for line in _lines(source):
            told.hear(line)
        os._exit(0)

    threading.Thread(target=read, name="stdin", daemon=True).start()
    return told


def _lines(source: int) -> Iterator[bytes]:
    rest = b""
    # os.read, not a buffered file: its lock, held here, would be fatal at interpreter shutdown.
    while chunk := os.read(source, READ_BYTES):
        *whole, rest = (rest + chunk).split(b"\n")
        yield from whole
