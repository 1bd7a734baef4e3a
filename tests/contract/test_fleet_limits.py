"""Limits of owners at two servers on one database: what is taken at one counts at the other."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import httpx2
import msgspec
import pytest

from support.in_process import create_body, created, served, settings_of
from support.postgres_servers import shared
from support.waits import until
from unstill.domain.limits import Limits, Party
from unstill.domain.owner import EVERYONE
from unstill.domain.server_role import NO_WORK
from unstill.files.storage import local_storage
from unstill.product import Product
from unstill.store.stores import store_at

Gateway = tuple[Product, httpx2.AsyncClient]


@pytest.fixture
async def gateways(tmp_path: Path) -> AsyncIterator[list[Gateway]]:
    """Two that answer; their files are in one folder, as a bucket would have them."""
    (tmp_path / "bucket").mkdir()
    store_in, storage = store_at(shared().new_store()), local_storage(tmp_path / "bucket")
    async with AsyncExitStack() as stack:
        both: list[Gateway] = []
        for name in ("one", "other"):
            (tmp_path / name).mkdir()
            settings = settings_of(tmp_path / name)
            server = msgspec.structs.replace(settings.server, files="s3://bucket")  # the same
            product = Product(
                msgspec.structs.replace(settings, server=server),
                role=NO_WORK,
                store_in=store_in,
                files_in=lambda _: storage,
            )
            both.append((product, await stack.enter_async_context(served(product))))
        yield both


async def limit(gateways: list[Gateway], limits: Limits) -> None:
    """Set everybody's, and wait until both servers go by them."""
    party = Party(EVERYONE)
    await gateways[0][0]._store.owners.change(EVERYONE, lambda _: limits)
    await until(lambda: all(each._limits.of(party) == limits for each, _ in gateways))


async def test_calls_of_a_minute_are_counted_over_both(gateways: list[Gateway]) -> None:
    await limit(gateways, Limits(requests_per_minute=25))
    (_, one), (product, other) = gateways
    paces = product.app._requests._paces
    at_one = [(await one.get("/v1/videos")).status_code for _ in range(20)]
    await until(lambda: len(paces._moments.get(Party(EVERYONE), ())) == 20)
    answers = [await other.get("/v1/videos") for _ in range(6)]

    assert at_one == [200] * 20
    assert [answer.status_code for answer in answers] == [200] * 5 + [429]
    assert answers[-1].json()["error"]["code"] == "rate_limit_exceeded"


async def test_jobs_that_wait_are_counted_over_both(gateways: list[Gateway]) -> None:
    await limit(gateways, Limits(queue=2))
    (product, one), (_, other) = gateways
    await created(one, create_body())
    await until(lambda: gateways[1][0]._followers.job_counts.taken == 1)
    await created(other, create_body())
    await until(lambda: product._followers.job_counts.taken == 2)
    answers = [await http.post("/v1/tasks/submit", json=create_body()) for http in (one, other)]

    assert [answer.status_code for answer in answers] == [429, 429]


async def test_submits_of_a_minute_are_counted_over_both(gateways: list[Gateway]) -> None:
    await limit(gateways, Limits(submits_per_minute=3))
    (_, one), (product, other) = gateways
    paces, party = product._allowances._submits, Party(EVERYONE)
    for _ in range(2):
        await created(one, create_body())
    await until(lambda: len(paces._moments.get(party, ())) == 2)
    await created(other, create_body())
    answer = await other.post("/v1/tasks/submit", json=create_body())

    assert answer.status_code == 429
