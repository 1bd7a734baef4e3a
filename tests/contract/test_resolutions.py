"""What an operator says of calls in doubt, beside a running server and without one."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from support.books import ANN, BORN_MS, NEXT, a_booked_job, lost_in
from support.open_stores import opened
from support.reserves import YUAN, a_reserve, an_entry
from support.stored_files import made_with
from support.waits import until
from unstill.domain.continuation import NextJob
from unstill.domain.errors import OperatorError
from unstill.domain.job import Job, Result, State, arrived, hidden
from unstill.domain.money import BudgetUse, ChargeKind, CostRate, day_of, is_proved
from unstill.domain.request import VideoRequest
from unstill.domain.resolution import CallCosts, DoubtWord, Resolution, Resolved
from unstill.store.embedded.migrations import FOLDER, read_versions
from unstill.store.embedded.resolutions import doubts_in, resolve_in
from unstill.store.embedded.store import EmbeddedStore
from unstill.store.embedded.usage_beside import proof_of
from unstill.store.ports.retention import Kept

NOW_MS = BORN_MS + 1000


def say(
    folder: Path,
    job_id: str = "lost",
    *,
    is_charged: bool = True,
    cost: CostRate | None = YUAN,
    currency: str = "EUR",
    ticket: str | None = None,
    next_id: str = NEXT.id,
) -> Resolved:
    def cost_of(engine: str, upstream_model: str, request: VideoRequest) -> CostRate | None:
        assert (engine, upstream_model, request.duration_s) == ("ali", "turbo", 5)
        return cost

    costs = CallCosts(cost_of, currency)
    return resolve_in(
        folder,
        job_id,
        DoubtWord(is_charged, ticket),
        costs=costs,
        next_job=NextJob(next_id, NEXT.within_ms),
        now_ms=NOW_MS,
    )


async def make(folder: Path, *, has_money: bool = True, is_hidden: bool = False) -> Job:
    """A folder with a job in doubt."""
    job = a_booked_job("lost", ANN)
    async with opened(lambda: EmbeddedStore(folder)) as store:
        await store.jobs.add(job, reserve=a_reserve(job) if has_money else None)
        await lost_in(store, job)
        if is_hidden:
            await store.jobs.change(job.id, hidden(State.FAILED))
    return job


async def entries_in(folder: Path) -> list[tuple[str, int, int]]:
    async with opened(lambda: EmbeddedStore(folder)) as store:
        return [(each.kind, each.n, each.amount) for each in await store.charges.of("lost")]


async def test_a_billed_call_releases_its_price_and_settles_its_cost(tmp_path: Path) -> None:
    job = await make(tmp_path)
    resolved = say(tmp_path)
    async with opened(lambda: EmbeddedStore(tmp_path)) as store:
        _, released, cost = await store.charges.of("lost")
        used = await store.charges.used(ANN, day_of(job.created_ms))

    assert resolved == Resolved(Resolution("lost", 1, True, NOW_MS), True, 450_000, 375_000, "EUR")
    assert released == an_entry(
        job, kind=ChargeKind.RELEASE, at_ms=NOW_MS, billed_ns=0, own_amount=0, amount=0
    )
    assert (cost.kind, cost.n, cost.engine, cost.upstream_model) == ("cost", 1, "ali", "turbo")
    assert (cost.own_amount, cost.currency) == (3_000_000, "CNY")
    assert is_proved(cost)
    assert used == BudgetUse()


async def test_a_call_that_was_free_releases_its_price_alone(tmp_path: Path) -> None:
    await make(tmp_path)
    resolved = say(tmp_path, is_charged=False)

    assert (resolved.released, resolved.cost) == (450_000, None)
    assert await entries_in(tmp_path) == [("reserve", 0, 450_000), ("release", 0, 0)]


async def test_a_billed_call_that_the_settings_know_no_cost_of_settles_none(tmp_path: Path) -> None:
    await make(tmp_path)
    resolved = say(tmp_path, cost=None)

    assert (resolved.released, resolved.cost) == (450_000, None)
    assert await entries_in(tmp_path) == [("reserve", 0, 450_000), ("release", 0, 0)]


async def test_a_cost_in_another_currency_than_the_books_is_none_of_its_entries(
    tmp_path: Path,
) -> None:
    await make(tmp_path)
    with pytest.raises(OperatorError, match=r"in EUR, and money\.currency is USD: resolve it with"):
        say(tmp_path, currency="USD")

    assert await entries_in(tmp_path) == [("reserve", 0, 450_000)]
    assert say(tmp_path, currency="USD", is_charged=False).released == 450_000


@pytest.mark.parametrize("again", [True, False])
async def test_what_was_said_first_stands(tmp_path: Path, again: bool) -> None:  # noqa: FBT001
    await make(tmp_path)
    first = say(tmp_path, is_charged=False)
    second = say(tmp_path, is_charged=again)

    assert second == Resolved(first.resolution, is_new=False)
    assert await entries_in(tmp_path) == [("reserve", 0, 450_000), ("release", 0, 0)]


async def test_a_word_is_noted_without_money_too(tmp_path: Path) -> None:
    await make(tmp_path, has_money=False)
    before = [call.job_id for call in doubts_in(tmp_path)]
    resolved = say(tmp_path)

    assert before == ["lost"]
    assert resolved == Resolved(Resolution("lost", 1, True, NOW_MS), is_new=True)
    assert doubts_in(tmp_path) == []
    assert await entries_in(tmp_path) == []
    assert say(tmp_path, is_charged=False).resolution.is_charged


async def test_a_word_holds_beside_a_running_server(tmp_path: Path) -> None:
    job = a_booked_job("lost", ANN)
    async with opened(lambda: EmbeddedStore(tmp_path)) as store:
        await store.jobs.add(job, reserve=a_reserve(job))
        await lost_in(store, job)
        others = [a_booked_job(f"other-{n}", ANN) for n in range(20)]
        await asyncio.gather(
            asyncio.to_thread(say, tmp_path),
            *(store.jobs.add(each, reserve=a_reserve(each)) for each in others),
        )
        used = await store.charges.used(ANN, day_of(job.created_ms))
    proof = proof_of(tmp_path)

    assert used == BudgetUse(9_000_000, 9_000_000)
    assert proof is not None
    assert not proof.wrongs


async def test_of_what_is_not_in_doubt_nothing_can_be_said(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match="no job lost"):
        say(tmp_path)
    async with opened(lambda: EmbeddedStore(tmp_path)) as store:
        job = a_booked_job("lost", ANN)
        await store.jobs.add(job, reserve=a_reserve(job))

    with pytest.raises(OperatorError, match="lost is not in doubt: it is queued"):
        say(tmp_path)
    with pytest.raises(OperatorError, match="no job other"):
        say(tmp_path, "other")
    assert doubts_in(tmp_path) == []


async def test_a_deleted_job_in_doubt_keeps_its_row_until_its_money_is_resolved(
    tmp_path: Path,
) -> None:
    found = []
    await make(tmp_path, is_hidden=True)
    for resolves in (True, False):
        async with opened(lambda: EmbeddedStore(tmp_path)) as store:
            await store.retention.forget("lost")
            found.append(await store.jobs.find("lost") is not None)
        if resolves:
            say(tmp_path)

    assert found == [True, False]


async def test_a_deleted_job_in_doubt_without_money_goes(tmp_path: Path) -> None:
    await make(tmp_path, has_money=False, is_hidden=True)
    async with opened(lambda: EmbeddedStore(tmp_path)) as store:
        await store.retention.forget("lost")

        assert await store.jobs.find("lost") is None


async def test_a_row_goes_by_age_once_its_doubt_is_resolved(tmp_path: Path) -> None:
    await make(tmp_path)
    found = []
    for resolves in (True, False):
        async with opened(lambda: EmbeddedStore(tmp_path)) as store:
            ended = await store.retention.ended(Kept.ROW, BORN_MS * 2, now_ms=BORN_MS * 2)
            found.append([job.id for job in ended])
        if resolves:
            say(tmp_path)

    assert found == [[], ["lost"]]


def test_a_folder_of_a_release_without_a_book_is_brought_up_to_date(tmp_path: Path) -> None:
    old = [version.sql for version in read_versions(FOLDER) if version.number <= 9]
    made_with(tmp_path, f"{';'.join(old)}; PRAGMA user_version = 9").close()

    assert doubts_in(tmp_path) == []
    with pytest.raises(OperatorError, match="no job lost"):
        say(tmp_path)


async def test_a_running_server_hears_once_of_each_job_that_goes_on(tmp_path: Path) -> None:
    heard: list[Job] = []
    by_command, by_server = a_booked_job("by-command", ANN), a_booked_job("by-server", ANN)
    async with opened(lambda: EmbeddedStore(tmp_path), heard.append) as store:
        for job in (by_command, by_server):
            await store.jobs.add(job)
            await lost_in(store, job)
        heard.clear()
        await store.doubts.resolve(
            "by-server",
            DoubtWord(is_charged=True, ticket="task-1"),
            costs=CallCosts(lambda *_: None, "EUR"),
            next_job=NextJob("next-1", NEXT.within_ms),
            now_ms=NOW_MS,
        )
        await asyncio.to_thread(say, tmp_path, "by-command", ticket="task-2", next_id="next-2")
        await until(lambda: len(heard) == 2)
        await asyncio.to_thread(say, tmp_path, "by-command", ticket="task-2", next_id="next-3")
        for job_id in ("next-1", "next-2"):
            await store.jobs.change(job_id, arrived(Result("https://there.example/video")))
        tickets = [row async for some in store.backlog.tickets() for row in some]

    told = [(each.id, each.state, each.ticket) for each in heard]
    assert told[:2] == [
        ("next-1", State.RUNNING, "task-1"),
        ("next-2", State.RUNNING, "task-2"),
    ]
    assert [each for each, *_ in told[2:]] == ["next-1", "next-2"]
    assert tickets == []


KILLED = """
import os, signal, sys
from pathlib import Path
from support.books import BORN_MS, NEXT
from support.reserves import YUAN
from unstill.domain.resolution import CallCosts, DoubtWord
from unstill.store.embedded.beside import opened_beside, transaction
from unstill.store.embedded.doubts import resolve

