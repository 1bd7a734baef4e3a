"""Two servers over one database and one bucket: what callers get of files, whichever they ask."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, cast

import httpx2
import pytest

from support.in_process import PHOTO, create_body, created, ended, served, settings_of
from support.postgres_servers import shared
from support.s3_servers import S3Server
from unstill.files.storage import s3_storage
from unstill.product import Product
from unstill.store.ports.store import Store
from unstill.store.postgres.store import PostgresStore

pytestmark = pytest.mark.slow

Clients = tuple[httpx2.AsyncClient, httpx2.AsyncClient]


@pytest.fixture
def place(seaweed_server: S3Server) -> str:
    return seaweed_server.new_place()


@pytest.fixture
async def both(seaweed_server: S3Server, place: str, tmp_path: Path) -> AsyncIterator[Clients]:
    url = shared().new_store()

    def product(name: str) -> Product:
        folder = tmp_path / name
        folder.mkdir()
        return Product(
            settings_of(folder, f'files = "{place}"\n'),
            store_in=lambda data_dir, clock_ms: cast(
                "Store", PostgresStore(url, data_dir, clock_ms=clock_ms)
            ),
            files_in=lambda data_dir: s3_storage(place, data_dir, seaweed_server.variables),
        )

    async with AsyncExitStack() as servers:
        yield (
            await servers.enter_async_context(served(product("a"))),
            await servers.enter_async_context(served(product("b"))),
        )


def path_of(link: str) -> str:
    """A link at whichever server: its path and query."""
    return str(httpx2.URL(link).raw_path.decode())


async def test_a_link_of_one_opens_at_the_other_until_either_deletes_its_job(both: Clients) -> None:
    one, other = both
    jobs = [await created(each, create_body()) for each in (one, other, one, other)]
    links = [(await ended(one, each))["output"]["urls"][0] for each in jobs]
    there = [await other.get(path_of(link)) for link in links]
    part = await one.get(path_of(links[1]), headers={"range": "bytes=4-7"})
    deleted = await other.delete(f"/v1/videos/{jobs[0]}")
    gone = [await each.get(path_of(links[0])) for each in both]

    assert [each.status_code for each in there] == [200] * 4
    assert {each.content[4:8] for each in there} == {b"ftyp"}
    assert (part.status_code, part.content) == (206, b"ftyp")
    assert deleted.status_code == 200
    assert [each.status_code for each in gone] == [404] * 2


async def test_a_picture_that_many_ask_both_for_at_once_is_one(
    both: Clients, seaweed_server: S3Server, place: str
) -> None:
    job_id = await created(both[0], create_body())
    await ended(both[1], job_id)
    ask = f"/v1/videos/{job_id}/content?variant=thumbnail"
    answers = await asyncio.gather(*(each.get(ask) for each in both * 5))
    names = [each["path"] for each in seaweed_server.store(place).list("jobs").collect()]

    assert {each.status_code for each in answers} == {200}
    assert len({each.content for each in answers}) == 1
    assert sorted(names) == [
        f"jobs/{job_id}/{name}" for name in ("first-frame", "thumbnail.webp", "video-1.mp4")
    ]


async def test_what_one_lets_upload_the_other_takes_and_the_first_uses(both: Clients) -> None:
    one, other = both
    headers = {"authorization": "Bearer sk-any"}
    ask = {"action": "getPolicy", "model": "wan2.7-i2v"}
    leave: dict[str, Any] = (await one.get("/api/v1/uploads", params=ask, headers=headers)).json()
    leave = leave["data"]
    key = f"{leave['upload_dir']}/cat.jpg"
    fields = {
        "OSSAccessKeyId": leave["oss_access_key_id"],
        "Signature": leave["signature"],
        "policy": leave["policy"],
        "key": key,
        "success_action_status": "200",
    }
    upload = await other.post(
        path_of(leave["upload_host"]), data=fields, files={"file": ("cat.jpg", PHOTO.read_bytes())}
    )
    body = {
        "model": "wan2.7-i2v",
        "input": {"prompt": "push in", "img_url": f"oss://{key}"},
        "parameters": {"size": "320*256", "duration": 2},
    }
    told = {"x-dashscope-async": "enable", "x-dashscope-ossresourceresolve": "enable"}
    create = "/api/v1/services/aigc/video-generation/video-synthesis"
    made = await one.post(create, json=body, headers=headers | told)
    assert made.status_code == 200, made.text
    output = (await ended(other, made.json()["output"]["task_id"]))["output"]

    assert upload.status_code == 200
    assert output["task_status"] == "Success"
