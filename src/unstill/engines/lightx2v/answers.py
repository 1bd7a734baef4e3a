"""What LightX2V's answers come to. Pure.

Source: LightX2V, lightx2v/server: task_manager.py, api/tasks, as of 2026-08-21, read 2026-11-28.
"""

from __future__ import annotations

from unstill.upstreams.port import (
    Accepted,
    Busy,
    Cancellation,
    Cancelled,
    Doubt,
    Gone,
    Submission,
    TooLate,
    Verdict,
    not_taken,
)
from unstill.upstreams.replies import Reply, at, said
from unstill.upstreams.submit_answers import Codes, judged
from unstill.upstreams.task_answers import verdict_in
from unstill.upstreams.vocabulary import WordTables

# FastAPI's router answers these before any handler has the call.
CODES = Codes(not_taken=frozenset({404, 405}), ticket_at="task_id")
# Both come with a 503; what else does, of a proxy say, promises nothing.
_TAKEN_BEFORE = "already exists"
_QUEUE_FULL = "queue is full"
# A call may lie in a socket for as long as it is waited for, and be taken after all.
SURELY_ARRIVED_S = 60.0


def submission_of(reply: Reply, key: str, words: WordTables) -> Submission:
    """What an answer to the call with this key says of it."""
    detail = said(reply.fields(), words).message
    if reply.status == 503 and key in detail and _TAKEN_BEFORE in detail:
        return Accepted(key)
    if reply.status == 503 and _QUEUE_FULL in detail:
        return Busy("queue_full", detail, reply.retry_after_s)
    return judged(reply, CODES, words)


def settled(reply: Reply, key: str, *, age_s: float, is_told_key: bool) -> Submission:
    """What the state of a task says of the call that was to make it.

    is_told_key: else the server has made an id of its own, which nobody has heard.
    """
    if reply.is_ok and at(reply.fields(), "task_id") == key:
        return Accepted(key)
    if not (reply.status == 404 and reply.fields()):
        return Doubt("not_said", f"the upstream answered {reply.head}")
    if not is_told_key:
        return Doubt("not_said", "a form is given no id of ours, by which it could be looked up")
    if age_s < SURELY_ARRIVED_S:
        return Doubt("not_said", "the upstream has no such task yet")
    return not_taken("the upstream has no such task")


def verdict_of(reply: Reply, ticket: str, words: WordTables) -> Verdict | None:
    """How the task stands; None if the answer does not say. Raises Odd."""
    fields = reply.fields()
    verdict = verdict_in(fields, words, ticket=ticket, is_ok=reply.is_ok)
    # Without a JSON body it may be a proxy's 404 while the server starts.
    if verdict is None and reply.status == 404 and fields:
        return Gone("the upstream keeps its tasks in memory and has lost this one at a restart")
    return verdict


def cancellation_of(reply: Reply) -> Cancellation | None:
    """None if the answer does not say."""
    match at(reply.fields(), "stop_status") if reply.is_ok else None:
        case "success":
            return Cancelled()
        case "do_nothing":
            return TooLate()
        case _:
            return None
