"""The folder of all data: what room it has, and how much it holds where that is limited."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self

from unstill.domain.errors import BadSetting
from unstill.domain.job import Job
from unstill.files.folder_size import FolderSize
from unstill.files.free_space import Room


def made_folder(path: Path) -> Path:
    """The folder, made if it was not there. Raises BadSetting."""
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise BadSetting("server.data_dir", f"{path} cannot be made: {error.strerror}") from error
    return path


class DataFolder:
    def __init__(
        self, path: Path, *, least_bytes: int, most_bytes: int, has_videos: bool = True
    ) -> None:
        """least_bytes: of the disk, that stay free. most_bytes: that it takes new work below; 0:
        any number, and nobody counts. has_videos: whether finished ones come to lie in it.
        """
        self._has_videos = has_videos
        self._size = FolderSize(path) if most_bytes else None
        self.room = Room(
            path,
            least_bytes=least_bytes,
            most_bytes=most_bytes,
            held_bytes=lambda: 0 if self._size is None else self._size.size_bytes,
        )

    @classmethod
    def in_mb(cls, path: Path, *, least_free: int, most: int, has_videos: bool = True) -> Self:
        least_bytes, most_bytes = least_free * 10**6, most * 10**6
        return cls(path, least_bytes=least_bytes, most_bytes=most_bytes, has_videos=has_videos)

    @property
    def listeners(self) -> Sequence[Callable[[Job], None]]:
        """Who is told of each commit."""
        return (self._size.changed,) if self._size is not None and self._has_videos else ()

    async def startup(self) -> None:
        if self._size is not None:
            await self._size.startup()

    async def shutdown(self) -> None:
        if self._size is not None:
            await self._size.shutdown()
