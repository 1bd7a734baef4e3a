"""What calls may cost, noted beside the store: that they begin, and what they have come to.

Between an upstream's answer and its commit, a kill would turn a known ticket into a doubt; and a
store that is put back from a copy knows nothing of the calls since. A line in a file is written at
once, and outlives the process and the store; it is synced only where the commit fails, since the
commit itself is what survives a power cut. A start reads it for the attempts that it finds open,
a recovery for all that the copy lacks. The file goes on over starts; once it is full it becomes
the older of two.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import msgspec
import structlog

from unstill.domain.attempts import Attempt, Outcome
from unstill.domain.request import Size
from unstill.system.durable_writes import write_durably

FILE = "unstill.ahead"
OLDER = "unstill.ahead.older"
MOST_BYTES = 2 * 2**20  # each has no more: some 3,500 calls
PRIVATE = 0o600

log = structlog.get_logger()


class NotedCall(msgspec.Struct, frozen=True):
    """A call as it is noted: the attempt, open before it, then with its outcome."""

    attempt: Attempt
    size: Size | None = None  # the job's video has it; a copy may be from before it was known


_encode = msgspec.json.Encoder().encode
_call_of = msgspec.json.Decoder(NotedCall).decode


class Ahead:
    """Written on the event loop, in some microseconds."""

    def __init__(self, data_dir: Path, *, most_bytes: int = MOST_BYTES) -> None:
        self._data_dir = data_dir
        self._most_bytes = most_bytes
        self._found: dict[tuple[str, int], Attempt] | None = None  # once a start has asked
        self._open: dict[tuple[str, int], bytes] = {}  # noted and not committed
        file = data_dir / FILE
        self._descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, PRIVATE)
        self._bytes = os.fstat(self._descriptor).st_size

    def note(self, call: NotedCall) -> None:
        # A line begins with its break: one that a kill has cut ends where the next one begins.
        line = b"\n" + _encode(call)
        self._open[call.attempt.job_id, call.attempt.n] = line
        try:
            self._bytes += os.write(self._descriptor, line)
            if self._bytes > self._most_bytes:
                self._begin_anew()
        except OSError as error:  # the commit follows; without it, the log has the ticket
            log.warning("not_noted_ahead", job_id=call.attempt.job_id, why=error.strerror)

    def committed(self, job_id: str, n: int) -> None:
        self._open.pop((job_id, n), None)

    def sync(self) -> None:
        """Make what is noted survive a power cut, as far as the disk will."""
        with suppress(OSError):
            os.fsync(self._descriptor)

    def of(self, job_id: str, n: int) -> Attempt | None:
        """The attempt with what a server before had heard of it; None if that is nothing."""
        if self._found is None:
            calls = noted_in(self._data_dir)
            self._found = {key: call.attempt for key, call in calls.items()}
        attempt = self._found.get((job_id, n))
        return None if attempt is None or attempt.outcome is Outcome.OPEN else attempt

    def forget(self) -> None:
        """Let go of what was read: a start is over."""
        self._found = {}

    def close(self) -> None:
        os.close(self._descriptor)

    def _begin_anew(self) -> None:
        file = self._data_dir / FILE
        draft = file.with_name(f"{FILE}.part")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, PRIVATE)
        try:
            written = os.write(descriptor, b"".join(self._open.values()))
            file.replace(self._data_dir / OLDER)
            draft.replace(file)  # a start between the two reads the older one
        except OSError:
            os.close(descriptor)
            raise
        os.close(self._descriptor)
        self._descriptor, self._bytes = descriptor, written


def noted_in(data_dir: Path) -> Mapping[tuple[str, int], NotedCall]:
    """The last calls that servers of the folder have noted, by job and attempt; oldest first."""
    return {
        (call.attempt.job_id, call.attempt.n): call
        for name in (OLDER, FILE)
        for call in _read(data_dir / name)
    }


def write_noted(data_dir: Path, calls: Iterable[NotedCall]) -> None:
    """Make these the calls that servers of a folder have noted; durable when it returns."""
    write_durably(data_dir / FILE, b"".join(b"\n" + _encode(call) for call in calls))


def _read(file: Path) -> Iterator[NotedCall]:
    """Whole lines; the last one of a server is cut where a kill came in its midst."""
    with suppress(FileNotFoundError):
        for line in file.read_bytes().splitlines():
            with suppress(msgspec.DecodeError):
                yield _call_of(line)
