"""Files in a bucket: an object `jobs/<job id>/<name>` for each, put whole or not at all.

Programs of this machine work on scratch files. Two servers that finish one file cannot mix: the
first gives it its name, and the other one is told to begin anew, and then finds it. What was begun
and never had a row is moved to `lost/<day>/<job id>/`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Self

import msgspec

from unstill.domain.errors import StorageFailed
from unstill.files.port import (
    PART,
    check_published,
    checked_day,
    checked_job_id,
    checked_name,
    is_day,
)
from unstill.files.s3_addresses import Signer
from unstill.files.s3_bucket import FoundObject, S3Bucket, TakenKey
from unstill.files.scratch_folder import ScratchFolder
from unstill.system.job_folders import BEGUN, JOBS, JobFolder, is_job_id

LOST = "lost"
PIECE_BYTES = 1024 * 1024  # that a download has in memory; one that is not taken holds no request
ASKED_AT_ONCE = 16


class Place(msgspec.Struct, frozen=True):
    """Where a program of this machine works on a file."""

    path: Path
    is_scratch: bool
    # What had the file's final name when the work began, by key: what a step done again replaces.
    seen: Mapping[str, str | None]


class StoredS3File:
    """An object that was found; a small one is read when it is opened, a large one by the piece."""

    piece_bytes = PIECE_BYTES

    def __init__(self, bucket: S3Bucket, found: FoundObject, signer: Signer | None = None) -> None:
        self.name = found.key.rpartition("/")[2]
        self.size_bytes = found.size_bytes
        self.changed_s = found.changed_s
        self._bucket = bucket
        self._found = found
        self._signer = signer
        self._whole: bytes | None = None

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Self]:
        if 0 < self.size_bytes <= PIECE_BYTES:
            self._whole = await self._bucket.read_range(self._found, 0, self.size_bytes)
        try:
            yield self
        finally:
            self._whole = None

    def address(self, method: str, says: Mapping[str, str]) -> str | None:
        return None if self._signer is None else self._signer.address(method, self._found.key, says)

    async def read(self, start: int, size_bytes: int) -> bytes:
        size_bytes = min(size_bytes, PIECE_BYTES, self.size_bytes - start)
        if size_bytes <= 0:
            return b""
        if self._whole is not None:
            return self._whole[start : start + size_bytes]
        return await self._bucket.read_range(self._found, start, size_bytes)


class S3Files:
    """The port over a bucket, with a scratch folder that nothing is left in."""

    def __init__(
        self, bucket: S3Bucket, scratch: ScratchFolder, *, signer: Signer | None = None
    ) -> None:
        """signer: of the addresses that callers are sent to; None: what they ask for is sent."""
        self._bucket = bucket
        self._scratch = scratch
        self._signer = signer
        self._places: dict[str, Place] = {}  # by key

    @asynccontextmanager
    async def local(self, job_id: str, name: str) -> AsyncIterator[Path]:
        key = _key(job_id, name)
        async with self._scratch.place(name) as path:
            await self._bucket.fetch(key, path)
            if not name.endswith(PART):
                yield path
                return
            async with self._placed(key, path, is_scratch=False):
                yield path

    @asynccontextmanager
    async def scratch(self, job_id: str, name: str) -> AsyncIterator[Path]:
        key = _key(job_id, name)
        async with (
            self._scratch.place(name) as path,
            self._placed(key, path, is_scratch=True),
        ):
            yield path

    async def find(self, job_id: str, name: str) -> StoredS3File | None:
        found = await self._bucket.find(_key(job_id, name))
        return None if found is None else StoredS3File(self._bucket, found, self._signer)

    async def keep(self, job_id: str, name: str, data: bytes, *, begins: str = "") -> None:
        key = _key(job_id, name)
        if begins:
            await self._bucket.put(_begun(job_id), begins.encode())
        await self._bucket.put(key, data)

    async def adopt(self, job_id: str) -> None:
        await self._bucket.delete([_begun(job_id)])

    async def begun_by(self, job_id: str) -> str | None:
        found = await self._bucket.read(_begun(job_id))
        return None if found is None else found.decode()

    async def sync(self, job_id: str, name: str) -> None:
        key = _key(job_id, name)
        path = await self._written(key)
        if path is None:
            raise StorageFailed("there is no such file")
        await self._bucket.put_file(key, path)

    async def publish(self, job_id: str, part_name: str, name: str) -> None:
        part, key = _key(job_id, part_name), _key(job_id, name)
        check_published(part_name, name)
        path = await self._written(part)
        if path is None and await self._bucket.find(part) is None:
            if await self._bucket.find(key) is None:
                raise StorageFailed("there is no such file")
            return
        try:
            if path is None:
                await self._bucket.create_copy(part, key)
            else:
                await self._bucket.create_file(key, path)
        except TakenKey:
            await self._replace(part, path, key)
        await self._bucket.delete([part])

    async def discard(self, job_id: str, name: str) -> None:
        await self._bucket.delete([_key(job_id, name)])

    async def discard_others(self, job_id: str, names: Collection[str]) -> None:
        kept = {_key(job_id, name) for name in names}
        found = await self._bucket.under(_folder(job_id))
        await self._bucket.delete([each.key for each in found if each.key not in kept])

    async def remove(self, job_id: str) -> None:
        await self._remove(_folder(job_id))

    async def sizes(self, job_ids: Sequence[str]) -> Sequence[int]:
        asking = asyncio.Semaphore(ASKED_AT_ONCE)

        async def size_of(folder: str) -> int:
            async with asking:
                found = await self._bucket.under(folder)
            return sum(each.size_bytes for each in found if f"{folder}/." not in each.key)

        return await asyncio.gather(*(size_of(_folder(job_id)) for job_id in job_ids))

    async def set_aside(self, job_id: str, day: str) -> None:
        folder, aside = _folder(job_id), f"{LOST}/{checked_day(day)}/{job_id}"
        found = await self._bucket.under(folder)
        # Where the name is taken, an earlier one was put back by hand and lost again: it goes.
        await self._remove(aside)
        for each in found:
            await self._bucket.copy(each.key, aside + each.key.removeprefix(folder))
        await self._bucket.delete([each.key for each in found])

    async def drop_lost(self, before_day: str) -> None:
        checked_day(before_day)
        for day in await self._bucket.folders_in(LOST):
            if is_day(day) and day < before_day:
                await self._remove(f"{LOST}/{day}")

    async def folders(self, *, after: str = "") -> AsyncIterator[Sequence[JobFolder]]:
        last: JobFolder | None = None  # more of it may come
        # "0" comes next to "/": behind all that the job has.
        start = f"{_folder(after)}0" if after else ""
        async for some in self._bucket.all_under(JOBS, after=start):
            whole: list[JobFolder] = []
            for each in some:
                job_id = each.key.removeprefix(f"{JOBS}/").partition("/")[0]
                if last is not None and last.job_id == job_id:
                    last = JobFolder(job_id, max(last.changed_at_s, each.changed_s))
                elif is_job_id(job_id):
                    whole += [] if last is None else [last]
                    last = JobFolder(job_id, each.changed_s)
            yield whole
        if last is not None:
            yield [last]

    @asynccontextmanager
    async def _placed(self, key: str, path: Path, *, is_scratch: bool) -> AsyncIterator[None]:
        seen = dict[str, str | None]()
        if key.endswith(PART):
            folder, _, name = key.rpartition("/")
            stem = name.removesuffix(PART)
            found = await self._bucket.under(folder)
            seen = {each.key: each.tag for each in found if _stem(each.key) == stem}
        before = self._places.get(key)
        self._places[key] = Place(path, is_scratch=is_scratch, seen=seen)
        try:
            yield
        finally:
            if before is None:
                del self._places[key]
            else:
                self._places[key] = before

    async def _written(self, key: str) -> Path | None:
        """The scratch file, if there is something in its place."""
        place = self._places.get(key)
        if place is None or not place.is_scratch:
            return None
        return place.path if await asyncio.to_thread(place.path.exists) else None

    async def _replace(self, part: str, path: Path | None, key: str) -> None:
        """Have a step that is done again replace what it had made before, and nothing else."""
        place, now = self._places.get(part), await self._bucket.find(key)
        if now is None or place is None or place.seen.get(key, "") != now.tag:
            raise StorageFailed("another server has finished the file meanwhile")
        if path is None:
            await self._bucket.copy(part, key)
        else:
            await self._bucket.put_file(key, path)

    async def _remove(self, folder: str) -> None:
        found = await self._bucket.under(folder)
        await self._bucket.delete([each.key for each in found])


def _folder(job_id: str) -> str:
    return f"{JOBS}/{checked_job_id(job_id)}"


def _key(job_id: str, name: str) -> str:
    return f"{_folder(job_id)}/{checked_name(name)}"


def _begun(job_id: str) -> str:
    return f"{_folder(job_id)}/{BEGUN}"


def _stem(key: str) -> str:
    return key.rpartition("/")[2].partition(".")[0]
