"""Where a product keeps what is large: its jobs' files and its callers' uploads, side by side."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from unstill.domain.errors import BadSetting
from unstill.files.last_answer import LastAnswer
from unstill.files.local import LocalFiles
from unstill.files.local_uploads import LocalUploads
from unstill.files.port import Files
from unstill.files.s3_addresses import Signer, signer_of
from unstill.files.scratch_folder import SCRATCH, ScratchFolder
from unstill.files.uploads import Uploads

if TYPE_CHECKING:
    from unstill.files.s3_bucket import S3Bucket

SCHEME = "s3://"


async def always_there() -> None:
    """A disk of this machine: whoever uses it hears what is wrong with it."""


class Storage(NamedTuple):
    """One implementation of both ports.

    check: raises StorageFailed while it does not answer.
    """

    files: Files
    uploads: Uploads
    check: Callable[[], Awaitable[None]] = always_there


def local_storage(data_dir: Path) -> Storage:
    """In folders of this machine."""
    return Storage(LocalFiles(data_dir), LocalUploads(data_dir))


class Redirects(NamedTuple):
    """Callers ask the bucket itself for files, by addresses that are signed for some minutes.

    public_url: where they reach it; empty: where this server does.
    """

    public_url: str = ""


def storage_at(place: str, redirects: Redirects | None = None) -> Callable[[Path], Storage]:
    """Given the data folder, where files are kept by the setting `files`; "": in that folder."""
    if not place:
        return local_storage
    return lambda data_dir: s3_storage(place, data_dir, redirects=redirects)


def s3_storage(
    place: str,
    data_dir: Path,
    environment: Mapping[str, str] | None = None,
    *,
    redirects: Redirects | None = None,
) -> Storage:
    """In a bucket, `s3://bucket/prefix`; programs work in the data folder.

    redirects: None: what callers ask for is sent by this server. Raises BadSetting.
    """
    environment = os.environ if environment is None else environment
    bucket = s3_bucket(place, environment)
    signer = bucket_signer(place, environment, redirects)
    # Extras, as in there.
    from unstill.files.s3_files import S3Files  # noqa: PLC0415
    from unstill.files.s3_uploads import S3Uploads  # noqa: PLC0415

    files = S3Files(bucket, ScratchFolder(data_dir / SCRATCH), signer=signer)
    return Storage(files, S3Uploads(bucket), LastAnswer(bucket.check).check)


def s3_bucket(place: str, environment: Mapping[str, str] | None = None) -> S3Bucket:
    """The bucket that the setting names, as the AWS_ variables say. Raises BadSetting."""
    try:
        # An extra, which a plain installation does not have.
        from unstill.files.s3_bucket import S3Bucket  # noqa: PLC0415
    except ModuleNotFoundError as error:
        mend = "pip install 'unstill[s3]'"
        raise BadSetting("server.files", f"a bucket needs obstore: {mend}") from error
    return S3Bucket(*_parts(place), os.environ if environment is None else environment)


def bucket_signer(
    place: str, environment: Mapping[str, str], redirects: Redirects | None
) -> Signer | None:
    """What signs the addresses that callers are led to; None: none are. Raises BadSetting."""
    if redirects is None:
        return None
    return signer_of(*_parts(place), environment, public_url=redirects.public_url)


def _parts(place: str) -> tuple[str, str]:
    """The bucket and the prefix."""
    bucket, _, prefix = place.removeprefix(SCHEME).strip("/").partition("/")
    return bucket, prefix
