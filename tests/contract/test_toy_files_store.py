"""A new keeper of files costs its own file, and what says that it is to be used.

`support/bucket_files.py` keeps jobs' files and uploads in a bucket, where nothing has a path. What
it touches elsewhere: nothing. A product gets it by `files_in`, without which the setting `files`
says which of the keepers in `files/storage.py` it is. It joins the suites by one line in each of
`test_files.py` and `test_uploads.py`.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import httpx2
import pytest

from support.bucket_files import PIECE_BYTES, Bucket, BucketFiles, BucketUploads
from support.in_process import PHOTO, create_body, created, ended, served, settings_of
from unstill.domain.job_ids import new_id
from unstill.domain.owner import EVERYONE
from unstill.files.storage import Storage
from unstill.product import Product
from unstill.system.clock import clock_ms


def files_in(bucket: Bucket) -> Callable[[Path], Storage]:
    def storage(data_dir: Path) -> Storage:
        return Storage(BucketFiles(bucket, data_dir / "scratch"), BucketUploads(bucket))

    return storage


@pytest.fixture
def bucket() -> Bucket:
    return Bucket()


@pytest.fixture
async def http(bucket: Bucket, tmp_path: Path) -> AsyncIterator[httpx2.AsyncClient]:
    product = Product(settings_of(tmp_path), files_in=files_in(bucket))
    async with served(product) as http:
        yield http


async def test_a_video_is_made_kept_and_sent_out_of_a_bucket(
    bucket: Bucket, http: httpx2.AsyncClient, tmp_path: Path
) -> None:
    task_id = await created(http, create_body(size="832*480"))
    output = (await ended(http, task_id))["output"]
    link = output["urls"][0]
    whole = await http.get(link)
    middle = await http.get(link, headers={"range": f"bytes=1000-{PIECE_BYTES + 2000}"})
    same = await http.get(link, headers={"if-none-match": whole.headers["etag"]})
    beyond = await http.get(link, headers={"range": f"bytes={len(whole.content)}-"})

    assert output["task_status"] == "Success", output
    assert whole.content[4:8] == b"ftyp"
    assert len(whole.content) > 2 * PIECE_BYTES
    assert whole.content == bucket[f"jobs/{task_id}/video-1.mp4"].data
    assert middle.status_code == 206
    assert middle.content == whole.content[1000 : PIECE_BYTES + 2001]
    assert (same.status_code, beyond.status_code) == (304, 416)
    assert sorted(bucket) == [f"jobs/{task_id}/first-frame", f"jobs/{task_id}/video-1.mp4"]
    assert not (tmp_path / "data" / "jobs").exists()
    assert list((tmp_path / "data" / "scratch").iterdir()) == []


async def test_a_picture_of_the_video_is_drawn_into_the_bucket_and_all_goes_with_the_job(
    bucket: Bucket, http: httpx2.AsyncClient
) -> None:
    task_id = await created(http, create_body())
    await ended(http, task_id)
    drawn = [await http.get(f"/v1/videos/{task_id}/content?variant=thumbnail") for _ in range(2)]
    kept = bucket[f"jobs/{task_id}/thumbnail.webp"].data
    deleted = await http.delete(f"/v1/videos/{task_id}")

    assert [each.content for each in drawn] == [kept, kept]
    assert kept[:4] == b"RIFF"
    assert deleted.status_code == 200
    assert bucket == {}


async def test_an_upload_in_the_bucket_is_a_frame_of_its_owner(
    bucket: Bucket, http: httpx2.AsyncClient
) -> None:
    params = {"action": "getPolicy", "model": "wan2.7-i2v"}
    leave = (await http.get("/api/v1/uploads", params=params)).json()["data"]
    key = f"{leave['upload_dir']}/cat.jpg"
    form = {
        "OSSAccessKeyId": leave["oss_access_key_id"],
        "policy": leave["policy"],
        "Signature": leave["signature"],
        "key": key,
    }
    sent = await http.post(
        leave["upload_host"], data=form, files={"file": ("cat.jpg", PHOTO.read_bytes())}
    )
    read = await BucketUploads(bucket).read(EVERYONE, key, time.time())

    assert sent.status_code == 200, sent.text
    assert read == PHOTO.read_bytes()


@pytest.mark.slow
async def test_another_server_goes_on_with_what_lies_in_the_bucket(
    bucket: Bucket, tmp_path: Path
) -> None:
    settings = settings_of(tmp_path)
    async with served(Product(settings, files_in=files_in(bucket))) as http:
        task_id = await created(http, create_body())
        await ended(http, task_id)
    bucket.put(f"jobs/{new_id(clock_ms())}/first-frame", b"of no job that it knows")
    async with served(Product(settings, files_in=files_in(bucket))) as http:
        video = await http.get(f"/v1/videos/{task_id}/content")

    assert video.content == bucket[f"jobs/{task_id}/video-1.mp4"].data
    assert len(bucket) == 3
