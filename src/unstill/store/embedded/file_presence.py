"""Is the open database still the file of its name? What goes into a removed one is lost."""

from __future__ import annotations

import os
from pathlib import Path

from unstill.domain.errors import StorageFailed


class Presence:
    def __init__(self, file: Path) -> None:
        self._file = str(file)  # looked at before each commit
        self._opened = _identity(self._file)

    def check(self) -> None:
        """Raises StorageFailed if the file was removed, moved or replaced since it was opened."""
        if _identity(self._file) != self._opened:
            raise StorageFailed(
                "the job store was removed or replaced while the server runs: nothing is stored "
                "before it is put back, or the server started anew"
            )


def _identity(file: str) -> tuple[int, int] | None:
    try:
        found = os.stat(file)  # noqa: PTH116  - half the time of Path.stat
    except OSError:
        return None
    return found.st_dev, found.st_ino
