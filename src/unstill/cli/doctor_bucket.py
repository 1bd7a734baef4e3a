"""Whether the bucket of the files answers, and does all that is asked of it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from secrets import token_hex
from typing import TYPE_CHECKING

import httpx2

from unstill.cli.doctor_finding import Finding
from unstill.domain.errors import BadSetting, StorageFailed
from unstill.files.storage import Redirects, bucket_signer, s3_bucket

if TYPE_CHECKING:
    from unstill.files.s3_addresses import Signer
    from unstill.files.s3_bucket import S3Bucket

MEND = "see docs/files.md: the AWS_ variables, what the key may do, and the bucket itself"
MEND_LED = "see docs/files.md: file_delivery and files_public_url"
ANSWERS_WITHIN_S = 10.0
VIDEO = "video/mp4"


def files_finding(
    place: str,
    environment: Mapping[str, str] | None = None,
    *,
    redirects: Redirects | None = None,
) -> Finding:
    """Would a server with that setting `files` find a bucket that it can use, and its callers?"""
    what, environment = "files", os.environ if environment is None else environment
    try:
        bucket = s3_bucket(place, environment)
        from unstill.files.s3_trial import fault_of  # noqa: PLC0415  - an extra

        signer = bucket_signer(place, environment, redirects)
        fault = asyncio.run(fault_of(bucket))
        if fault:
            return Finding(what, False, f"{place}: {fault}", "use a storage that does")
        fault = "" if signer is None else asyncio.run(_fault_of_addresses(bucket, signer))
    except (BadSetting, StorageFailed) as error:
        return Finding(what, False, f"{place}: {error.message}", MEND)
    if fault:
        return Finding(what, False, f"{place}: {fault}", MEND_LED)
    led = "" if signer is None else "; callers who are redirected reach it"
    return Finding(what, True, f"{place} answers, keeps, reads, and refuses what it must{led}")


async def _fault_of_addresses(bucket: S3Bucket, signer: Signer) -> str:
    """What is wrong with the addresses that callers are led to; "" if nothing.

    Asked from here, by no proxy: callers may reach it otherwise.
    """
    key = f"trials/{token_hex(8)}/led"
    address = signer.address("GET", key, {"content-type": VIDEO})
    await bucket.put(key, b"unstill")
    try:
        async with httpx2.AsyncClient(trust_env=False, timeout=ANSWERS_WITHIN_S) as http:
            answer = await http.get(address)
    except httpx2.HTTPError:
        return f"callers would be redirected to {signer.bucket_url}, which does not answer"
    finally:
        await bucket.delete([key])
    if answer.status_code != httpx2.codes.OK:
        return f"callers would be redirected to a {answer.status_code} of {signer.bucket_url}"
    if answer.headers.get("content-type") != VIDEO:
        return "it does not say what a file is as it is told to (response-content-type)"
    return ""
