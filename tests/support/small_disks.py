"""A small disk of its own, which a test can fill."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def small_disk(folder: Path, *, size_mb: int) -> Iterator[Path]:
    """The new folder, as a disk; skips the test where none can be mounted."""
    folder.mkdir()
    if not sys.platform.startswith("linux") or os.geteuid() != 0:
        pytest.skip("only root on Linux may mount a small disk")
    words = ["mount", "-t", "tmpfs", "-o", f"size={size_mb}m", "tmpfs", str(folder)]
    if subprocess.run(words, capture_output=True, check=False).returncode:
        pytest.skip("no disk can be mounted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder: Path) -> Path:
    """Leave no byte free; the file that takes it all."""
    filler = folder / "filler"
    with filler.open("ab", buffering=0) as file:
        for piece in (2**20, 4096, 1):
            try:
                while True:
                    file.write(bytes(piece))
            except OSError:
                pass
    return filler
