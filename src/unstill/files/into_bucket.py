"""Files of a data folder put into a bucket, each where a server that keeps files there looks.

Repeatable: what the bucket has in the same size stays as it is, and no other file is replaced.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from unstill.domain.errors import StorageFailed
from unstill.files.local_uploads import UPLOADS
from unstill.files.s3_bucket import S3Bucket, TakenKey
from unstill.system.job_folders import JOBS, folder_of

_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*(\.[a-z0-9]+)?")
_UPLOAD = re.compile(r"([0-9a-f]{16})-([0-9a-f]{64})")


class FilesPut(msgspec.Struct, frozen=True):
    """What the bucket has of some files, as it says itself."""

    count: int = 0
    size_bytes: int = 0

    def __add__(self, other: FilesPut) -> FilesPut:
        return FilesPut(self.count + other.count, self.size_bytes + other.size_bytes)


async def put_job(
    bucket: S3Bucket, data_dir: Path, job_id: str, is_wanted: Callable[[str], bool]
) -> FilesPut:
    """A job's files. Raises StorageFailed, also for a file of the bucket's that is another one."""
    folder = folder_of(data_dir / JOBS, job_id)
    found = await asyncio.to_thread(
        _files_in, folder, lambda name: bool(_NAME.fullmatch(name)) and is_wanted(name)
    )
    return await _put(bucket, f"{JOBS}/{job_id}", found)


async def has_file(bucket: S3Bucket, job_id: str, name: str) -> bool:
    """Whether the bucket has it, where a folder's files were in one before."""
    return await bucket.find(f"{JOBS}/{job_id}/{name}") is not None


async def put_uploads(bucket: S3Bucket, data_dir: Path) -> FilesPut:
    """The pictures that callers have sent ahead, but those of releases that noted no owner."""
    found = await asyncio.to_thread(
        _files_in, data_dir / UPLOADS, lambda name: bool(_UPLOAD.fullmatch(name))
    )
    of_owners: dict[str, dict[str, Path]] = {}
    for name, path in found.items():
        owner, _, digest = name.partition("-")
        of_owners.setdefault(owner, {})[digest] = path
    put = FilesPut()
    for owner, files in of_owners.items():
        put += await _put(bucket, f"{UPLOADS}/{owner}", files)
    return put


def _files_in(folder: Path, is_wanted: Callable[[str], bool]) -> Mapping[str, Path]:
    if not folder.is_dir():
        return {}
    return {each.name: each for each in sorted(folder.iterdir()) if is_wanted(each.name)}


async def _put(bucket: S3Bucket, folder: str, files: Mapping[str, Path]) -> FilesPut:
    if not files:
        return FilesPut()
    sizes = {
        f"{folder}/{name}": (await asyncio.to_thread(path.stat)).st_size
        for name, path in files.items()
    }
    there = await _sizes_in(bucket, folder)
    lacking = [name for name in files if f"{folder}/{name}" not in there]
    for name in lacking:
        try:
            await bucket.create_file(f"{folder}/{name}", files[name])
        except TakenKey:  # it is compared below, whoever has put it
            continue
    if lacking:
        there = await _sizes_in(bucket, folder)
    for key, size_bytes in sizes.items():
        if there.get(key) != size_bytes:
            raise StorageFailed(
                f"{key} has {size_bytes} bytes in the folder, and in the bucket {there.get(key, 0)}"
            )
    return FilesPut(len(sizes), sum(sizes.values()))


async def _sizes_in(bucket: S3Bucket, folder: str) -> Mapping[str, int]:
    return {each.key: each.size_bytes for each in await bucket.under(folder)}
