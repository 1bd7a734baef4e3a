"""What an operator does at one server of a fleet holds at the others within seconds."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import NamedTuple

import httpx2
import pytest

from support.admin_team import Team, by, team_of
from support.in_process import create_body, served, settings_of
from support.postgres_servers import shared
from support.s3_servers import S3Server
from support.waits import PATIENCE_S
from unstill.files.storage import s3_storage
from unstill.product import Product
from unstill.store.stores import store_at


class Fleet(NamedTuple):
    """Two servers on one database."""

    one: Team
    two: httpx2.AsyncClient


@pytest.fixture
async def fleet(moto_server: S3Server, tmp_path: Path) -> AsyncIterator[Fleet]:
    in_database, place = store_at(shared().new_store()), moto_server.new_place()

    def a_server(name: str) -> Product:
        (tmp_path / name).mkdir()
        return Product(
            settings_of(tmp_path / name, f'files = "{place}"'),
            store_in=in_database,
            files_in=lambda data_dir: s3_storage(place, data_dir, moto_server.variables),
        )

    async with AsyncExitStack() as stack:
        one = await stack.enter_async_context(team_of(a_server("one")))
        two = await stack.enter_async_context(served(a_server("two")))
        yield Fleet(one, two)


async def until_it_answers(status: int, ask: Callable[[], Awaitable[httpx2.Response]]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while (await ask()).status_code != status:  # noqa: ASYNC110  - servers look now and then
            await asyncio.sleep(0.05)


async def test_a_key_is_good_and_then_revoked_at_the_other_server_too(fleet: Fleet) -> None:
    made = await fleet.one.told("POST", "/admin/keys", {"owner": "cid"})

    async def list_videos() -> httpx2.Response:
        return await fleet.two.get("/v1/videos", headers=by(made["key"]))

    without = await fleet.two.get("/v1/videos")
    await until_it_answers(200, list_videos)
    await fleet.one.told("DELETE", f"/admin/keys/{made['id']}")
    await until_it_answers(401, list_videos)

    assert without.status_code == 401


async def test_a_limit_of_an_owner_holds_at_the_other_server_too(fleet: Fleet) -> None:
    async def submit() -> httpx2.Response:
        headers = by(fleet.one.keys["ann"])
        return await fleet.two.post("/v1/tasks/submit", json=create_body(), headers=headers)

    first = await submit()
    await fleet.one.told("PATCH", "/admin/owners/ann", {"queue": 0})
    await until_it_answers(429, submit)
    await fleet.one.told("PATCH", "/admin/owners/ann", {"queue": None})
    await until_it_answers(200, submit)

    assert first.status_code == 200


async def test_what_is_made_at_one_server_is_told_by_the_other_at_once(fleet: Fleet) -> None:
    headers = by(fleet.one.keys["ann"])
    job = await fleet.one.submitted("ann")
    listed = await fleet.two.get("/v1/videos", headers=headers)
    found = await fleet.two.get(f"/v1/videos/{job}", headers=headers)
    of_another = await fleet.two.get(f"/v1/videos/{job}", headers=by(fleet.one.keys["bob"]))

    assert [each["id"] for each in listed.json()["data"]] == [found.json()["id"]]
    assert (found.status_code, of_another.status_code) == (200, 404)
