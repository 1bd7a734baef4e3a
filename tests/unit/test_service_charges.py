"""The service and the book of money: a reserve with each job, and nothing kept of a refused one."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from support.jobs import OWNER
from support.scripted_fetches import PNG
from support.scripted_house import House, opened
from unstill.domain.access_errors import OverBudget
from unstill.domain.errors import UnstillError
from unstill.domain.job import Job
from unstill.domain.money import BilledUnit, Budgets, BudgetUse, ChargeKind, UnitRate, day_of
from unstill.domain.request import CreateCall, GivenFrame, GivenValue
from unstill.domain.tariff import Tariff
from unstill.service.charging import Charging
from unstill.service.idempotency import RetryHeaders
from unstill.service.jobs import Service

NINE_CENTS = UnitRate(BilledUnit.SECOND, 90_000)
TARIFF = Tariff("EUR", prices={"wan2.7-i2v": {"1080P": NINE_CENTS, "720P": NINE_CENTS}})
FIVE_SECONDS = 450_000
KEYED = RetryHeaders("k", is_retry=False)


def charged(house: House, budgets: Budgets, tariff: Tariff = TARIFF) -> Service:
    charging = Charging(
        tariff,
        cards=house.catalogue.by_id,
        upstream_model=lambda _, request: request.model,
        budgets_of=lambda _: budgets,
        used=house.store.charges.used,
    )
    return house.service_with(None, charging)


async def submit(service: Service, retry: RetryHeaders | None = None) -> Job:
    create_call = CreateCall(
        model=GivenValue("model", "wan2.7-i2v"),
        fields={"duration": GivenValue("seconds", 5)},
        frames=(GivenFrame("first", "input_reference", PNG),),
        names={},
    )
    submitted = await service.submit(
        create_call, owner=OWNER, dialect="videos", words="openai", retry=retry
    )
    return submitted.job


async def used(house: House) -> BudgetUse:
    return await house.store.charges.used(OWNER, day_of(house.clock_ms()))


def kept_folders(house: House) -> set[str]:
    return {path.parent.name for path in house.data_dir.glob("jobs/*/*/*")}


async def test_a_job_and_its_reserve_are_stored_together(tmp_path: Path) -> None:
    async with opened(tmp_path, serves=False) as house:
        job = await submit(charged(house, Budgets(day=FIVE_SECONDS)))
        entries = await house.store.charges.of(job.id)

        assert [(each.kind, each.amount) for each in entries] == [
            (ChargeKind.RESERVE, FIVE_SECONDS)
        ]
        assert await used(house) == BudgetUse(day=FIVE_SECONDS, month=FIVE_SECONDS)


async def test_without_money_in_the_settings_no_book_is_kept(tmp_path: Path) -> None:
    async with opened(tmp_path, serves=False) as house:
        job = await submit(charged(house, Budgets(day=0), Tariff()))
        by_default = await submit(house.service)

        assert [*await house.store.charges.of(job.id)] == []
        assert [*await house.store.charges.of(by_default.id)] == []


async def test_a_job_over_the_budget_leaves_nothing_behind(tmp_path: Path) -> None:
    async with opened(tmp_path, serves=False) as house:
        service = charged(house, Budgets(day=2 * FIVE_SECONDS - 1))
        job = await submit(service)

        with pytest.raises(OverBudget) as refused:
            await submit(service)

        assert (refused.value.status, refused.value.code) == (402, "budget_exceeded")
        assert kept_folders(house) == {job.id}
        assert (await used(house)).day == FIVE_SECONDS


async def test_of_calls_at_once_none_passes_the_budget(tmp_path: Path) -> None:
    async with opened(tmp_path, serves=False) as house:
        service = charged(house, Budgets(month=3 * FIVE_SECONDS + 1))

        outcomes = await asyncio.gather(
            *(submit(service) for _ in range(12)), return_exceptions=True
        )

        made = [each for each in outcomes if isinstance(each, Job)]
        assert len(made) == 3
        assert sum(isinstance(each, OverBudget) for each in outcomes) == 9
        assert kept_folders(house) == {each.id for each in made}
        assert (await used(house)).month == 3 * FIVE_SECONDS


async def test_a_call_that_is_sent_again_gets_its_job_though_nothing_is_left(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path, serves=False) as house:
        service = charged(house, Budgets(day=FIVE_SECONDS))
        first = await submit(service, KEYED)
        at_once = await asyncio.gather(*(submit(service, KEYED) for _ in range(4)))

        assert {each.id for each in at_once} == {first.id}
        assert (await used(house)).day == FIVE_SECONDS


async def test_equal_calls_at_once_are_one_job_and_one_reserve(tmp_path: Path) -> None:
    async with opened(tmp_path, serves=False) as house:
        service = charged(house, Budgets(day=FIVE_SECONDS))

        made = await asyncio.gather(*(submit(service, KEYED) for _ in range(6)))

        assert len({each.id for each in made}) == 1
        assert (await used(house)).day == FIVE_SECONDS


async def test_a_call_that_cannot_be_stored_reserves_nothing(tmp_path: Path) -> None:
    async with opened(tmp_path, serves=False) as house:
        service = charged(house, Budgets(day=FIVE_SECONDS))
        house.store.has_room = False
        with pytest.raises(UnstillError):
            await submit(service)
        house.store.has_room = True

        assert (await used(house)).day == 0
        assert await submit(service)
