"""A mark in the folder that its jobs were moved into a database, or are being moved.

From before the first row lies there until somebody removes it, no server goes on with the folder:
two stores that both went on would pay for a job twice.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from unstill.domain.errors import StoreRefused
from unstill.system.durable_writes import write_durably

FILE = "unstill.moved"


class MovedTo(msgspec.Struct, frozen=True):
    """Where the jobs went."""

    place: str  # the database's, without a secret
    is_whole: bool = False  # nothing is left to be moved


def moved_to(data_dir: Path) -> MovedTo | None:
    """Raises StoreRefused for a mark that cannot be read."""
    file = data_dir / FILE
    try:
        return msgspec.json.decode(file.read_bytes(), type=MovedTo)
    except FileNotFoundError:
        return None
    except (msgspec.DecodeError, OSError) as error:
        raise StoreRefused(f"{file} cannot be read: {error}") from error


def note_moved(data_dir: Path, moved: MovedTo) -> None:
    """Durable when it returns. Raises OSError."""
    write_durably(data_dir / FILE, msgspec.json.format(msgspec.json.encode(moved)) + b"\n")


def refuse_moved(data_dir: Path) -> None:
    """Raises StoreRefused where the folder has the mark."""
    moved = moved_to(data_dir)
    if moved is None:
        return
    word = "were moved to" if moved.is_whole else "are being moved to"
    mend = "set server.database to it" if moved.is_whole else "run unstill migrate --from again"
    raise StoreRefused(
        f"the jobs of {data_dir} {word} {moved.place}: nothing was changed; {mend}. To go on with "
        f"the folder all the same, remove {data_dir / FILE}, after that database has gone"
    )
