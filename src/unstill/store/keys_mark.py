"""A mark in the folder that keys were made for it: a store that is lost must not open the server.

The rows say the same for as long as they are there, so the mark is made after the first of them,
and again at each start that finds rows without it: a folder of an earlier release has none.
"""

from __future__ import annotations

from pathlib import Path

import structlog

from unstill.system.durable_writes import write_durably

FILE = "unstill.keyed"
_TEXT = b"API keys were made for this folder: without one nobody is let in.\n"

log = structlog.get_logger()


def is_marked(data_dir: Path) -> bool:
    return (data_dir / FILE).exists()


def mark(data_dir: Path) -> None:
    """Durable when it returns; on a disk that takes nothing the next start makes up for it."""
    if is_marked(data_dir):
        return
    try:
        write_durably(data_dir / FILE, _TEXT, once=True)
    except OSError as error:
        log.warning("keys_not_marked", why=error.strerror)
