"""What a submit's outcome means for its attempt and its job. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from unstill.domain.attempts import Attempt, Outcome, Settlement
from unstill.domain.errors import TicketTaken
from unstill.domain.job import IN_DOUBT, Change, Failure, Job, State, accepted, failed, sent_back
from unstill.domain.lease import Lease
from unstill.upstreams.port import Accepted, Busy, Doubt, Refused, Rejected, Submission

SETTLED = "settled"  # the code of an attempt that was in doubt, and is known to be accepted


def settlement_of(n: int, submission: Submission, now_ms: int) -> Settlement:
    match submission:
        case Accepted(ticket):
            return Settlement(n, Outcome.ACCEPTED, now_ms, ticket=ticket)
        case Busy(code, message, retry_after_s):
            wait_ms = int((retry_after_s or 0) * 1000)
            return Settlement(
                n, Outcome.BUSY, now_ms, code=code, message=message, retry_after_ms=wait_ms
            )
        case Refused(code, message, of_account, unreached):
            outcome = Outcome.UNREACHED if unreached else Outcome.REFUSED
            return Settlement(n, outcome, now_ms, code=code, message=message, of_account=of_account)
        case Rejected(code, message):
            return Settlement(n, Outcome.REJECTED, now_ms, code=code, message=message)
        case Doubt(code, message):
            return Settlement(n, Outcome.UNKNOWN, now_ms, code=code, message=message)


def asked_after(settlement: Settlement, doubt: Doubt) -> Settlement:
    """The settlement of a call that was in doubt, and of which its upstream was asked."""
    match settlement.outcome:
        case Outcome.UNKNOWN:
            return settlement
        case Outcome.ACCEPTED:
            code, said = SETTLED, "the upstream was asked, and has it"
        case _:
            code, said = settlement.code, f"asked for it, the upstream said: {settlement.message}"
    message = f"{doubt.message}; {said}"
    return msgspec.structs.replace(settlement, code=code, message=message)


def settlement_in(attempt: Attempt) -> Settlement:
    """What has become of an attempt that is settled."""
    fields = {each: getattr(attempt, each) for each in Settlement.__struct_fields__}
    return Settlement(**fields)


def settled(attempt: Attempt, settlement: Settlement) -> Attempt:
    return msgspec.structs.replace(attempt, **msgspec.structs.asdict(settlement))


def not_its_own(attempt: Attempt, error: TicketTaken) -> Attempt:
    """The call was answered with another job's ticket: whose video that is nobody knows."""
    return msgspec.structs.replace(
        attempt, outcome=Outcome.UNKNOWN, code=IN_DOUBT, message=error.message
    )


def held_on(lease: Lease, *, by: str | None) -> Change:
    """The job of a call in doubt is the server's of `lease`, if it is still that of `by`."""
    of = frozenset({State.SUBMITTING})
    return Change(of=of, to=None, sets={}, lease=lease, held_by=by)


def found_open(job: Job, now_ms: int) -> Change:
    """The end of a job that a dead server was submitting."""
    settlement = Settlement(
        job.attempt, Outcome.UNKNOWN, now_ms, code=IN_DOUBT, message="the server died"
    )
    return _only_if_open(
        failed(in_doubt("the server ended during the call"), now_ms, closes=settlement)
    )


def found_answered(job: Job, attempt: Attempt) -> Change:
    """What becomes of a job whose dead server had its answer, and had not committed it.

    attempt: settled, as that server had noted it.
    """
    settlement = settlement_in(attempt)
    now_ms = settlement.settled_ms
    match settlement.outcome:
        case Outcome.ACCEPTED if settlement.ticket is not None:
            return accepted(settlement.ticket, attempt.upstream_model, settlement)
        case Outcome.BUSY | Outcome.UNREACHED | Outcome.REFUSED:
            # Its next step reads the attempts: who is asked then, and when, or none any more.
            return sent_back(job.engine, now_ms, settlement)
        case Outcome.REJECTED:
            failure = Failure(settlement.code, settlement.message)
        case _:
            failure = in_doubt(settlement.message)
    return _only_if_open(failed(failure, now_ms, closes=settlement))


def _only_if_open(change: Change) -> Change:
    return msgspec.structs.replace(change, of=frozenset({State.SUBMITTING}))


def in_doubt(reason: str) -> Failure:
    """The end of a job whose call may have been taken and billed: it is not sent again."""
    return Failure(
        IN_DOUBT,
        f"the upstream may have taken and billed this task, but gave no usable reply: {reason}",
    )


def no_more(last: Attempt) -> Failure:
    """Why none of the engines may be asked any more."""
    if last.outcome in {Outcome.OPEN, Outcome.UNKNOWN, Outcome.ACCEPTED}:
        return in_doubt("an earlier call for it may have been taken")
    return Failure(last.code, last.message)


def too_late(attempts: Sequence[Attempt]) -> Failure:
    reason = f": {attempts[-1].message}" if attempts and attempts[-1].message else ""
    return Failure("deadline_exceeded", f"no engine took the task before its deadline{reason}")
