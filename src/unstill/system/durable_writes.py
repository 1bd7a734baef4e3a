"""Writing so that what was written survives a power cut. Blocking: called in threads.

A file's own fsync says nothing about its name: the folder that holds the name needs one as well.
"""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path

from unstill.system.machine import flush


def write_durably(path: Path, data: bytes, *, once: bool = False) -> None:
    """Write `data` to `path` in an existing folder: after a crash there is all of it or nothing.

    `once`: a file that has the name already stays as it is.
    """
    # A leading dot is in no name of ours, and two writers of one name get a file each.
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with open(draft, "xb", opener=_private) as file:
            file.write(data)
            file.flush()
            flush(file.fileno())
        if once:
            with suppress(FileExistsError):
                path.hardlink_to(draft)
            draft.unlink()
        else:
            draft.replace(path)
    except BaseException:
        with suppress(OSError):
            draft.unlink()
        raise
    sync_folder(path.parent)


def rename_durably(old: Path, new: Path) -> None:
    """Give the file `old`, written by whomever, the name `new` in the same folder."""
    sync_file(old)
    old.replace(new)
    sync_folder(new.parent)


def sync_file(path: Path) -> None:
    """Make what somebody else has written to `path` last, and ours alone."""
    descriptor = os.open(path, os.O_RDWR)
    try:
        os.fchmod(descriptor, 0o600)
        flush(descriptor)
    finally:
        os.close(descriptor)


def sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        flush(descriptor)
    finally:
        os.close(descriptor)


def _private(name: str, flags: int) -> int:
    return os.open(name, flags, 0o600)
