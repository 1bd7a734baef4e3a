"""Room that is kept for when the disk is full: for a start, and for the deletes that make room.

A delete has to write that the job is deleted before its files may go, and a start needs some files
of its own. Both get a reserve that is given up for them, and made anew once there is room.
"""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path

FILE = "unstill.reserve"
SIZE_BYTES = 8 * 2**20  # some thousand deletes
PRIVATE = 0o600


class Reserve:
    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._file = data_dir / FILE

    def make(self) -> bool:
        """Take the room, if as much again stays free; whether there is a reserve."""
        if self._file.exists():
            return True
        if self._free_bytes() < 2 * SIZE_BYTES:
            return False
        draft = self._data_dir / f"{FILE}.part"
        try:
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, PRIVATE)
            try:
                _fill(descriptor)
            finally:
                os.close(descriptor)
            draft.replace(self._file)
        except OSError:  # others were quicker
            with suppress(OSError):
                draft.unlink()
            return False
        return True

    def give_up(self) -> bool:
        """Give the room back; whether there was any."""
        try:
            self._file.unlink()
        except OSError:
            return False
        return True

    def give_up_for_start(self) -> None:
        if self._free_bytes() < SIZE_BYTES:
            self.give_up()

    def _free_bytes(self) -> int:
        return shutil.disk_usage(self._data_dir).free


def _fill(descriptor: int) -> None:
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(descriptor, 0, SIZE_BYTES)
        return
    for _ in range(SIZE_BYTES // 2**20):  # macOS: a hole would keep nothing free
        os.write(descriptor, bytes(2**20))
