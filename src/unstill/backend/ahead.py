"""What calls that may cost have come to, noted ahead of the commit that settles them.

Between an upstream's answer and its commit, a kill would turn a known ticket into a doubt. A line
in a file is written at once, and outlives the process; it is synced only where the commit fails,
since the commit itself is what survives a power cut. A start reads it for the attempts that it
finds open.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import msgspec
import structlog

from unstill.ledger import Settlement

FILE = "unstill.ahead"
MOST_BYTES = 2**20  # then it is begun anew with what is not committed yet
PRIVATE = 0o600

log = structlog.get_logger()


class Line(msgspec.Struct, frozen=True):
    job_id: str
    settlement: Settlement


_encode = msgspec.json.Encoder().encode
_line_of = msgspec.json.Decoder(Line).decode


class Ahead:
    """Written on the event loop, in some microseconds."""

    def __init__(self, data_dir: Path) -> None:
        self._file = data_dir / FILE
        self._found = _read(self._file)  # of the server before
        self._open: dict[tuple[str, int], bytes] = {}  # noted and not committed
        self._descriptor = os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, PRIVATE)
        self._bytes = 0

    def note(self, job_id: str, settlement: Settlement) -> None:
        line = _encode(Line(job_id, settlement)) + b"\n"
        self._open[job_id, settlement.n] = line
        try:
            os.write(self._descriptor, line)
            self._bytes += len(line)
            if self._bytes > MOST_BYTES:
                self._begin_anew()
        except OSError as error:  # the commit follows; without it, the log has the ticket
            log.warning("not_noted_ahead", job_id=job_id, why=error.strerror)

    def committed(self, job_id: str, n: int) -> None:
        self._open.pop((job_id, n), None)

    def sync(self) -> None:
        """Make what is noted survive a power cut, as far as the disk will."""
        with suppress(OSError):
            os.fsync(self._descriptor)

    def of(self, job_id: str, n: int) -> Settlement | None:
        """What the server before had noted of an attempt."""
        return self._found.get((job_id, n))

    def forget(self) -> None:
        """Drop what the server before had noted: all of it has been judged."""
        self._found = {}
        with suppress(OSError):
            self._begin_anew()

    def close(self) -> None:
        os.close(self._descriptor)

    def _begin_anew(self) -> None:
        draft = self._file.with_name(f"{FILE}.part")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, PRIVATE)
        try:
            os.write(descriptor, b"".join(self._open.values()))
            draft.replace(self._file)
        except OSError:
            os.close(descriptor)
            raise
        os.close(self._descriptor)
        self._descriptor, self._bytes = descriptor, 0


def _read(file: Path) -> dict[tuple[str, int], Settlement]:
    """Whole lines; the last of them is cut where a kill came in its midst."""
    found = {}
    try:
        text = file.read_bytes()
    except FileNotFoundError:
        return {}
    for each in text.splitlines():
        with suppress(msgspec.DecodeError):
            line = _line_of(each)
            found[line.job_id, line.settlement.n] = line.settlement
    return found
