"""Copies of files that survive a power cut and have the times of what they are copies of.

Blocking: called in threads and by commands.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from unstill.system.durable_writes import sync_folder
from unstill.system.machine import flush

PIECE_BYTES = 2**20
ROUNDS = 100  # a folder that changes at each look is no job's


def copy_durably(source: Path, target: Path) -> int:
    """Copy a file under a name that nobody else uses yet; how many bytes it has.

    The bytes are copied, never linked. Raises FileNotFoundError where there is no source; then
    there is no target.
    """
    with source.open("rb") as read, open(target, "wb", opener=_private) as written:
        shutil.copyfileobj(read, written, PIECE_BYTES)
        size_bytes = written.tell()
        written.flush()
        found = os.fstat(read.fileno())
        os.utime(written.fileno(), ns=(found.st_atime_ns, found.st_mtime_ns))
        flush(written.fileno())
    return size_bytes


def copy_folder(source: Path, target: Path, is_wanted: Callable[[str], bool]) -> int:
    """Make the existing folder `target` hold what is wanted of `source`; how many bytes it has.

    What was copied before and has not changed since is not copied again. Others may rename and
    remove files meanwhile: it is looked at again until nothing was.
    """
    target.mkdir(mode=0o700, exist_ok=True)
    for _ in range(ROUNDS):
        names = _names(source, is_wanted)
        try:
            size_bytes = sum(_copied(source / name, target / name) for name in names)
        except FileNotFoundError:
            continue
        break
    else:
        raise OSError(f"{source} changes at each look")
    for left in {entry.name for entry in target.iterdir()}.difference(names):
        (target / left).unlink()
    sync_folder(target)
    return size_bytes


def _copied(source: Path, target: Path) -> int:
    found = source.stat()
    with suppress(FileNotFoundError):
        earlier = target.stat()
        if (earlier.st_size, earlier.st_mtime_ns) == (found.st_size, found.st_mtime_ns):
            return found.st_size
    return copy_durably(source, target)


def _names(folder: Path, is_wanted: Callable[[str], bool]) -> list[str]:
    with suppress(FileNotFoundError), os.scandir(folder) as entries:
        return [
            entry.name
            for entry in entries
            if is_wanted(entry.name) and entry.is_file(follow_symlinks=False)
        ]
    return []


def _private(name: str, flags: int) -> int:
    return os.open(name, flags, 0o600)
