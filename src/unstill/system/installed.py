"""Which installation has made a video with a data folder: a note in the folder itself."""

from __future__ import annotations

import sys
import sysconfig
from pathlib import Path

from unstill import __version__

STAMP = ".tried"


def installed() -> str:
    """Other words after any package was installed or removed, at the cost of one look.

    To read the versions of all that unstill needs would take a start longer than it has.
    """
    packages = sysconfig.get_path("purelib")
    try:
        changed_ns = Path(packages).stat().st_mtime_ns
    except OSError:
        changed_ns = 0
    return f"unstill {__version__}, Python {sys.version}, {packages} of {changed_ns}\n"


def tried(data_dir: Path) -> str:
    """The installation that was noted last; nothing if none was."""
    try:
        return (data_dir / STAMP).read_text()
    except OSError:
        return ""


def note(data_dir: Path) -> None:
    """This installation is not tried with this folder from now on. Raises OSError."""
    (data_dir / STAMP).write_text(installed())
