"""A server while the bucket of its files is away, silent or breaks off: it waits, and says so."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx2
import pytest
from structlog.testing import capture_logs

from support.free_ports import free_port
from support.in_process import PHOTO, create_body, created, ended, served, settings_of
from support.jobs import a_job
from support.s3_servers import S3Server, seaweed
from unstill.domain.job import State, Video
from unstill.domain.owner import EVERYONE
from unstill.files.storage import s3_storage
from unstill.product import Product

pytestmark = pytest.mark.slow

LARGE_BYTES = 30_000_000  # more than any buffer on the way to a reader has


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[S3Server]:
    with seaweed(tmp_path) as server:
        yield server


@pytest.fixture
def product(own_server: S3Server, tmp_path: Path) -> Product:
    place = own_server.new_place()
    return Product(
        settings_of(tmp_path),
        files_in=lambda data_dir: s3_storage(place, data_dir, own_server.variables),
    )


@pytest.fixture
async def http(product: Product) -> AsyncIterator[httpx2.AsyncClient]:
    async with served(product) as http:
        yield http


async def policy_of(http: httpx2.AsyncClient) -> dict[str, Any]:
    ask = {"action": "getPolicy", "model": "wan2.7-i2v"}
    headers = {"authorization": "Bearer sk-any"}
    answer = await http.get("/api/v1/uploads", params=ask, headers=headers)
    return dict(answer.json()["data"])


async def upload(http: httpx2.AsyncClient, leave: dict[str, Any], name: str) -> httpx2.Response:
    fields = {
        "OSSAccessKeyId": leave["oss_access_key_id"],
        "Signature": leave["signature"],
        "policy": leave["policy"],
        "key": f"{leave['upload_dir']}/{name}",
        "success_action_status": "200",
    }
    return await http.post(
        leave["upload_host"], data=fields, files={"file": (name, PHOTO.read_bytes())}
    )


async def create_with(http: httpx2.AsyncClient, address: str) -> httpx2.Response:
    """A create call in DashScope's way, of a picture that was uploaded before."""
    body = {
        "model": "wan2.7-i2v",
        "input": {"prompt": "push in", "img_url": address},
        "parameters": {"size": "320*256", "duration": 2},
    }
    headers = {"x-dashscope-async": "enable", "x-dashscope-ossresourceresolve": "enable"}
    path = "/api/v1/services/aigc/video-generation/video-synthesis"
    return await http.post(path, json=body, headers=headers)


def statuses(answers: Sequence[httpx2.Response]) -> list[int]:
    return [each.status_code for each in answers]


async def asked(
    http: httpx2.AsyncClient, job_id: str, link: str, leave: dict[str, Any]
) -> Sequence[httpx2.Response]:
    """Every call that needs the bucket."""
    content = f"/v1/videos/{job_id}/content"
    address = f"oss://{leave['upload_dir']}/before.jpg"
    return await asyncio.gather(
        http.post("/v1/tasks/submit", json=create_body()),
        http.get(link),
        http.get(content),
        http.head(content),
        http.get(content, headers={"range": "bytes=0-9"}),
        http.get(f"{content}?variant=thumbnail"),
        upload(http, leave, "while.jpg"),
        create_with(http, address),
    )


async def until_back(
    http: httpx2.AsyncClient, job_id: str, link: str, leave: dict[str, Any]
) -> Sequence[httpx2.Response]:
    """The same once it answers: it listens before it knows where its files are."""
    async with asyncio.timeout(60):
        while True:
            answers = await asked(http, job_id, link, leave)
            if 503 not in statuses(answers):
                return answers
            await asyncio.sleep(0.5)


async def test_whatever_needs_the_bucket_is_told_to_come_again_and_goes_on_when_it_is_back(
    http: httpx2.AsyncClient, product: Product, own_server: S3Server
) -> None:
    job_id, deleted_id = [await created(http, create_body()) for _ in range(2)]
    link = (await ended(http, job_id))["output"]["urls"][0]
    await ended(http, deleted_id)
    leave = await policy_of(http)
    first = await upload(http, leave, "before.jpg")
    jobs = [await created(http, create_body(duration=2 + n)) for n in range(6)]
    await ended(http, jobs[0])
    own_server.end()  # some render, some wait, some are being saved
    away = await asked(http, job_id, link, leave)
    deleted = await http.delete(f"/v1/videos/{deleted_id}")
    well = [
        await http.get(f"/v1/videos/{jobs[-1]}"),
        await http.get("/v1/videos"),
        await http.get(f"/v1/tasks/status?task_id={job_id}"),
        await http.get("/health"),
        await http.get("/api/v1/uploads?action=getPolicy&model=wan2.7-i2v"),
    ]
    own_server.start()
    back = await until_back(http, job_id, link, leave)
    outputs = [(await ended(http, each))["output"] for each in jobs]
    await product._rounds._sweep.sweep()

    assert first.status_code == 200
    assert statuses(away) == [503] * 8
    assert all("retry-after" in each.headers for each in away)
    assert statuses(well) == [200] * 5
    assert statuses(back) == [200, 200, 200, 200, 206, 200, 200, 200]
    assert [each["task_status"] for each in outputs] == ["Success"] * 6
    # Its files could not go with it, and go with the next sweep.
    assert deleted.status_code == 200
    assert await product._files.sizes([deleted_id]) == [0]


async def test_a_bucket_that_says_nothing_is_as_one_that_is_away(
    http: httpx2.AsyncClient, own_server: S3Server
) -> None:
    job_id = await created(http, create_body())
    link = (await ended(http, job_id))["output"]["urls"][0]
    leave = await policy_of(http)
    await upload(http, leave, "before.jpg")
    own_server.pause()
    silent = await asked(http, job_id, link, leave)
    own_server.resume()

    assert statuses(silent) == [503] * 8
    assert all("retry-after" in each.headers for each in silent)
    assert (await ended(http, await created(http, create_body())))["output"]["urls"]


async def test_a_download_that_it_breaks_off_ends_so_that_its_reader_knows(
    http: httpx2.AsyncClient, product: Product, own_server: S3Server
) -> None:
    video = Video("video-1.mp4", 1280, 720, 5.0, 30.0, 150, LARGE_BYTES, has_audio=False)
    job = a_job(owner=EVERYONE, state=State.SUCCEEDED, attempt=1, video=video)
    await product._store.jobs.add(job)
    await product._files.keep(job.id, video.file_name, bytes(LARGE_BYTES))
    content = f"/v1/videos/{job.id}/content"
    with capture_logs() as logs:
        async with http.stream("GET", content) as answer:
            own_server.end()
            with pytest.raises(httpx2.RemoteProtocolError):
                await answer.aread()

    assert [log["event"] for log in logs if log["log_level"] != "info"] == ["download_broken_off"]


async def test_a_server_starts_without_it(tmp_path: Path) -> None:
    away = {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{free_port()}",
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_ALLOW_HTTP": "true",
    }
    product = Product(
        settings_of(tmp_path), files_in=lambda folder: s3_storage("s3://none", folder, away)
    )
    async with served(product) as http:
        ready = await http.get("/ready")
        health = await http.get("/health")

    assert (ready.status_code, ready.json()["reasons"]) == (503, ["files"])
    assert health.status_code == 200
