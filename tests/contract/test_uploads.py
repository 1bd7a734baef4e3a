"""What every keeper of uploads holds to. A new one joins by a line in `IMPLEMENTATIONS`."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from support.bucket_files import Bucket, BucketUploads
from support.s3_servers import S3Server
from unstill.domain.errors import StorageFailed
from unstill.domain.owner import Owner
from unstill.files.local_uploads import LocalUploads
from unstill.files.storage import s3_storage
from unstill.files.uploads import KEPT_S, Uploads, digest_of

OWNER = Owner("team-a")
KEY = "dashscope-instant/0123/cat.jpg"
IMPLEMENTATIONS: dict[str, Callable[[Path], Uploads]] = {
    "local": LocalUploads,
    "bucket": lambda _: BucketUploads(Bucket()),
}
# Storages that speak S3, as servers: they take seconds to start.
SERVERS = [pytest.param(name, marks=pytest.mark.slow) for name in ("seaweed_server", "moto_server")]


@pytest.fixture(params=[*IMPLEMENTATIONS, *SERVERS])
def uploads(request: pytest.FixtureRequest, tmp_path: Path) -> Uploads:
    if request.param in IMPLEMENTATIONS:
        return IMPLEMENTATIONS[request.param](tmp_path)
    server: S3Server = request.getfixturevalue(request.param)
    return s3_storage(server.new_place(), tmp_path, server.variables).uploads


async def test_a_file_is_read_by_its_owner_alone_under_its_key_alone(uploads: Uploads) -> None:
    assert await uploads.keep(OWNER, KEY, b"a picture")

    now_s = time.time()
    assert await uploads.read(OWNER, KEY, now_s) == b"a picture"
    assert await uploads.read(Owner("team-b"), KEY, now_s) is None
    assert await uploads.read(OWNER, f"{KEY}x", now_s) is None


async def test_a_file_is_stored_once(uploads: Uploads) -> None:
    await uploads.keep(OWNER, KEY, b"a picture")

    assert not await uploads.keep(OWNER, KEY, b"another")
    assert await uploads.keep(Owner("team-b"), KEY, b"another")
    assert await uploads.read(OWNER, KEY, time.time()) == b"a picture"


@pytest.mark.parametrize("key", ["../../etc/passwd", "/etc/passwd", "a\0b", "x" * 1024, "\n"])
async def test_any_key_is_a_name_and_never_a_path(uploads: Uploads, key: str) -> None:
    await uploads.keep(OWNER, key, b"a picture")

    assert await uploads.read(OWNER, key, time.time()) == b"a picture"


async def test_after_two_days_a_file_is_not_found_and_then_swept(uploads: Uploads) -> None:
    await uploads.sweep(time.time())  # with nothing there yet
    before_s = time.time()
    await uploads.keep(OWNER, KEY, b"a picture")
    after_s = time.time()
    await uploads.sweep(before_s + KEPT_S - 1)

    assert await uploads.read(OWNER, KEY, before_s + KEPT_S - 1) == b"a picture"
    assert await uploads.read(OWNER, KEY, after_s + KEPT_S + 1) is None
    await uploads.sweep(after_s + KEPT_S + 1)
    assert await uploads.read(OWNER, KEY, before_s) is None


# --- the local one -----------------------------------------------------------------------------


async def test_a_local_upload_outlives_the_server_and_is_its_own_alone(tmp_path: Path) -> None:
    await LocalUploads(tmp_path).keep(OWNER, KEY, b"a picture")

    [file] = (tmp_path / "uploads").iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "uploads").stat().st_mode & 0o777 == 0o700
    assert await LocalUploads(tmp_path).read(OWNER, KEY, time.time()) == b"a picture"


async def test_a_sweep_removes_drafts_and_nothing_of_anybody_else(tmp_path: Path) -> None:
    uploads = LocalUploads(tmp_path)
    await uploads.keep(OWNER, KEY, b"a picture")
    folder = tmp_path / "uploads"
    (folder / f".{'a' * 64}.{'b' * 16}").touch()  # a kill has ended a write
    (folder / "notes").touch()

    await uploads.sweep(time.time() + KEPT_S + 1)

    assert [path.name for path in folder.iterdir()] == ["notes"]


async def test_an_upload_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "uploads").write_text("in the way")

    with pytest.raises(StorageFailed):
        await LocalUploads(tmp_path).keep(OWNER, KEY, b"a picture")


async def test_the_bytes_of_an_owners_files_are_counted_until_they_are_swept(
    uploads: Uploads,
) -> None:
    before = await uploads.size_bytes(OWNER)
    await uploads.keep(OWNER, KEY, b"a picture")
    await uploads.keep(OWNER, f"{KEY}x", b"another")
    await uploads.keep(Owner("team-b"), KEY, b"a third")
    stored = await uploads.size_bytes(OWNER)
    await uploads.sweep(time.time() + KEPT_S + 1)

    assert (before, stored, await uploads.size_bytes(OWNER)) == (0, 16, 0)


async def test_an_upload_of_a_release_that_noted_no_owner_is_found_and_stays_the_only_one(
    tmp_path: Path,
) -> None:
    uploads = LocalUploads(tmp_path)
    (tmp_path / "uploads").mkdir()
    (tmp_path / "uploads" / digest_of(OWNER, KEY)).write_bytes(b"a picture")

    assert await uploads.read(OWNER, KEY, time.time()) == b"a picture"
    assert not await uploads.keep(OWNER, KEY, b"another")
    await uploads.sweep(time.time() + KEPT_S + 1)
    assert await uploads.read(OWNER, KEY, 0) is None
