"""What an operator says of a call in doubt, whether its upstream has billed it, and what follows.

Pure rules, the same for every store, and for a word that comes by HTTP or by a command.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgspec

from unstill.domain.access_errors import NotInDoubt, ResolvedOtherwise
from unstill.domain.attempts import Attempt, Outcome
from unstill.domain.book import is_in_doubt, may_be_billed, open_reserve, resolution_entries
from unstill.domain.errors import NoSuchJob, OperatorError, StorageFailed
from unstill.domain.job import Job
from unstill.domain.money import SECOND_NS, Bill, Charge, ChargeKind, CostRate
from unstill.domain.request import VideoRequest

# A ticket may have come since: the job is not revived by it.
MAY_BE_BILLED = frozenset({Outcome.OPEN, Outcome.UNKNOWN, Outcome.ACCEPTED})

# What an engine charges for a job by that name of its upstream's model; None: nothing.
CostOf = Callable[[str, str, VideoRequest], CostRate | None]


class CallCosts(NamedTuple):
    """What calls cost by the settings of now, in their house currency."""

    of: CostOf
    currency: str


class Resolution(msgspec.Struct, frozen=True):
    """One word for each job, said once."""

    job_id: str
    n: int  # the attempt that it is about
    is_charged: bool
    at_ms: int


class Resolved(msgspec.Struct, frozen=True):
    """What came of a word: what stands, and whether it was said before."""

    resolution: Resolution
    is_new: bool
    released: int | None = None  # of the price, in millionths; None where nothing was reserved
    cost: int | None = None  # in millionths; None where none was settled
    currency: str = ""

    def check(self, *, is_charged: bool) -> None:
        """Raises ResolvedOtherwise where another word stands."""
        said = self.resolution
        if said.is_charged != is_charged:
            raise ResolvedOtherwise(said.job_id, is_charged=said.is_charged, at_ms=said.at_ms)


class JobRecords(NamedTuple):
    """What a store has of a job that a word is about."""

    job: Job | None
    calls: Sequence[Attempt]  # oldest first
    entries: Sequence[Charge]  # of the book, likewise
    said: Resolution | None


class WordEffect(NamedTuple):
    """What a store writes for a word; nothing where one was said before."""

    resolved: Resolved
    reserve: Charge | None  # that `entries` end; None where the job was made without money
    entries: Sequence[Charge]


def call_in_doubt(attempts: Sequence[Attempt]) -> Attempt | None:
    """The newest call of a job that may have been billed."""
    found = [each for each in attempts if each.outcome in MAY_BE_BILLED]
    return found[-1] if found else None


def is_open_doubt(job: Job, reserve: Charge | None) -> bool:
    """Whether a job that nothing was said of is in doubt; `reserve`: what is still reserved."""
    return is_in_doubt(job) or (may_be_billed(job) and reserve is not None)


def word_on(
    job_id: str, records: JobRecords, *, is_charged: bool, costs: CallCosts, now_ms: int
) -> WordEffect:
    """What it means that a job's call was billed, or was not; what was said before stands.

    Its price is released; `is_charged`, what it costs is settled. Raises NoSuchJob, NotInDoubt,
    StorageFailed; OperatorError for a cost in another currency than the book's.
    """
    if records.said is not None:
        return WordEffect(Resolved(records.said, is_new=False), None, ())
    job = records.job
    if job is None:
        raise NoSuchJob(job_id)
    reserve = open_reserve(records.entries)
    if not is_open_doubt(job, reserve):
        raise NotInDoubt(job_id, job.state)
    call = call_in_doubt(records.calls)
    if call is None:
        raise StorageFailed(f"{job_id} failed in doubt, and its ledger has no call")
    said = Resolution(job_id, call.n, is_charged, now_ms)
    if reserve is None:  # made without money
        return WordEffect(Resolved(said, is_new=True), None, ())
    bill = _bill(job, call, costs, reserve.currency) if is_charged else None
    entries = resolution_entries(reserve, n=call.n, charged=bill, at_ms=now_ms)
    settled = next((each.amount for each in entries if each.kind is ChargeKind.COST), None)
    resolved = Resolved(said, True, reserve.amount, settled, reserve.currency)
    return WordEffect(resolved, reserve, entries)


def _bill(job: Job, call: Attempt, costs: CallCosts, currency: str) -> Bill:
    """By the length that was asked for. Raises OperatorError for a cost in another currency."""
    cost = costs.of(call.engine, call.upstream_model, job.request)
    if cost is not None and costs.currency != currency:
        raise OperatorError(
            f"{job.id} is charged in {currency}, and money.currency is {costs.currency}: "
            f"resolve it with {currency}"
        )
    return Bill(job.request.duration_s * SECOND_NS, call.engine, call.upstream_model, cost)
