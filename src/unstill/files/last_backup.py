"""When a data folder was last backed up, as the folder itself has it.

A backup has no such note: it is another folder, of which there is none yet.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from unstill.system.durable_writes import write_durably

FILE = "unstill.backup"


class LastBackup(msgspec.Struct, frozen=True):
    at_ms: int  # what it has is of that moment
    size_bytes: int  # the jobs' files


def note_backup(data_dir: Path, made: LastBackup) -> None:
    """Raises OSError."""
    write_durably(data_dir / FILE, msgspec.json.encode(made))


def last_backup_of(data_dir: Path) -> LastBackup | None:
    """None where none is known, or it cannot be read."""
    try:
        return msgspec.json.decode((data_dir / FILE).read_bytes(), type=LastBackup)
    except (OSError, msgspec.MsgspecError):
        return None
