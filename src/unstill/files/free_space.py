"""How much room is left: new work is refused while unfinished jobs may need what is free of the
disk, and while the folder holds as much as its operator allows.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from time import monotonic

from unstill.domain.errors import StorageFull

LOOK_EVERY_S = 1.0  # a look is a system call, which a submit does without


class Room:
    def __init__(
        self,
        data_dir: Path,
        *,
        least_bytes: int,
        most_bytes: int = 0,
        held_bytes: Callable[[], int] = lambda: 0,
        clock_s: Callable[[], float] = monotonic,
    ) -> None:
        """least_bytes: of the disk, that stay free. most_bytes: that the folder takes new work
        below; 0: any number. held_bytes: what it holds.
        """
        self.data_dir = data_dir
        self.least_bytes = least_bytes
        self.most_bytes = most_bytes
        self.held_bytes = held_bytes
        self._clock_s = clock_s
        self._looked_at_s = float("-inf")
        self._is_enough = True

    def check(self) -> None:
        """Raises StorageFull if less is free than unfinished jobs may need, or as much is held as
        may be.
        """
        now_s = self._clock_s()
        if now_s >= self._looked_at_s + LOOK_EVERY_S:
            self._looked_at_s = now_s
            self._is_enough = self._free_bytes() >= self.least_bytes
        if not self._is_enough:
            raise StorageFull("the server has too little room left to take new work")

        if self.most_bytes and self.held_bytes() >= self.most_bytes:
            raise StorageFull("the server holds as much as it may, and takes no new work now")

    def _free_bytes(self) -> int:
        try:
            return shutil.disk_usage(self.data_dir).free
        except OSError:  # whatever is stored next says what is wrong
            return self.least_bytes
