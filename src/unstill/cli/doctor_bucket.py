"""Whether the bucket of the files answers, and does all that is asked of it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from unstill.cli.doctor_finding import Finding
from unstill.domain.errors import BadSetting, StorageFailed
from unstill.files.storage import s3_bucket

MEND = "see docs/files.md: the AWS_ variables, what the key may do, and the bucket itself"


def files_finding(place: str, environment: Mapping[str, str] | None = None) -> Finding:
    """Would a server with that setting `files` find a bucket that it can use?"""
    what = "files"
    try:
        bucket = s3_bucket(place, environment)
        from unstill.files.s3_trial import fault_of  # noqa: PLC0415  - an extra

        fault = asyncio.run(fault_of(bucket))
    except (BadSetting, StorageFailed) as error:
        return Finding(what, False, f"{place}: {error.message}", MEND)
    if fault:
        return Finding(what, False, f"{place}: {fault}", "use a storage that does")
    return Finding(what, True, f"{place} answers, keeps, reads, and refuses what it must")
