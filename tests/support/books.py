"""A book of money with a job for each way that one may end, as a real store has written it."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

from support.open_stores import a_row, opened
from support.reserves import YUAN, a_reserve
from support.stored_files import made_with
from unstill.domain.attempts import Attempt, Outcome, Settlement
from unstill.domain.continuation import NextJob
from unstill.domain.job import (
    IN_DOUBT,
    Failure,
    Job,
    Usage,
    Video,
    accepted,
    cancelled,
    failed,
    intended,
    made_ready,
    rendered,
    started,
    succeeded,
)
from unstill.domain.lease import Lease
from unstill.domain.money import DAY_MS, SECOND_NS, Bill, PriceBasis
from unstill.domain.owner import Owner
from unstill.domain.request import Size
from unstill.domain.resolution import CallCosts, DoubtWord
from unstill.store.embedded.resolutions import resolve_in
from unstill.store.embedded.store import EmbeddedStore
from unstill.store.ports.store import Store

ANN, BOB = Owner("ann"), Owner("bob")
SIX_SECONDS = Bill(6 * SECOND_NS, "ali", "turbo", YUAN)  # 3.6 CNY, 0.45 EUR
DEAD = Failure("engine_died", "words")
DOUBT = Failure(IN_DOUBT, "no reply")
VIDEO = Video("video-1.mp4", 1280, 720, 5, 24.0, 120, 1, has_audio=False)
NEXT = NextJob("next", within_ms=60_000)
TICKET = "task-late"
LEASE = Lease("server", 2**50)
BORN_MS = a_row().created_ms


def a_booked_job(
    job_id: str, owner: Owner, *, day: int = 0, key_id: str = "", webhook_url: str | None = None
) -> Job:
    """`day`: how many after the first one."""
    created_ms = BORN_MS + day * DAY_MS
    return a_row(job_id, owner=owner, created_ms=created_ms, key_id=key_id, webhook_url=webhook_url)


async def ended_in(store: Store, job: Job, *, bill: Bill | None = SIX_SECONDS) -> None:
    """Make the job's video here."""
    for change in (made_ready(Size(1280, 720)), started(job.created_ms + 1, LEASE), rendered()):
        assert await store.jobs.change(job.id, change) is not None
    end = succeeded(VIDEO, Usage(5), job.created_ms + 9, bill=bill)
    assert await store.jobs.change(job.id, end) is not None


async def lost_in(store: Store, job: Job) -> None:
    """Let the job's call come to no answer."""
    await store.jobs.change(job.id, made_ready(Size(1280, 720)))
    call = Attempt(job.id, 1, "ali", "account", "turbo", intent_ms=1, submit_by_ms=2)
    await store.jobs.change(job.id, intended(call, LEASE))
    closes = Settlement(1, Outcome.UNKNOWN, 9, code=IN_DOUBT)
    end = failed(DOUBT, job.created_ms + 9, closes=closes)
    assert await store.jobs.change(job.id, end) is not None


async def answered_late(store: Store, job_id: str, ticket: str = TICKET) -> None:
    """Let the reply to the job's call come after its end."""
    taken = Settlement(1, Outcome.ACCEPTED, BORN_MS + 20, ticket=ticket)
    assert await store.jobs.change(job_id, accepted(ticket, "turbo", taken), attempt=1) is None


async def fill(store: Store) -> None:
    """Eight jobs, seven of them with money.

    ann: one settled at 0.54 EUR (a cost of 0.45), one that failed and was billed (0.45), one open
    (0.45), and the next day one in doubt (0.45). bob, by key k1: one settled by its cost (0.45),
    one called off, one that was free. cid: one in a book of nothing.
    """
    by_cost: dict[str, Any] = {
        "basis": PriceBasis.COST,
        "rate": 75_000,
        "own_amount": 375_000,
        "amount": 375_000,
    }
    free: dict[str, Any] = {"basis": PriceBasis.FREE, "rate": 0, "own_amount": 0, "amount": 0}
    settled = a_booked_job("settled", ANN)
    billed = a_booked_job("billed", ANN)
    unfinished = a_booked_job("unfinished", ANN)
    lost = a_booked_job("lost", ANN, day=1)
    costly = a_booked_job("costly", BOB, key_id="k1")
    called_off = a_booked_job("called-off", BOB, key_id="k1")
    for_free = a_booked_job("for-free", BOB, key_id="k1")
    for job in (settled, billed, unfinished, lost, called_off):
        await store.jobs.add(job, reserve=a_reserve(job))
    await store.jobs.add(costly, reserve=a_reserve(costly, **by_cost))
    await store.jobs.add(for_free, reserve=a_reserve(for_free, **free))
    await store.jobs.add(a_booked_job("without", Owner("cid")))
    await ended_in(store, settled)
    await ended_in(store, costly)
    await ended_in(store, for_free, bill=Bill(5 * SECOND_NS, "camera", "", cost=None))
    await lost_in(store, lost)
    for change in (made_ready(Size(1280, 720)), started(1, LEASE)):
        await store.jobs.change(billed.id, change)
    await store.jobs.change(billed.id, failed(DEAD, billed.created_ms + 9, bill=SIX_SECONDS))
    called = cancelled(called_off.created_ms + 9, is_hidden=False)
    await store.jobs.change(called_off.id, called)


async def a_book_in(folder: Path, *, is_over: bool = False) -> Path:
    """The data folder of a server that has ended, with what `fill` has made.

    is_over: what was unfinished is called off, so that a server has nothing to do there.
    """
    async with opened(lambda: EmbeddedStore(folder)) as store:
        await fill(store)
        for job_id in ("unfinished", "without") if is_over else ():
            await store.jobs.change(job_id, cancelled(BORN_MS + 9, is_hidden=False))
    return folder


def changed_in(folder: Path, sql: str) -> None:
    """Change the database by hand."""
    with closing(made_with(folder, sql)):
        pass


def resolved_in(
    folder: Path,
    job_id: str,
    *,
    is_charged: bool,
    ticket: str | None = None,
    at_ms: int = BORN_MS + 2 * DAY_MS,
) -> None:
    """Say what became of a job's first call."""
    word = resolve_in(
        folder,
        job_id,
        DoubtWord(is_charged, ticket),
        costs=CallCosts(lambda *_: YUAN, "EUR"),
        next_job=NEXT,
        now_ms=at_ms,
    )
    assert word.is_new
