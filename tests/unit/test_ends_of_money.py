"""What the steps write to the book of money as they end jobs, over a real store."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.jobs import a_job
from support.requests import WAN27
from support.reserves import a_reserve
from support.scripted_engine import render_for_ever
from support.scripted_house import House, opened
from support.scripted_media import VIDEO
from unstill.domain.errors import UpstreamError
from unstill.domain.job import Job, State, cancelled
from unstill.domain.money import BilledUnit, CostRate, UnitRate
from unstill.domain.request import Size
from unstill.domain.tariff import ANY_TIER, Tariff
from unstill.models.catalogue import Catalogue
from unstill.models.costs import Costs
from unstill.steps.bills import Bills

OWN = CostRate(UnitRate(BilledUnit.SECOND, 10_000), "EUR")
TARIFF = Tariff("EUR", costs={"camera": {WAN27: {ANY_TIER: OWN}}})
BILLS = Bills(Costs(TARIFF, Catalogue().by_id))


async def stored(house: House, state: State) -> Job:
    job = a_job(state=state, attempt=int(state is State.SAVING), size=Size(640, 480))
    return await house.store.jobs.add(job, reserve=a_reserve(job))


async def written(house: House, job: Job) -> list[tuple[str, int, int]]:
    return [(each.kind, each.n, each.amount) for each in await house.store.charges.of(job.id)]


async def test_a_video_of_this_machine_is_settled_with_its_cost(tmp_path: Path) -> None:
    async with opened(tmp_path, bills=BILLS) as house:
        job = await stored(house, State.READY)
        await house.until(job.id, State.SUCCEEDED)

        assert await written(house, job) == [
            ("reserve", 0, 450_000),
            ("settle", 0, 450_000),
            ("cost", 1, 50_000),
        ]


@pytest.mark.parametrize("data", [b"no video", None])
async def test_a_video_that_comes_to_nothing_is_released_at_its_cost(
    tmp_path: Path, data: bytes | None
) -> None:
    async with opened(tmp_path, serves=False, bills=BILLS) as house:
        job = await stored(house, State.SAVING)
        if data is not None:
            await house.files.keep(job.id, "video-1.part", data)
        await house.runner.startup()
        await house.until(job.id, State.FAILED)

        assert await written(house, job) == [
            ("reserve", 0, 450_000),
            ("release", 0, 0),
            ("cost", 1, 50_000),
        ]


async def test_a_render_that_fails_or_is_called_off_costs_nothing(tmp_path: Path) -> None:
    async def refuse(*_: object) -> None:
        raise UpstreamError("no")

    async with opened(tmp_path, bills=BILLS) as house:
        house.engine.acts = [refuse, render_for_ever]
        failed = await stored(house, State.READY)
        await house.until(failed.id, State.FAILED)
        off = await stored(house, State.READY)
        await house.until(off.id, State.RUNNING)
        await house.store.jobs.change(off.id, cancelled(1, is_hidden=True))

        for job in (failed, off):
            assert await written(house, job) == [("reserve", 0, 450_000), ("release", 0, 0)]


async def test_a_video_that_was_home_before_a_crash_is_settled_once(tmp_path: Path) -> None:
    async with opened(tmp_path, serves=False, bills=BILLS) as house:
        job = await stored(house, State.SAVING)
        await house.files.keep(job.id, "video-1.mp4", VIDEO)
    async with opened(tmp_path, bills=BILLS) as house:
        await house.until(job.id, State.SUCCEEDED)
    async with opened(tmp_path, bills=BILLS) as house:
        assert [kind for kind, _, _ in await written(house, job)] == ["reserve", "settle", "cost"]
