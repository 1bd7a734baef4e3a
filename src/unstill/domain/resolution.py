"""What an operator says of a call in doubt, whether its upstream has billed it, and what follows.

Pure rules, the same for every store, and for a word that comes by HTTP or by a command.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgspec

from unstill.domain.access_errors import (
    NotInDoubt,
    NotItsTicket,
    ResolvedOtherwise,
    TicketElsewhere,
    TicketKnown,
    TicketOfDeleted,
)
from unstill.domain.attempts import Attempt, Outcome
from unstill.domain.book import is_in_doubt, may_be_billed, open_reserve, resolution_entries
from unstill.domain.continuation import (
    Continuation,
    GoingOn,
    NextJob,
    going_on,
    known_ticket,
    moved_reserve,
)
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


class DoubtWord(NamedTuple):
    """What an operator says of the call in doubt of a job.

    ticket: what the upstream knows it by, where the operator says so too.
    """

    is_charged: bool
    ticket: str | None = None


class Resolved(msgspec.Struct, frozen=True):
    """What came of a word: what stands, and whether it was said before.

    continuation: the job that goes on from the call, made by this word or by one before.
    """

    resolution: Resolution
    is_new: bool
    released: int | None = None  # the price, in millionths; None where nothing was reserved
    cost: int | None = None  # in millionths; None where none was settled
    currency: str = ""
    continuation: Continuation | None = None

    def check(self, *, is_charged: bool) -> None:
        """Raises ResolvedOtherwise where another word stands."""
        said = self.resolution
        if said.is_charged != is_charged:
            raise ResolvedOtherwise(said.job_id, is_charged=said.is_charged, at_ms=said.at_ms)


class JobRecords(NamedTuple):
    """What a store has of a job that a word is about.

    elsewhere: another job that has the ticket of `ticket_to_find`. up_ms: when a server was last
    up, by the clock of deadlines; 0 if none ever was.
    """

    job: Job | None
    calls: Sequence[Attempt]  # oldest first
    entries: Sequence[Charge]  # the book's, likewise
    said: Resolution | None
    continuation: Continuation | None
    elsewhere: str | None
    up_ms: int


class TicketAt(NamedTuple):
    """A ticket of an upstream's account."""

    account: str
    ticket: str


class WordEffect(NamedTuple):
    """What a store writes for a word, in this order; nothing where one was said before.

    is_new of `resolved`: its resolution. going_on: also where only the ticket is new.
    """

    resolved: Resolved
    reserve: Charge | None  # that `entries` end; None where the job was made without money
    entries: Sequence[Charge]
    going_on: GoingOn | None


def call_in_doubt(attempts: Sequence[Attempt]) -> Attempt | None:
    """The newest call of a job that may have been billed.

    Where its upstream has said since that it took none of them, the newest.
    """
    found = [each for each in attempts if each.outcome in MAY_BE_BILLED] or attempts
    return found[-1] if found else None


def is_open_doubt(job: Job, reserve: Charge | None) -> bool:
    """Whether a job that nothing was said of is in doubt; `reserve`: what is still reserved."""
    return is_in_doubt(job) or (may_be_billed(job) and reserve is not None)


def ticket_to_find(calls: Sequence[Attempt], word: DoubtWord) -> TicketAt | None:
    """What no other job may have; None where the word names no ticket that is new to the job."""
    call = call_in_doubt(calls)
    if call is None or word.ticket is None or word.ticket == known_ticket(call):
        return None
    return TicketAt(call.account, word.ticket)


