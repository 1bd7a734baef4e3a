"""Files in a bucket that callers are sent to, on storages that run as servers of their own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from support.free_ports import free_port
from support.in_process import create_body, created, ended, served, settings_of
from support.openai_clients import async_sdk
from support.s3_servers import S3Server
from unstill.cli.client import Client
from unstill.cli.doctor_bucket import files_finding
from unstill.files.storage import Redirects, s3_storage
from unstill.product import Product

pytestmark = pytest.mark.slow

# Moto looks at no signature, and by HEAD says nothing of a file's type.
SERVERS = ("seaweed_server", "moto_server")


@pytest.fixture(params=SERVERS)
def server(request: pytest.FixtureRequest) -> S3Server:
    found: S3Server = request.getfixturevalue(request.param)
    return found


@pytest.fixture
async def http(server: S3Server, tmp_path: Path) -> AsyncIterator[httpx2.AsyncClient]:
    """Of a server that sends its callers to the bucket."""
    place = server.new_place()
    product = Product(
        settings_of(tmp_path),
        files_in=lambda data_dir: s3_storage(
            place, data_dir, server.variables, redirects=Redirects()
        ),
    )
    async with served(product) as http:
        yield http


async def finished(http: httpx2.AsyncClient) -> tuple[str, str]:
    """A job's id, and the link to its video."""
    job_id = await created(http, create_body())
    return job_id, str((await ended(http, job_id))["output"]["urls"][0])


async def test_callers_are_sent_to_the_bucket_and_told_there_what_they_were_told_here(
    http: httpx2.AsyncClient, server: S3Server
) -> None:
    job_id, link = await finished(http)
    content = f"/v1/videos/{job_id}/content"
    led = await http.get(content)
    inline = await http.get(link, follow_redirects=True)
    attached = await http.get(content, follow_redirects=True)
    part = await http.get(content, headers={"range": "bytes=4-7"}, follow_redirects=True)

    assert led.status_code == 307
    assert led.headers["location"].startswith(f"{server.url}/")
    assert (led.content, led.headers["cache-control"]) == (b"", "no-store")
    assert "x-request-id" in led.headers
    assert inline.content == attached.content
    assert [each.headers["content-type"] for each in (inline, attached)] == ["video/mp4"] * 2
    assert inline.headers["content-disposition"] == f'inline; filename="{job_id}.mp4"'
    assert attached.headers["content-disposition"] == f'attachment; filename="{job_id}.mp4"'
    assert (part.status_code, part.content) == (206, b"ftyp")
    assert part.headers["content-range"].startswith("bytes 4-7/")


async def test_a_head_is_answered_where_the_file_is(http: httpx2.AsyncClient) -> None:
    job_id, _ = await finished(http)
    content = f"/v1/videos/{job_id}/content"
    head = await http.head(content, follow_redirects=True)
    whole = await http.get(content, follow_redirects=True)

    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == str(len(whole.content))
    assert head.headers["etag"] == whole.headers["etag"]


async def test_a_page_of_the_server_itself_is_sent_the_bytes_and_every_other_caller_led(
    http: httpx2.AsyncClient,
) -> None:
    job_id, link = await finished(http)
    content = f"/v1/videos/{job_id}/content"
    own = {"sec-fetch-site": "same-origin"}
    whole = await http.get(content, headers=own)
    linked = await http.get(link, headers=own)
    head = await http.head(content, headers=own)
    part = await http.get(content, headers=own | {"range": "bytes=4-7"})
    picture = await http.get(f"{content}?variant=thumbnail", headers=own)
    others = [
        await http.get(content, headers={"sec-fetch-site": site})
        for site in ("cross-site", "same-site", "none", "")
    ]

    assert [each.status_code for each in (whole, linked, head, picture)] == [200] * 4
    assert whole.content[4:8] == b"ftyp"
    assert linked.content == whole.content
    assert head.headers["content-length"] == str(len(whole.content))
    assert (part.status_code, part.content) == (206, b"ftyp")
    assert picture.content[:4] == b"RIFF"
    assert [each.status_code for each in others] == [307] * 4


async def test_a_picture_of_a_video_is_drawn_before_its_caller_is_sent_on(
    http: httpx2.AsyncClient,
) -> None:
    job_id, _ = await finished(http)
    ask = f"/v1/videos/{job_id}/content?variant=thumbnail"
    pictures = [await http.get(ask, follow_redirects=True) for _ in range(2)]

    assert {each.content[:4] for each in pictures} == {b"RIFF"}
    assert {each.headers["content-type"] for each in pictures} == {"image/webp"}
    assert [len(each.history) for each in pictures] == [1, 1]


async def test_the_clients_of_others_and_our_own_follow(
    http: httpx2.AsyncClient, tmp_path: Path
) -> None:
    job_id, link = await finished(http)
    url = str(http.base_url).rstrip("/")
    async with async_sdk(url) as sdk:
        content = await sdk.videos.download_content(job_id)
    with Client(url, key="sk-any") as client:
        size_bytes = await asyncio.to_thread(client.download, link, tmp_path / "video.mp4")

    assert content.content[4:8] == b"ftyp"
    assert (tmp_path / "video.mp4").read_bytes() == content.content
    assert size_bytes == len(content.content)


async def test_what_was_deleted_is_reached_by_no_address_that_was_given_out(
    http: httpx2.AsyncClient,
) -> None:
    job_id, link = await finished(http)
    address = (await http.get(link)).headers["location"]
    before = await http.get(address)
    await http.delete(f"/v1/videos/{job_id}")
    after = [await http.get(each) for each in (address, link)]

    assert before.status_code == 200
    assert after[0].status_code in {403, 404}  # moto tells nobody what is not there
    assert after[1].status_code == 404


def test_the_doctor_says_whether_callers_reach_what_they_are_redirected_to(
    server: S3Server,
) -> None:
    place, away = server.new_place(), f"http://127.0.0.1:{free_port()}"
    findings = [
        files_finding(place, server.variables, redirects=redirects)
        for redirects in (None, Redirects(), Redirects(away))
    ]

    assert [each.is_well for each in findings] == [True, True, False]
    assert "callers who are redirected reach it" in findings[1].detail
    assert f"{away}/" in findings[2].detail
    assert server.store(place).list().collect() == []


async def test_an_address_is_of_one_object_and_a_while(
    seaweed_server: S3Server, tmp_path: Path
) -> None:
    place = seaweed_server.new_place()
    files = s3_storage(place, tmp_path, seaweed_server.variables, redirects=Redirects()).files
    for name in ("video-1.mp4", "video-2.mp4"):
        await files.keep("job", name, name.encode())
    found = await files.find("job", "video-1.mp4")
    assert found is not None
    address = found.address("GET", {"content-type": "video/mp4"})
    assert address is not None
    forged = [
        address.replace("video-1", "video-2"),
        address.replace("video%2Fmp4", "text%2Fhtml"),
        address.replace("X-Amz-Expires=600", "X-Amz-Expires=6000"),
    ]
    async with httpx2.AsyncClient() as http:
        whole = await http.get(address)
        refused = [await http.get(each) for each in forged]
        written = await http.put(address, content=b"another")

    assert (whole.status_code, whole.content) == (200, b"video-1.mp4")
    assert [each.status_code for each in refused] == [403] * 3
    assert written.status_code == 403
