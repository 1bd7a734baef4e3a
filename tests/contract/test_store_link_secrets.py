"""What every store holds to of the secrets of links."""

from __future__ import annotations

import asyncio

import pytest

from support.open_stores import Make, opened
from unstill.domain.errors import ShuttingDown


async def test_one_is_made_and_the_next_start_finds_it(make: Make) -> None:
    async with opened(make) as store:
        made = list(await store.link_secrets.all())
    async with opened(make) as store:
        found = list(await store.link_secrets.all())

    assert [len(secret) for secret in made] == [32]
    assert found == made


async def test_all_who_ask_at_once_for_the_first_time_are_told_the_same(make: Make) -> None:
    async with opened(make) as store:
        told = await asyncio.gather(*(store.link_secrets.all() for _ in range(10)))

    assert len({tuple(each) for each in told}) == 1


async def test_a_store_that_is_closed_tells_none(make: Make) -> None:
    async with opened(make) as store:
        await store.link_secrets.all()

    with pytest.raises(ShuttingDown):
        await store.link_secrets.all()