with opened_beside(Path(sys.argv[1]), having="continuations", writes=True) as connection:
    with transaction(connection):
        resolve(
            connection,
            "lost",
            DoubtWord(True, "task-1"),
            costs=CallCosts(lambda *_: YUAN, "EUR"),
            next_job=NEXT,
            now_ms=BORN_MS + 1000,
        )
        if sys.argv[2] == "before":
            os.kill(os.getpid(), signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_word_that_is_killed_stands_whole_or_not_at_all(tmp_path: Path, when: str) -> None:
    await make(tmp_path)
    killed = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        KILLED,
        f"{tmp_path}",
        when,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    status = await killed.wait()
    async with opened(lambda: EmbeddedStore(tmp_path)) as store:
        stands = await store.jobs.find("next") is not None
        links = await store.doubts.links_of("lost")
    again = say(tmp_path, ticket="task-1", next_id="later")
    proof = proof_of(tmp_path)

    assert status == -signal.SIGKILL
    assert stands is (when == "after")
    assert (links.continued_by is not None) is stands
    assert again.is_new is not stands
    assert again.continuation is not None
    assert again.continuation.continued_by == ("next" if stands else "later")
    assert proof is not None
    assert not proof.wrongs


async def test_a_ticket_that_is_not_its_own_is_told_to_the_operator(tmp_path: Path) -> None:
    await make(tmp_path)
    first = say(tmp_path, ticket="task-1")

    assert first.continuation is not None
    with pytest.raises(OperatorError, match="the upstream knows the call of lost as 'task-1'"):
        say(tmp_path, ticket="task-2")
