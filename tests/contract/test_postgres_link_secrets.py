"""Servers that share a database sign links and tickets with the same secrets."""

from __future__ import annotations

import asyncio
from pathlib import Path

from support.api_keys import NOW_MS, a_key
from support.postgres_servers import shared
from unstill.domain.owner import Owner
from unstill.server.api_keys import Keys
from unstill.server.caller_tickets import CallerTickets
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


async def test_a_ticket_of_one_is_good_at_each_of_them(tmp_path: Path) -> None:
    url = shared().new_store()
    desks = []
    for name in "ab":
        keys = Keys({"sk-one": Owner("one")})
        keys.take([a_key()], NOW_MS)
        desks.append((keys, CallerTickets(keys, lambda: NOW_MS)))
        desks[-1][1].take(await all_of(url, tmp_path / name))
    (here, signing), (there, believing) = desks

    for key in ("sk-one", "unstill_key_1"):
        headers = {"authorization": key}
        ticket = signing.issue(here.caller(headers), headers).ticket
        assert ticket is not None
        assert believing.caller(ticket, "") == there.caller(headers)
