"""A folder's store made, or brought up to date, by a command that came before any server."""

from __future__ import annotations

import asyncio
from pathlib import Path

from unstill.domain.errors import BadSetting
from unstill.store.embedded.store import EmbeddedStore

FOLDER_MODE = 0o700


def make_store(data_dir: Path) -> None:
    """Do with the folder's store what a start does. Raises OperatorError, OwnError.

    The folder's lock is held meanwhile: beside a server of an earlier release nothing is done.
    """
    try:
        data_dir.mkdir(parents=True, exist_ok=True, mode=FOLDER_MODE)
    except OSError as error:
        raise BadSetting("server.data_dir", f"{data_dir}: {error.strerror}") from error
    asyncio.run(_opened_once(data_dir))


async def _opened_once(data_dir: Path) -> None:
    store = EmbeddedStore(data_dir)
    await store.open()
    await store.close()