def word_on(
    job_id: str,
    records: JobRecords,
    word: DoubtWord,
    *,
    costs: CallCosts,
    next_job: NextJob,
    now_ms: int,
) -> WordEffect:
    """What it means that a job's call was billed, or was not; what was said before stands.

    Its price is released. `is_charged`: `next_job` goes on from its ticket with that price, where
    one is known or named; else what the call costs is settled.

    Raises NoSuchJob, NotInDoubt, StorageFailed, NotItsTicket, TicketKnown, TicketElsewhere,
    TicketOfDeleted; OperatorError for a cost in another currency than the book's.
    """
    if records.said is not None:
        return _said_again(records, records.said, word, next_job, now_ms)
    job = records.job
    if job is None:
        raise NoSuchJob(job_id)
    reserve = open_reserve(records.entries)
    if not is_open_doubt(job, reserve):
        raise NotInDoubt(job_id, job.state)
    call = call_in_doubt(records.calls)
    if call is None:
        raise StorageFailed(f"{job_id} failed in doubt, and its ledger has no call")
    following = _following(records, call, word, next_job, now_ms)
    continuation = None if following is None else following.continuation
    said = Resolution(job_id, call.n, word.is_charged, now_ms)
    if reserve is None:  # made without money
        resolved = Resolved(said, is_new=True, continuation=continuation)
        return WordEffect(resolved, None, (), following)
    bill = None
    if following is not None:
        following = following._replace(reserve=moved_reserve(reserve, following.job))
    elif word.is_charged:
        bill = _bill(job, call, costs, reserve.currency)
    entries = resolution_entries(reserve, n=call.n, charged=bill, at_ms=now_ms)
    settled = next((each.amount for each in entries if each.kind is ChargeKind.COST), None)
    resolved = Resolved(said, True, reserve.amount, settled, reserve.currency, continuation)
    return WordEffect(resolved, reserve, entries, following)


def _said_again(
    records: JobRecords, said: Resolution, word: DoubtWord, next_job: NextJob, now_ms: int
) -> WordEffect:
    """What was said stands; a ticket that has come since is gone on from, without money."""
    standing = records.continuation
    if standing is not None and word.ticket not in {None, standing.ticket}:
        raise NotItsTicket(said.job_id, standing.ticket)
    if standing is not None or not (said.is_charged and word.is_charged):
        resolved = Resolved(said, is_new=False, continuation=standing)
        return WordEffect(resolved, None, (), None)
    call = next((each for each in records.calls if each.n == said.n), None)
    following = None
    if call is not None:
        following = _following(records, call, word, next_job, now_ms)
    continuation = None if following is None else following.continuation
    resolved = Resolved(said, is_new=False, continuation=continuation)
    return WordEffect(resolved, None, (), following)


def _following(
    records: JobRecords, call: Attempt, word: DoubtWord, next_job: NextJob, now_ms: int
) -> GoingOn | None:
    """The job that goes on from the call, if one does; none where the row of its job has gone.

    From a reply that came too late by itself, unless the job is deleted; from what its upstream had
    taken and did not end, where the word names the ticket.
    """
    job, known = records.job, known_ticket(call)
    if job is None:
        return None
    if word.ticket is not None:
        _check_ticket(records, job, known, word)
    if not word.is_charged:
        if known is not None and word.ticket is None and is_in_doubt(job):
            raise TicketKnown(job.id, known)
        return None
    is_late = is_in_doubt(job) and not job.is_hidden
    ticket = word.ticket or (known if is_late else None)
    if ticket is None:
        return None
    up_ms = records.up_ms or now_ms
    return going_on(job, call, ticket, next_job, up_ms=up_ms, now_ms=now_ms)


def _check_ticket(records: JobRecords, job: Job, known: str | None, word: DoubtWord) -> None:
    """Raises NotItsTicket, TicketElsewhere, TicketOfDeleted."""
    if word.ticket != known and (known is not None or not word.is_charged):
        raise NotItsTicket(job.id, known)
    if word.ticket is not None and records.elsewhere is not None:
        raise TicketElsewhere(word.ticket, records.elsewhere)
    if word.is_charged and job.is_hidden:
        raise TicketOfDeleted(job.id)


def _bill(job: Job, call: Attempt, costs: CallCosts, currency: str) -> Bill:
    """By the length that was asked for. Raises OperatorError for a cost in another currency."""
    cost = costs.of(call.engine, call.upstream_model, job.request)
    if cost is not None and costs.currency != currency:
        raise OperatorError(
            f"{job.id} is charged in {currency}, and money.currency is {costs.currency}: "
            f"resolve it with {currency}"
        )
    return Bill(job.request.duration_s * SECOND_NS, call.engine, call.upstream_model, cost)
