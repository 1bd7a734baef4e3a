"""Servers that share a database sign links with the same secrets."""

from __future__ import annotations

import asyncio
from pathlib import Path

from support.postgres_servers import shared
from unstill.store.postgres.store import PostgresStore


async def all_of(url: str, folder: Path) -> list[bytes]:
    store = PostgresStore(url, folder)
    await store.open()
    try:
        return list(await store.link_secrets.all())
    finally:
        await store.close()


async def test_servers_that_start_together_make_one(tmp_path: Path) -> None:
    url = shared().new_store()
    told = await asyncio.gather(*(all_of(url, tmp_path / name) for name in "abc"))

    assert len(told[0]) == 1
    assert told == [told[0]] * 3


async def test_one_at_a_lesser_place_signs_and_the_others_are_believed(tmp_path: Path) -> None:
    url = shared().new_store()
    old = await all_of(url, tmp_path / "a")
    sql = f"INSERT INTO link_secrets (place, secret) VALUES (-1, '{'ab' * 32}')"  # noqa: S608
    shared().sql(sql, url.rpartition("/")[2])

    assert await all_of(url, tmp_path / "b") == [b"\xab" * 32, *old]
