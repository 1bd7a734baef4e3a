"""What is billed of a job's video: by its upstream's word, its frames, or what was asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from support.jobs import a_job
from support.requests import WAN27, a_request
from support.reserves import YUAN, a_reserve
from support.scripted_upstream import ScriptedRemote, away
from support.upstream_steps import Post
from unstill.domain.job import Job, Result, State, Video
from unstill.domain.money import (
    MILLION,
    SECOND_NS,
    Bill,
    BilledUnit,
    BudgetUse,
    ChargeKind,
    CostRate,
    UnitRate,
    day_of,
)
from unstill.domain.request import Size
from unstill.domain.tariff import ANY_TIER, Tariff
from unstill.models.catalogue import Catalogue
from unstill.models.costs import Costs
from unstill.steps.bills import WITHOUT_COSTS, Bills
from unstill.upstreams.port import Failed, Gone, Running
from unstill.upstreams.usage import (
    COST_USD,
    MOST_BILLED_S,
    MOST_USD,
    billed_seconds,
    is_billed,
)

DEAR = CostRate(UnitRate(BilledUnit.SECOND, 900_000), "CNY", worth=125_000)
OWN = CostRate(UnitRate(BilledUnit.VIDEO, 20_000), "EUR")
TARIFF = Tariff(
    currency="EUR",
    costs={
        "bailian": {"wan2.7-i2v": {ANY_TIER: YUAN, "1080P": DEAR}},
        "camera": {WAN27: {ANY_TIER: OWN}},
    },
)
BILLS = Bills(Costs(TARIFF, Catalogue().by_id))
WITH_DOLLARS = msgspec.structs.replace(TARIFF, worths={"EUR": MILLION, "USD": 900_000})
IN_DOLLARS = Bills(Costs(WITH_DOLLARS, Catalogue().by_id))
VIDEO = Video("video-1.mp4", 1280, 720, 5.0625, 16.0, 81, 1, has_audio=False)


def upstream_job(usage: dict[str, int | float] | None = None, **request: Any) -> Job:
    return a_job(
        state=State.SAVING,
        engine="bailian",
        ticket="t-1",
        upstream_model="wan2.7-i2v",
        request=a_request(**request),
        result=Result("https://v.example", usage or {}),
    )


@pytest.mark.parametrize(
    ("usage", "seconds"),
    [
        ({}, None),
        ({"video_count": 1, "SR": 720}, None),
        ({"duration": 5}, 5),
        ({"duration": 10.5, "output_video_duration": 5}, 10.5),
        ({"video_duration": 4}, 4),
        ({"total_seconds": 6, "output_seconds": 5}, 6),
        ({"output_video_duration": 5}, 5),
        ({"duration": 0, "output_video_duration": 5}, 5),
        ({"duration": 0}, None),
        ({"duration": -1}, None),
        ({"duration": MOST_BILLED_S}, MOST_BILLED_S),
        ({"duration": MOST_BILLED_S + 0.5}, None),
        ({"duration": 10**400}, None),
        ({"duration": float("inf")}, None),
        ({"duration": float("nan")}, None),
    ],
)
def test_the_billed_seconds_are_where_an_upstreams_documents_have_them(
    usage: dict[str, int | float], seconds: float | None
) -> None:
    assert billed_seconds(usage) == seconds


def test_a_failed_task_is_billed_if_its_upstream_has_used_something() -> None:
    assert [is_billed(each) for each in ({}, {"duration": 0}, {"SR": 720}, {"video_count": 0})] == [
        False
    ] * 4
    assert is_billed({"duration": 5})
    assert is_billed({"video_count": 1})


def test_a_video_is_billed_by_its_upstreams_word_else_by_its_frames() -> None:
    told = BILLS.made(upstream_job({"duration": 5}), VIDEO)

    assert told == Bill(5 * SECOND_NS, "bailian", "wan2.7-i2v", YUAN)
    assert BILLS.made(upstream_job(), VIDEO).billed_ns == 5_062_500_000
    assert BILLS.made(upstream_job({"duration": 1e300}), VIDEO).billed_ns == 5_062_500_000


@pytest.mark.parametrize(("frame_rate", "billed_s"), [(0.0, 5.0), (-1.0, 5.0), (8.1, 10.0)])
def test_a_video_that_tells_no_rate_is_as_long_as_it_was_asked_for(
    frame_rate: float, billed_s: float
) -> None:
    video = msgspec.structs.replace(VIDEO, frame_rate=frame_rate)

    assert BILLS.made(upstream_job(), video).billed_ns == int(billed_s * SECOND_NS)
    assert BILLS.made(upstream_job({"duration": 6}), video).billed_ns == 6 * SECOND_NS


def test_a_video_of_this_machine_is_billed_by_unstills_name_of_its_model() -> None:
    assert BILLS.made(a_job(), VIDEO) == Bill(5_062_500_000, "camera", WAN27, OWN)


@pytest.mark.parametrize(
    ("told", "millionths"),
    [(0.45, 450_000), (0, 0), (0.00000001, 1), (MOST_USD, MOST_USD * MILLION)],
)
def test_what_an_upstream_says_to_charge_is_the_cost(told: float, millionths: int) -> None:
    bill = IN_DOLLARS.made(upstream_job({COST_USD: told, "duration": 5}), VIDEO)

    assert bill.billed_ns == 5 * SECOND_NS
    assert bill.cost == CostRate(UnitRate(BilledUnit.VIDEO, millionths), "USD", worth=900_000)


@pytest.mark.parametrize("told", [MOST_USD + 0.01, -0.01, float("nan"), float("inf")])
def test_what_is_no_charge_of_a_video_is_not_believed(told: float) -> None:
    assert IN_DOLLARS.made(upstream_job({COST_USD: told}), VIDEO).cost == YUAN


def test_dollars_are_not_counted_where_nobody_has_set_their_worth() -> None:
    assert BILLS.made(upstream_job({COST_USD: 0.45}), VIDEO).cost == YUAN
    assert WITHOUT_COSTS.made(upstream_job({COST_USD: 0.45}), VIDEO).cost is None


def test_a_failed_task_is_billed_by_its_upstreams_charge_before_all_else() -> None:
    assert is_billed({COST_USD: 0.1})
    assert not is_billed({COST_USD: 0, "duration": 5})


def test_what_no_engine_charges_for_has_no_cost_and_is_billed_all_the_same() -> None:
    other = msgspec.structs.replace(upstream_job(), engine="other")

    assert BILLS.made(other, VIDEO).cost is None
    assert WITHOUT_COSTS.made(upstream_job({"duration": 5}), VIDEO) == Bill(
        5 * SECOND_NS, "bailian", "wan2.7-i2v", None
    )


def test_a_tier_of_its_own_is_charged_by_also_where_the_size_is_exact() -> None:
    assert BILLS.finished(upstream_job(tier="1080P")).cost == DEAR
    assert BILLS.finished(upstream_job(tier="720P")).cost == YUAN
    assert BILLS.finished(upstream_job(tier="720P", size=Size(1920, 1080))).cost == DEAR
    assert BILLS.finished(upstream_job(model="gone", tier="1080P")).cost == DEAR


def test_a_video_that_came_to_nothing_is_as_long_as_its_upstream_says_or_as_it_was_asked_for() -> (
    None
):
    assert BILLS.finished(upstream_job({"duration": 6})).billed_ns == 6 * SECOND_NS
    assert BILLS.finished(upstream_job()).billed_ns == 5 * SECOND_NS
    assert BILLS.finished(a_job(state=State.SAVING, request=a_request(duration_s=3))) == Bill(
        3 * SECOND_NS, "camera", WAN27, OWN
    )


def test_nothing_fits_into_the_book_that_is_longer_than_any_video() -> None:
    endless = msgspec.structs.replace(VIDEO, frame_count=10**9)

    assert BILLS.made(a_job(), endless).billed_ns == int(MOST_BILLED_S) * SECOND_NS


def test_of_what_its_upstream_has_said_nothing_nobody_knows_whether_it_is_billed() -> None:
    assert BILLS.failed(upstream_job(), None) == Bill(
        5 * SECOND_NS, "bailian", "wan2.7-i2v", YUAN, is_known=False
    )
    assert BILLS.failed(upstream_job(), {}) is None


async def test_a_job_that_its_upstream_has_not_ended_in_time_stays_reserved(
    tmp_path: Path,
) -> None:
    engine = ScriptedRemote()
    engine.verdicts["job"] = [Running()]
    post = Post(tmp_path, engine, bills=BILLS)
    job = away("job", upstream_model="wan2.7-i2v", deadline_ms=1)
    await post.open()
    await post.store.jobs.add(job, reserve=a_reserve(job))
    await post.watches.startup()
    await post.until(State.FAILED)
    ended = await post.store.jobs.find("job")
    entries = await post.store.charges.of("job")
    await post.close()

    assert ended is not None
    assert ended.failure is not None
    assert ended.failure.code == "deadline_exceeded"
    assert [each.kind for each in entries] == [ChargeKind.RESERVE]


@pytest.mark.parametrize(
    ("bills", "kinds"), [(BILLS, ["reserve"]), (WITHOUT_COSTS, ["reserve", "release"])]
)
async def test_a_job_that_its_upstream_has_lost_stays_reserved_where_that_costs(
    tmp_path: Path, bills: Bills, kinds: list[str]
) -> None:
    engine = ScriptedRemote()
    engine.verdicts["job"] = [Gone("it was restarted")]
    post = Post(tmp_path, engine, bills=bills)
    job = away("job", upstream_model="wan2.7-i2v")
    await post.open()
    await post.store.jobs.add(job, reserve=a_reserve(job))
    await post.watches.startup()
    await post.until(State.FAILED)
    entries = await post.store.charges.of("job")
    used = await post.store.charges.used(job.owner, day_of(job.created_ms))
    await post.close()

    assert [each.kind for each in entries] == kinds
    assert used.day == (entries[0].amount if kinds == ["reserve"] else 0)


@pytest.mark.parametrize(
    ("usage", "cost"),
    [
        ({}, None),
        ({"duration": 0}, None),
        ({"duration": 4}, 300_000),
        ({"video_count": 1}, 375_000),
    ],
)
async def test_a_job_that_its_upstream_fails_and_bills_is_released_at_its_cost(
    tmp_path: Path, usage: dict[str, int | float], cost: int | None
) -> None:
    engine = ScriptedRemote()
    engine.verdicts["job"] = [Failed("DataInspectionFailed", "unsafe", usage)]
    post = Post(tmp_path, engine, bills=BILLS)
    job = away("job", upstream_model="wan2.7-i2v")
    await post.open()
    await post.store.jobs.add(job, reserve=a_reserve(job))
    await post.watches.startup()
    await post.until(State.FAILED)
    entries = await post.store.charges.of("job")
    used = await post.store.charges.used(job.owner, day_of(job.created_ms))
    await post.close()

    assert [each.kind for each in entries[:2]] == [ChargeKind.RESERVE, ChargeKind.RELEASE]
    assert [(each.kind, each.n, each.amount) for each in entries[2:]] == (
        [] if cost is None else [(ChargeKind.COST, 1, cost)]
    )
    assert used == BudgetUse()
