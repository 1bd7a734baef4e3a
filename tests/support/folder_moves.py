"""`unstill migrate --from`, as an operator gives it, in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from unstill.files.storage import Storage, s3_storage
from unstill.store.ports.store import Store
from unstill.store.stores import store_at
from unstill.system.clock import clock_ms

WITHIN_S = 120


class Move(NamedTuple):
    """A folder, and where it is moved to."""

    folder: Path
    database: str
    place: str
    variables: Mapping[str, str]

    def begin(self, *words: str) -> subprocess.Popen[str]:
        """A command, as an operator gives it; `migrate --from` without words."""
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("UNSTILL_")}
        named = {"UNSTILL_DATABASE": self.database, "UNSTILL_FILES": self.place}
        return subprocess.Popen(
            [sys.executable, "-um", "unstill", *(words or ("migrate", "--from", str(self.folder)))],
            env={**inherited, **self.variables, **named},
            cwd=self.folder.parent,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def done(self) -> str:
        process = self.begin()
        said, errors = process.communicate(timeout=WITHIN_S)
        assert process.returncode == 0, said + errors
        return said

    def refused(self) -> str:
        process = self.begin()
        said, errors = process.communicate(timeout=WITHIN_S)
        assert process.returncode == 1, said
        assert "Traceback" not in errors
        return errors

    def store(self) -> Store:
        """As a server of the fleet opens it."""
        return store_at(self.database)(self.folder.parent / "scratch", clock_ms)

    @property
    def storage(self) -> Storage:
        return s3_storage(self.place, self.folder.parent / "scratch", self.variables)

    def done_though_killed(self) -> int:
        """With a kill -9 after each of its lines; at so many places."""
        lines = 1
        while True:
            process = self.begin()
            assert process.stdout is not None
            said = [process.stdout.readline() for _ in range(lines)]
            process.kill()
            rest, _ = process.communicate(timeout=WITHIN_S)
            if "" in said or " has moved: " in "".join((*said, rest)):
                return lines
            lines += 1
