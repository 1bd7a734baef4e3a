"""What Kling's answers come to. Pure.

Each has a `code`. 0 is well; any other is an error, whatever the status.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from unstill.upstreams.client import unanswered
from unstill.upstreams.port import (
    Accepted,
    Done,
    Doubt,
    Failed,
    Submission,
    Unclear,
    Verdict,
    not_taken,
)
from unstill.upstreams.replies import Odd, Reply, numbers
from unstill.upstreams.submit_answers import Codes, judged
from unstill.upstreams.task_answers import ticket_in, verdict_in
from unstill.upstreams.usage import COST_USD
from unstill.upstreams.vocabulary import WordTables

# A task is in the answers to queries as soon as it is taken, for all that is known. Not before
# this age does it count as not taken: a call may have been on its way for a minute, and what is
# asked may lag behind what takes.
SHOWN_AFTER_S = 300.0
KEPT_S = 29 * 86_400.0  # results are cleared after 30 days

# Kling, error codes: those that surely took nothing, by their status, which they keep in a 200.
STATUS_OF: Mapping[str, int] = {
    **dict.fromkeys(("1000", "1001", "1002", "1003", "1004"), 401),
    **dict.fromkeys(("1100", "1101", "1102", "1302", "1303", "1304"), 429),
    "1103": 403,
    **dict.fromkeys(("1200", "1201", "1300", "1301"), 400),
    **dict.fromkeys(("1202", "1203"), 404),
}
# Arrears (1101), a pack that is used up (1102) and a list of addresses that this one is not on
# (1304) come with a 429: as "busy" they would be asked again for ever.
CODES = Codes(
    ticket_at="data.id",
    of_account=frozenset(
        {"1000", "1001", "1002", "1003", "1004", "1100", "1101", "1102", "1103", "1304"}
    ),
    not_taken=frozenset({404}),
)


def submission_of(reply: Reply, words: WordTables) -> Submission:
    """What an answer to a submit comes to."""
    code, reply = _code(reply), as_said(reply)
    if reply.is_ok and code not in {"", "0"}:
        return Doubt(code, f"the upstream answered {reply.head} with the code {code}")
    return judged(reply, CODES, words)


def settled_by(reply: Reply, key: str, words: WordTables, *, age_s: float) -> Submission:
    """What an answer to a query by our own id says of the call of that age."""
    tasks = _tasks(reply)
    if tasks is None:
        return Doubt("not_said", unanswered(reply).message)
    ids = [ticket_in(task, words) for task in tasks if str(task.get("external_id")) == key]
    if ids and ids[0] is not None:
        return Accepted(ids[0])
    if tasks:
        return Doubt("not_said", "the upstream showed no task that names the call's id")
    if not SHOWN_AFTER_S <= age_s <= KEPT_S:
        return Doubt("not_said", "the upstream shows no task of the call, and might yet")
    return not_taken("the upstream has no task of the call")


def is_of_the_ids(reply: Reply) -> bool:
    """Whether a query is refused for what it asks for, of which one id may be the cause."""
    return as_said(reply).status in {400, 404}


def verdict_of(reply: Reply, ticket: str, words: WordTables) -> Verdict:
    """How the task stands. That one is not shown says nothing sure: no page says what it means."""
    tasks = _tasks(reply)
    if tasks is None:
        return Unclear("no_answer", unanswered(reply).message)
    task = next((each for each in tasks if str(each.get("id")) == ticket), None)
    if task is None:
        return Unclear("no_answer", "the upstream shows no task of this id")
    try:
        verdict = verdict_in(task, words, ticket=ticket)
    except Odd as odd:
        return Unclear("odd_answer", odd.message)
    return _with_cost(verdict, task) or Unclear("no_answer", "the upstream told no state")


def with_marked_links(words: WordTables) -> WordTables:
    """The same tables, but for a video with a mark: where there is one, it was asked for."""
    return msgspec.structs.replace(words, link=("outputs.*.watermark_url", *words.link))


def as_said(reply: Reply) -> Reply:
    """The same answer with the status that its code has in the table, where it came with a 200."""
    status = STATUS_OF.get(_code(reply)) if reply.is_ok else None
    return reply if status is None else msgspec.structs.replace(reply, status=status)


def _code(reply: Reply) -> str:
    """ "" where there is none."""
    code = reply.fields().get("code")
    return str(code) if isinstance(code, int | str) and not isinstance(code, bool) else ""


def _tasks(reply: Reply) -> list[Mapping[str, Any]] | None:
    """The tasks that an answer to a query shows; None where it says nothing of any.

    Where there are none its list has been seen to be left out.
    """
    if not reply.is_ok or _code(reply) != "0":
        return None
    match reply.fields().get("data"):
        case None:
            return []
        case list() as tasks if all(isinstance(task, dict) for task in tasks):
            return tasks
        case _:
            return None


def _with_cost(verdict: Verdict | None, task: Mapping[str, Any]) -> Verdict | None:
    usd = _usd(task.get("billing"))
    if usd is None or not isinstance(verdict, Done | Failed):
        return verdict
    return msgspec.structs.replace(verdict, usage=verdict.usage | {COST_USD: usd})


def _usd(billing: object) -> float | None:
    """What was taken off a balance in dollars; None where a pack or another currency paid."""
    if not isinstance(billing, list) or not billing:
        return None
    sums = [_usd_of(charge) for charge in billing]
    told = [each for each in sums if each is not None]
    return round(sum(told), 6) if len(told) == len(sums) else None


def _usd_of(charge: object) -> float | None:
    match charge:
        case {"charge_type": "cash", "currency": "USD", "amount": amount}:
            return numbers({"amount": amount}).get("amount")
        case _:
            return None
