"""Which engine a new job comes to while accounts of upstreams refuse calls, by the ledger."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from support.jobs import a_job
from support.scripted_engine import Engine as Camera
from support.scripted_upstream import ScriptedRemote
from support.upstream_steps import Desk
from unstill.domain.engine import Engine
from unstill.domain.errors import BadField
from unstill.service.refusing_accounts import RefusingAccounts


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    desk = Desk(tmp_path)
    await desk.open()
    yield desk
    await desk.store.close()


def refusing(desk: Desk) -> RefusingAccounts:
    accounts = {each.name: each.account.id for each in (desk.first, desk.second)}
    return RefusingAccounts(accounts, attempts=desk.store.attempts, clock_ms=lambda: desk.now_ms)


async def first_asked(desk: Desk, engine: str, route: Sequence[Engine]) -> tuple[str, int | None]:
    return await refusing(desk).first_asked(a_job(engine=engine), route)


async def test_while_all_is_well_a_job_comes_to_the_first_that_fits(desk: Desk) -> None:
    assert await first_asked(desk, "bailian", (desk.first, desk.second)) == ("bailian", None)


async def test_an_account_that_refuses_is_passed_over_for_another_upstream(desk: Desk) -> None:
    await desk.close_account()

    assert await first_asked(desk, "bailian", (desk.first, desk.second)) == ("gpu1", None)


async def test_where_no_other_upstream_can_do_it_it_is_waited_for(desk: Desk) -> None:
    await desk.close_account()
    desk.second.misfits = BadField("size", "another", "this")
    name, until_s = await first_asked(desk, "bailian", (desk.first, Camera(), desk.second))

    assert name == "bailian"
    assert until_s is not None
    assert until_s * 1000 > desk.now_ms
    desk.now_ms = until_s * 1000
    assert await first_asked(desk, "bailian", (desk.first,)) == ("bailian", None)


async def test_a_job_of_this_machine_stays_there(desk: Desk) -> None:
    await desk.close_account()
    camera = Camera()

    assert await first_asked(desk, "camera", (camera, desk.first)) == ("camera", None)


async def test_the_product_sends_the_job_to_the_same_engine(desk: Desk) -> None:
    await desk.close_account()
    await desk.add("job")
    after = await desk.step()
    route: tuple[ScriptedRemote, ...] = (desk.first, desk.second)

    assert after.engine == (await first_asked(desk, "bailian", route))[0] == "gpu1"
