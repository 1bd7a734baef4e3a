"""What Comfy Router's answers come to. Pure.

The kind of an error stands in a header, `X-Comfy-Error-Type`, its words in the body.
"""

from __future__ import annotations

from unstill.upstreams.client import unanswered
from unstill.upstreams.port import (
    Done,
    Doubt,
    Failed,
    Gone,
    Rejected,
    Running,
    Submission,
    Verdict,
)
from unstill.upstreams.replies import Reply, Said, at, code_word, said, with_kind
from unstill.upstreams.settling import as_repeated
from unstill.upstreams.submit_answers import Codes, judged
from unstill.upstreams.task_answers import link_in, verdict_in
from unstill.upstreams.vocabulary import WordTables

KIND_OF_ERROR = "x-comfy-error-type"
INVALID = "invalid_input"
OVER = "COMPLETED"

# Comfy Router, errors, read 2026-11-28. `not_enabled` is either a key without a workspace or a
# model that is not for the queue: both are the operator's to mend.
CODES = Codes(
    ticket_at="request_id",
    of_account=frozenset({"unauthorized", "insufficient_credits", "forbidden", "not_enabled"}),
    of_model=frozenset({"model_not_found"}),
    not_taken=frozenset({404}),
)


def submission_of(reply: Reply, words: WordTables) -> Submission:
    """What an answer to a call says of it.

    A 409 is about the key: its first call is still being admitted (`concurrency_limit_exceeded`),
    or it belongs to another call (`invalid_input`). Neither says that nothing was taken, though
    the first has the name of a limit.
    """
    reply = with_kind(reply, KIND_OF_ERROR)
    if reply.status == 409:
        told = said(reply.fields(), words)
        message = f"the upstream answered 409 {told.message}".strip()
        return Doubt(told.code or "http_409", message)
    return judged(reply, CODES, words)


def settled_by(submission: Submission) -> Submission:
    """What the same call under the same key says of the first.

    The same bytes are refused as invalid whenever they come: then the first was, too. Any other
    refusal may be of the second call alone, as of credits that the first has used up: whether the
    key is looked at before them is not documented.
    """
    match submission:
        case Rejected(code) if code == INVALID:
            return submission
        case _:
            return as_repeated(submission)


def state_of(reply: Reply, ticket: str, words: WordTables) -> Verdict:
    """How a request stands; one that has failed is COMPLETED too. Raises Trouble, Odd."""
    if reply.status == 410:
        return _forgotten()
    fields = reply.fields()
    kind = at(fields, "error_type")
    if reply.is_ok and at(fields, "status") == OVER and kind:
        return _failed(Said(code_word(str(kind)), ""))
    verdict = None
    if reply.is_ok:
        # The request as the tables name it, so that its word counts as its own.
        verdict = verdict_in({**fields, "id": ticket}, words, ticket=ticket)
    if verdict is None:
        raise unanswered(reply)
    return verdict


def result_of(reply: Reply, words: WordTables) -> Verdict:
    """What came of a request that is over: the vendor's own words. Raises Trouble, Odd.

    A failure is answered by its own status; a 5xx may be the queue's own, and is asked again.
    """
    match reply.status:
        case 410:
            return _forgotten()
        case 202:
            return Running()
        case 422:
            return _failed(said(with_kind(reply, KIND_OF_ERROR).fields(), words))
    if not reply.is_ok or not reply.fields():
        raise unanswered(reply)
    verdict = verdict_in(reply.fields(), words)
    if isinstance(verdict, Done | Failed):
        return verdict
    link, told = link_in(reply.fields(), words), said(reply.fields(), words)
    # Kling has a code that is not 0 in a 200, and no task beside it.
    return _failed(told) if link is None and told.code else Done(link)


def is_too_late(reply: Reply) -> bool:
    """Whether a cancel is refused since the request is over.

    By a 409, or a 400 as earlier pages have it; in which field it says so no page shows.
    """
    return reply.status in {400, 409} and b"ALREADY_COMPLETED" in reply.body


def failure_of(state: Failed, reply: Reply, words: WordTables) -> Failed:
    """The same failure with the words of its result."""
    told = said(reply.fields(), words)
    return state if reply.is_ok or not told.message else Failed(state.code, told.message)


def _failed(told: Said) -> Failed:
    return Failed(told.code or "failed", told.message or "the upstream gave no reason")


def _forgotten() -> Gone:
    return Gone("the upstream keeps requests for 24 hours after their end, and has forgotten it")
