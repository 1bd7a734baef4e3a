"""Uploads in a folder of this machine, `<data_dir>/uploads`."""

from __future__ import annotations

import asyncio
import os
import re
from contextlib import suppress
from pathlib import Path

from unstill.domain.owner import Owner
from unstill.files.port import storage_errors
from unstill.files.uploads import KEPT_S, digest_of, owner_digest
from unstill.system.durable_writes import sync_folder, write_durably

UPLOADS = "uploads"

_NAME = r"([0-9a-f]{16}-)?[0-9a-f]{64}"  # the owner's digest and the file's; older ones had one
_FILE = re.compile(rf"{_NAME}|\.{_NAME}\.[0-9a-f]{{16}}")  # or its draft


class LocalUploads:
    """A file for each upload; how old it is, its inode says."""

    def __init__(self, data_dir: Path) -> None:
        self._folder = data_dir / UPLOADS

    async def keep(self, owner: Owner, key: str, data: bytes) -> bool:
        with storage_errors():
            return await asyncio.to_thread(
                self._keep, self._path(owner, key), self._older_path(owner, key), data
            )

    async def read(self, owner: Owner, key: str, now_s: float) -> bytes | None:
        with storage_errors():
            for path in (self._path(owner, key), self._older_path(owner, key)):
                data = await asyncio.to_thread(_young, path, now_s)
                if data is not None:
                    return data
            return None

    async def size_bytes(self, owner: Owner) -> int:
        with storage_errors():
            return await asyncio.to_thread(self._size_of, f"{owner_digest(owner)}-")

    async def sweep(self, now_s: float) -> None:
        with storage_errors():
            await asyncio.to_thread(self._sweep, now_s)

    def _keep(self, path: Path, older: Path, data: bytes) -> bool:
        if path.exists() or older.exists():
            return False
        if not self._folder.exists():
            self._folder.mkdir(mode=0o700, exist_ok=True)
            sync_folder(self._folder.parent)
        write_durably(path, data, once=True)
        return True

    def _sweep(self, now_s: float) -> None:
        if not self._folder.exists():
            return
        with os.scandir(self._folder) as entries:
            for entry in entries:
                is_ours = _FILE.fullmatch(entry.name) is not None
                if is_ours and entry.stat().st_mtime + KEPT_S <= now_s:
                    Path(entry.path).unlink(missing_ok=True)

    def _size_of(self, prefix: str) -> int:
        if not self._folder.exists():
            return 0
        size_bytes = 0
        with os.scandir(self._folder) as entries:
            for entry in entries:
                if entry.name.startswith(prefix):
                    with suppress(FileNotFoundError):  # its time has just been over
                        size_bytes += entry.stat().st_size
        return size_bytes

    def _path(self, owner: Owner, key: str) -> Path:
        return self._folder / f"{owner_digest(owner)}-{digest_of(owner, key)}"

    def _older_path(self, owner: Owner, key: str) -> Path:
        """Where releases that counted no owner's bytes kept it."""
        return self._folder / digest_of(owner, key)


def _young(path: Path, now_s: float) -> bytes | None:
    try:
        if path.stat().st_mtime + KEPT_S <= now_s:
            return None
        return path.read_bytes()
    except FileNotFoundError:
        return None
