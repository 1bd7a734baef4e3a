"""Does a bucket do what the files need of it? Each is tried on an object that goes again."""

from __future__ import annotations

from secrets import token_hex

from unstill.domain.errors import StorageFailed
from unstill.files.s3_bucket import S3Bucket, TakenKey

DATA, OTHER = b"unstill", b"another"


async def fault_of(bucket: S3Bucket) -> str:
    """What it does wrongly; "" if nothing. Raises StorageFailed where it does not do it at all."""
    folder = f"trials/{token_hex(8)}"
    key, beside = f"{folder}/one", f"{folder}/two"
    await bucket.check()
    try:
        return await _fault(bucket, key, beside)
    finally:
        await bucket.delete([key, beside])


async def _fault(bucket: S3Bucket, key: str, beside: str) -> str:
    await bucket.create(key, DATA)
    await bucket.put(beside, OTHER)
    found = await bucket.find(key)
    if found is None or await bucket.read_range(found, 1, 3) != DATA[1:4]:
        return "what is put there is not read"
    if len(await bucket.under(key.rpartition("/")[0])) != 2:
        return "what is put there is not listed"
    if not await _refuses_another(bucket, key, beside):
        return "it does not refuse what would replace an object (If-None-Match)"
    await bucket.put(key, OTHER)
    try:
        await bucket.read_range(found, 0, len(DATA))
    except StorageFailed:
        return ""
    return "it gives a replaced object for the one that was asked for (If-Match)"


async def _refuses_another(bucket: S3Bucket, key: str, beside: str) -> bool:
    refused = 0
    try:
        await bucket.create(key, OTHER)
    except TakenKey:
        refused += 1
    try:
        await bucket.create_copy(beside, key)
    except TakenKey:
        refused += 1
    return refused == 2 and await bucket.read(key) == DATA
