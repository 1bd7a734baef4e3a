"""Uploads in a bucket: an object `uploads/<owner's digest>/<digest of owner and key>` for each."""

from __future__ import annotations

from unstill.domain.owner import Owner
from unstill.files.s3_bucket import S3Bucket, TakenKey
from unstill.files.uploads import KEPT_S, digest_of, owner_digest

UPLOADS = "uploads"


class S3Uploads:
    """The port over a bucket; how old an upload is, the bucket says."""

    def __init__(self, bucket: S3Bucket) -> None:
        self._bucket = bucket

    async def keep(self, owner: Owner, key: str, data: bytes) -> bool:
        place = _place(owner, key)
        try:
            await self._bucket.create(place, data)
        except TakenKey:
            # It may be this very one, stored by a request whose answer was lost.
            return await self._bucket.read(place) == data
        return True

    async def read(self, owner: Owner, key: str, now_s: float) -> bytes | None:
        found = await self._bucket.find(_place(owner, key))
        if found is None or found.changed_s + KEPT_S <= now_s:
            return None
        return await self._bucket.read(found.key)

    async def size_bytes(self, owner: Owner) -> int:
        size_bytes = 0
        async for some in self._bucket.all_under(_folder(owner)):
            size_bytes += sum(each.size_bytes for each in some)
        return size_bytes

    async def sweep(self, now_s: float) -> None:
        async for some in self._bucket.all_under(UPLOADS):
            over = [each.key for each in some if each.changed_s + KEPT_S <= now_s]
            if over:
                await self._bucket.delete(over)


def _folder(owner: Owner) -> str:
    return f"{UPLOADS}/{owner_digest(owner)}"


def _place(owner: Owner, key: str) -> str:
    return f"{_folder(owner)}/{digest_of(owner, key)}"
