"""Files in a bucket, as an S3-compatible storage has them, for tests: objects in memory, by key.

An object is put whole or not at all and has no place on any disk. Programs work on scratch files,
each gone when its context ends.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from unstill.domain.errors import StorageFailed
from unstill.domain.owner import Owner
from unstill.files.port import check_published, checked_day, checked_job_id, checked_name
from unstill.files.uploads import KEPT_S, digest_of, owner_digest
from unstill.system.job_folders import JobFolder

PIECE_BYTES = 64 * 1024
BEGUN = ".begun"
UPLOADS = "uploads/"


class Object(msgspec.Struct, frozen=True):
    data: bytes
    changed_s: float


class Bucket(dict[str, Object]):
    """All objects; several machines' `BucketFiles` may share one."""

    def put(self, key: str, data: bytes) -> None:
        self[key] = Object(data, time.time())

    def under(self, prefix: str) -> list[str]:
        return [key for key in self if key.startswith(prefix)]

    def move(self, old: str, new: str) -> None:
        for key in self.under(old):
            self[new + key.removeprefix(old)] = self.pop(key)


class StoredObject:
    """An object that was found: it is read in pieces, and no descriptor leads to it."""

    piece_bytes = PIECE_BYTES

    def __init__(self, name: str, found: Object) -> None:
        self.name = name
        self.size_bytes = len(found.data)
        self.changed_s = found.changed_s
        self._data = found.data

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[StoredObject]:
        yield self

    def address(self, method: str, says: Mapping[str, str]) -> None:
        """It is sent from here."""

    async def read(self, start: int, size_bytes: int) -> bytes:
        return self._data[start : start + min(size_bytes, PIECE_BYTES)]


class BucketFiles:
    """The port over a bucket, with a scratch folder that nothing is left in."""

    def __init__(self, bucket: Bucket, scratch_dir: Path) -> None:
        self._bucket = bucket
        self._scratch_dir = scratch_dir
        self._scratches: dict[str, Path] = {}  # what is being written, by key

    @asynccontextmanager
    async def local(self, job_id: str, name: str) -> AsyncIterator[Path]:
        found = self._bucket.get(_key(job_id, name))
        path = self._place(name)
        if found is not None:
            path.write_bytes(found.data)
        try:
            yield path
        finally:
            path.unlink(missing_ok=True)
            path.parent.rmdir()

    @asynccontextmanager
    async def scratch(self, job_id: str, name: str) -> AsyncIterator[Path]:
        key = _key(job_id, name)
        path = self._scratches[key] = self._place(name)
        try:
            yield path
        finally:
            del self._scratches[key]
            path.unlink(missing_ok=True)
            path.parent.rmdir()

    async def find(self, job_id: str, name: str) -> StoredObject | None:
        found = self._bucket.get(_key(job_id, name))
        return None if found is None else StoredObject(name, found)

    async def keep(self, job_id: str, name: str, data: bytes, *, begins: str = "") -> None:
        key = _key(job_id, name)
        if begins:
            self._bucket.put(_folder(job_id) + BEGUN, begins.encode())
        self._bucket.put(key, data)

    async def adopt(self, job_id: str) -> None:
        self._bucket.pop(_folder(job_id) + BEGUN, None)

    async def begun_by(self, job_id: str) -> str | None:
        found = self._bucket.get(_folder(job_id) + BEGUN)
        return None if found is None else found.data.decode()

    async def sync(self, job_id: str, name: str) -> None:
        if not self._uploaded(_key(job_id, name), _key(job_id, name)):
            raise StorageFailed("there is no such file")

    async def publish(self, job_id: str, part_name: str, name: str) -> None:
        part, key = _key(job_id, part_name), _key(job_id, name)
        check_published(part_name, name)
        if self._uploaded(part, key):
            self._bucket.pop(part, None)
        elif part in self._bucket:
            self._bucket[key] = self._bucket.pop(part)
        elif key not in self._bucket:
            raise StorageFailed("there is no such file")

    async def discard(self, job_id: str, name: str) -> None:
        self._bucket.pop(_key(job_id, name), None)

    async def discard_others(self, job_id: str, names: Collection[str]) -> None:
        kept = {_key(job_id, name) for name in names}
        for key in self._bucket.under(_folder(job_id)):
            if key not in kept:
                del self._bucket[key]

    async def remove(self, job_id: str) -> None:
        for key in self._bucket.under(_folder(job_id)):
            del self._bucket[key]

    async def sizes(self, job_ids: Sequence[str]) -> Sequence[int]:
        return [
            sum(
                len(self._bucket[key].data)
                for key in self._bucket.under(_folder(job_id))
                if not key.endswith(BEGUN)
            )
            for job_id in job_ids
        ]

    async def set_aside(self, job_id: str, day: str) -> None:
        self._bucket.move(_folder(job_id), f"lost/{checked_day(day)}/{job_id}/")

    async def drop_lost(self, before_day: str) -> None:
        before = f"lost/{checked_day(before_day)}"
        for key in self._bucket.under("lost/"):
            if key < before:
                del self._bucket[key]

    async def folders(self, *, after: str = "") -> AsyncIterator[Sequence[JobFolder]]:
        changed: dict[str, float] = {}
        for key in self._bucket.under("jobs/"):
            job_id = key.split("/")[1]
            changed[job_id] = max(changed.get(job_id, 0), self._bucket[key].changed_s)
        yield [JobFolder(*each) for each in sorted(changed.items()) if each[0] > after]

    def _place(self, name: str) -> Path:
        folder = self._scratch_dir / secrets.token_hex(8)
        folder.mkdir(parents=True)
        return folder / name

    def _uploaded(self, part: str, key: str) -> bool:
        """Whether there was something in the scratch place."""
        path = self._scratches.get(part)
        if path is None or not path.exists():
            return False
        self._bucket.put(key, path.read_bytes())
        return True


class BucketUploads:
    """The port of uploads over the same bucket."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    async def keep(self, owner: Owner, key: str, data: bytes) -> bool:
        place = _of(owner) + digest_of(owner, key)
        if place in self._bucket:
            return False
        self._bucket.put(place, data)
        return True

    async def read(self, owner: Owner, key: str, now_s: float) -> bytes | None:
        found = self._bucket.get(_of(owner) + digest_of(owner, key))
        return None if found is None or found.changed_s + KEPT_S <= now_s else found.data

    async def size_bytes(self, owner: Owner) -> int:
        mine = self._bucket.under(_of(owner))
        return sum(len(self._bucket[place].data) for place in mine)

    async def sweep(self, now_s: float) -> None:
        for place in self._bucket.under(UPLOADS):
            if self._bucket[place].changed_s + KEPT_S <= now_s:
                del self._bucket[place]


def _of(owner: Owner) -> str:
    return f"{UPLOADS}{owner_digest(owner)}/"


def _folder(job_id: str) -> str:
    return f"jobs/{checked_job_id(job_id)}/"


def _key(job_id: str, name: str) -> str:
    return _folder(job_id) + checked_name(name)
