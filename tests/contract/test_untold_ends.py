"""Jobs that an upstream had taken and said no more of: in doubt where that upstream costs."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import msgspec
import pytest

from support.books import ANN, BORN_MS, LEASE, NEXT, SIX_SECONDS, a_booked_job
from support.open_stores import opened
from support.reserves import YUAN, a_reserve
from unstill.domain.attempts import Attempt, Outcome, Settlement
from unstill.domain.errors import OperatorError
from unstill.domain.job import Failure, State, accepted, failed, hidden, intended, made_ready
from unstill.domain.money import Bill, BudgetUse, ChargeKind, CostRate, day_of
from unstill.domain.request import Size, VideoRequest
from unstill.domain.resolution import CallCosts, DoubtWord, Resolution, Resolved
from unstill.store.embedded.resolutions import doubts_in, resolve_in
from unstill.store.embedded.store import EmbeddedStore
from unstill.store.embedded.usage_beside import proof_of
from unstill.store.ports.retention import Kept

NOW_MS = BORN_MS + 1000
LOST = Failure("upstream_lost", "it was restarted")
COSTS = msgspec.structs.replace(SIX_SECONDS, is_known=False)
FREE = msgspec.structs.replace(COSTS, cost=None)


async def make(folder: Path, bill: Bill = COSTS, *, is_hidden: bool = False) -> None:
    """A folder with a job that its upstream has lost."""
    job = a_booked_job("lost", ANN)
    call = Attempt(job.id, 1, "ali", "account", "turbo", intent_ms=1, submit_by_ms=2)
    taken = Settlement(1, Outcome.ACCEPTED, 9, ticket="task-1")
    async with opened(lambda: EmbeddedStore(folder)) as store:
        await store.jobs.add(job, reserve=a_reserve(job))
        for change in (
            made_ready(Size(1280, 720)),
            intended(call, LEASE),
            accepted("task-1", "turbo", taken),
            failed(LOST, BORN_MS + 9, bill=bill),
        ):
            assert await store.jobs.change(job.id, change) is not None
        if is_hidden:
            await store.jobs.change(job.id, hidden(State.FAILED))


def say(folder: Path, *, is_charged: bool) -> Resolved:
    def cost_of(engine: str, upstream_model: str, request: VideoRequest) -> CostRate:
        assert (engine, upstream_model, request.duration_s) == ("ali", "turbo", 5)
        return YUAN

    return resolve_in(
        folder,
        "lost",
        DoubtWord(is_charged),
        costs=CallCosts(cost_of, "EUR"),
        next_job=NEXT,
        now_ms=NOW_MS,
    )


def wrongs(folder: Path) -> list[str]:
    proof = proof_of(folder)
    assert proof is not None
    return proof.wrongs


async def kinds_in(folder: Path) -> list[str]:
    async with opened(lambda: EmbeddedStore(folder)) as store:
        return [each.kind for each in await store.charges.of("lost")]


@pytest.mark.parametrize("is_charged", [True, False])
async def test_it_stays_reserved_until_an_operator_has_said(
    tmp_path: Path,
    is_charged: bool,  # noqa: FBT001
) -> None:
    await make(tmp_path)
    before = (await kinds_in(tmp_path), [call.job_id for call in doubts_in(tmp_path)])
    was_right = wrongs(tmp_path) == []
    resolved = say(tmp_path, is_charged=is_charged)
    async with opened(lambda: EmbeddedStore(tmp_path)) as store:
        used = await store.charges.used(ANN, day_of(BORN_MS))

    assert before == ([ChargeKind.RESERVE], ["lost"])
    assert was_right
    assert resolved == Resolved(
        Resolution("lost", 1, is_charged, NOW_MS),
        is_new=True,
        released=450_000,
        cost=375_000 if is_charged else None,
        currency="EUR",
    )
    assert await kinds_in(tmp_path) == [
        *(ChargeKind.RESERVE, ChargeKind.RELEASE),
        *([ChargeKind.COST] if is_charged else []),
    ]
    assert used == BudgetUse()
    assert doubts_in(tmp_path) == []
    assert wrongs(tmp_path) == []


async def test_where_its_upstream_costs_nothing_there_is_no_doubt(tmp_path: Path) -> None:
    await make(tmp_path, FREE)

    assert await kinds_in(tmp_path) == [ChargeKind.RESERVE, ChargeKind.RELEASE]
    assert doubts_in(tmp_path) == []
    with pytest.raises(OperatorError, match="lost is not in doubt: it is failed"):
        say(tmp_path, is_charged=True)
    assert wrongs(tmp_path) == []


async def test_a_deleted_one_keeps_its_row_while_it_is_reserved(tmp_path: Path) -> None:
    await make(tmp_path / "costs", is_hidden=True)
    await make(tmp_path / "free", FREE, is_hidden=True)
    found = []
    for folder, resolves in (("costs", True), ("costs", False), ("free", False)):
        async with opened(partial(EmbeddedStore, tmp_path / folder)) as store:
            await store.retention.forget("lost")
            found.append(await store.jobs.find("lost") is not None)
        if resolves:
            say(tmp_path / folder, is_charged=False)

    assert found == [True, False, False]


@pytest.mark.parametrize(("bill", "goes"), [(COSTS, []), (FREE, ["lost"])])
async def test_a_row_goes_by_age_only_where_nothing_is_reserved(
    tmp_path: Path, bill: Bill, goes: list[str]
) -> None:
    await make(tmp_path, bill)
    async with opened(lambda: EmbeddedStore(tmp_path)) as store:
        ended = await store.retention.ended(Kept.ROW, BORN_MS * 2, now_ms=BORN_MS * 2)

    assert [job.id for job in ended] == goes
