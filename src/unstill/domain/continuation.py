"""A job that goes on from what an upstream took, after an earlier job had ended in doubt of that.

Callers may have seen that end, so it stays one: whose video comes home is another job, of the same
owner, with the same request. It begins where the earlier one would have been, with the ticket in a
ledger of its own, and has that one's reserve. Pure, the same for every store.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from unstill.domain.attempts import Attempt, Outcome
from unstill.domain.job import Job, State
from unstill.domain.money import Charge, day_of

MOST_TICKET_CHARS = 200


class Continuation(msgspec.Struct, frozen=True):
    """Which job goes on from the call of another: one for each job, stored once, never changed."""

    job_id: str  # whose call it was
    continued_by: str
    ticket: str
    at_ms: int


class JobLinks(NamedTuple):
    """The jobs before and after one, where there are any."""

    continues: str | None
    continued_by: str | None


class NextJob(NamedTuple):
    """What is needed to make a job that goes on. within_ms: it has so long until its deadline."""

    id: str
    within_ms: int


class GoingOn(NamedTuple):
    """What a store writes so that a job goes on; all of it is new."""

    continuation: Continuation
    job: Job
    call: Attempt
    reserve: Charge | None


def known_ticket(call: Attempt) -> str | None:
    """What the upstream knows the call by; a call in doubt may have been told another job's."""
    return call.ticket if call.outcome is Outcome.ACCEPTED else None


def may_be_ticket(text: str) -> bool:
    """Whether an upstream may have given it: visible ASCII, and not too much of it."""
    return 0 < len(text) <= MOST_TICKET_CHARS and all("!" <= each <= "~" for each in text)


def going_on(
    job: Job, call: Attempt, ticket: str, made: NextJob, *, up_ms: int, now_ms: int
) -> GoingOn:
    """The job that goes on from `call`, without money.

    up_ms: now, by the clock of deadlines.
    """
    following = Job(
        id=made.id,
        owner=job.owner,
        dialect=job.dialect,
        words=job.words,
        model=job.model,
        request=job.request,
        engine=call.engine,
        created_ms=now_ms,
        state=State.RUNNING,
        attempt=1,
        size=job.size,
        started_ms=call.intent_ms,  # by it the upstream's lists are looked through
        ticket=ticket,
        upstream_model=call.upstream_model,
        deadline_ms=up_ms + made.within_ms,
        webhook_url=job.webhook_url,
        request_id=job.request_id,
        key_id=job.key_id,
        trace=job.trace,
    )
    taken = Attempt(
        job_id=made.id,
        n=1,
        engine=call.engine,
        account=call.account,
        upstream_model=call.upstream_model,
        intent_ms=call.intent_ms,
        submit_by_ms=call.submit_by_ms,
        outcome=Outcome.ACCEPTED,
        ticket=ticket,
        settled_ms=now_ms if call.settled_ms is None else call.settled_ms,
    )
    return GoingOn(Continuation(job.id, made.id, ticket, now_ms), following, taken, None)


def moved_reserve(reserve: Charge, job: Job) -> Charge:
    """The reserve of an earlier job as that of `job`, by the same terms."""
    at_ms = job.created_ms
    return msgspec.structs.replace(reserve, job_id=job.id, at_ms=at_ms, day=day_of(at_ms))
