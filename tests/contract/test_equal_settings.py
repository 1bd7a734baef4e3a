"""Servers on one database go by the same of what would lose or double something."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.in_process import settings_of
from support.memory_ports import Memory
from support.memory_store import MemoryStore
from support.postgres_fleets import fleet, true_at_last
from support.postgres_servers import shared
from unstill.assembly import equal_settings, remotes_of
from unstill.domain.errors import OperatorError
from unstill.net.fetcher import Fetcher
from unstill.settings.reader import Settings
from unstill.settings.server import ServerSettings
from unstill.store.postgres.store import PostgresStore

TOML = """
[engines.one]
kind = "modelverse"
base_url = "http://127.0.0.1:9"
api_key = "k"

[engines.two]
kind = "modelverse"
base_url = "http://127.0.0.1:9"
api_key = "k"
"""


async def of(settings: Settings) -> dict[str, str]:
    fetcher = Fetcher(())
    found = equal_settings(settings.server, remotes_of(settings, fetcher))
    await fetcher.close()
    return dict(found)


async def test_they_are_the_place_of_the_files_and_what_each_account_takes(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, TOML)
    found = await of(settings)
    files = found.pop("server.files")

    assert files.startswith(f"the folder {tmp_path / 'data'} of ")
    assert [text.split(maxsplit=1)[1] for text in found.values()] == ["requests a second"]
    assert not any("api_key" in name or "127.0.0.1" in name for name in found)


def test_a_bucket_is_the_same_from_everywhere() -> None:
    one, other = (ServerSettings(data_dir=f"{n}", files="s3://b/p") for n in range(2))

    assert equal_settings(one, {}) == equal_settings(other, {}) == {"server.files": "s3://b/p"}


async def test_a_server_that_differs_from_one_that_is_up_is_refused(tmp_path: Path) -> None:
    async with fleet(tmp_path) as (one, other):
        await one.agree({"server.files": "s3://a", "only here": "1"})
        await other.agree({"server.files": "s3://a", "only there": "2"})
        with pytest.raises(OperatorError, match=r"^server\.files is s3://b here and s3://a at a"):
            await other.agree({"server.files": "s3://b"})


async def test_a_server_that_has_ended_binds_nobody(tmp_path: Path) -> None:
    url = shared().new_store()
    async with fleet(tmp_path / "before", 1, url=url) as (one,):
        await one.agree({"server.files": "s3://a"})
    async with fleet(tmp_path / "after", 1, url=url) as (other,):
        await other.agree({"server.files": "s3://b"})
        await other.agree({"server.files": "s3://c"})  # its own earlier word does not count


async def test_a_server_that_nothing_is_heard_of_binds_nobody_in_the_end(tmp_path: Path) -> None:
    url = shared().new_store()
    frozen = PostgresStore(url, tmp_path / "frozen", heartbeat_s=0.5)
    await frozen.open()
    await frozen.agree({"server.files": "s3://a"})
    beating = frozen.servers._beating
    assert beating is not None
    beating.cancel()

    async with fleet(tmp_path / "after", 1, url=url) as (other,):

        async def is_agreed() -> bool:
            try:
                await other.agree({"server.files": "s3://b"})
            except OperatorError:
                return False
            return True

        await true_at_last(is_agreed)
    await frozen.close()


async def test_one_process_agrees_with_itself() -> None:
    store = MemoryStore(Memory())
    await store.open()
    await store.agree({"server.files": "a"})
    await store.agree({"server.files": "b"})
    await store.close()
