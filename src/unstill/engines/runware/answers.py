"""What Runware's answers come to. Pure.

An answer has `data` and `errors`, both lists, and each of their items names its task: one answer
may be about many tasks, and say well of one and ill of another.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from unstill.domain.redaction import plain
from unstill.upstreams.port import (
    Accepted,
    Busy,
    Done,
    Doubt,
    Failed,
    Gone,
    Refused,
    Rejected,
    Submission,
    Unclear,
    Verdict,
    Waiting,
)
from unstill.upstreams.replies import Odd, Reply, at, code_word, numbers
from unstill.upstreams.submit_answers import Codes, judged
from unstill.upstreams.task_answers import verdict_in
from unstill.upstreams.usage import COST_USD
from unstill.upstreams.vocabulary import WordTables

TAKEN_BEFORE = "conflictTaskUUID"  # the id of a task that was taken is taken once

# Runware, error codes: of its SDK's tests, read 2026-11-28.
CODES = Codes(
    of_account=frozenset(
        {
            "invalidApiKey",
            "missingApiKey",
            "forbidden",
            "accountSuspended",
            "workspaceSuspended",
            "insufficientCredits",
            "quotaExceeded",
            "paymentRequired",
        }
    ),
    of_model=frozenset({"modelNotFound"}),
)
# These are about the task alone, whatever the status: a 402 or a 403 need not be about the key.
_REJECTED = re.compile(
    r"(?:invalid|missing|unsupported)[A-Z]\w*|valueTooLarge"
    r"|contentPolicyViolation|nsfwContentDetected|promptBlocked"
)
_NO_ROOM = "noAvailableServer"
_THEIR_BILL = "providerInsufficientCredits"  # Runware's at the model's maker
_FORGOTTEN = frozenset({"taskNotFound", "taskExpired"})
# They say nothing of a task that was asked for.
_OF_THE_CALL = CODES.of_account | {
    "rateLimitExceeded",
    "inferenceRateLimitExceeded",
    "providerRateLimitExceeded",
}


def submission_of(reply: Reply, key: str, words: WordTables) -> Submission:
    """What an answer to the call with this key says of it."""
    error = _item(reply, "errors", key)
    if error is not None and error.get("code") == TAKEN_BEFORE:
        return Accepted(key)
    if reply.is_ok and _item(reply, "data", key) is not None:
        return Accepted(key)
    if reply.is_ok and error is None:
        return Doubt("no_ticket", f"the upstream answered {reply.head} without the task")
    if error is None:
        return judged(reply, CODES, words)
    # An error inside a 200 too is sorted by its own code.
    return _refusal(reply, error) or judged(_only(reply, error), CODES, words)


def verdict_of(reply: Reply, ticket: str, words: WordTables) -> Verdict:
    """How the task stands.

    A task that it does not know and one that has not begun are answered alike, with nothing.
    """
    error = _item(reply, "errors", ticket)
    item = _item(reply, "data", ticket)
    if error is not None:
        code, message = str(error.get("code", "")), str(error.get("message", ""))
        # In trouble, or refused before its tasks were looked at, it says nothing of them.
        if reply.status >= 500 or at(error, "taskUUID") is None:
            return Unclear("no_answer", f"the upstream answered {reply.head} {plain(message)}")
        return _ended(code, message)
    if item is not None:
        try:
            verdict = verdict_in(item, words, ticket=ticket)
        except Odd as odd:
            return Unclear("odd_answer", odd.message)
        return _with_cost(verdict, item) or Unclear("no_answer", "the upstream told no state")
    if reply.is_ok and isinstance(reply.fields().get("data"), list):
        return Waiting()
    return Unclear("no_answer", f"the upstream answered {reply.head}")


def knows(reply: Reply, key: str) -> bool:
    """Whether an answer has something of the task."""
    return reply.is_ok and _item(reply, "data", key) is not None


def _refusal(reply: Reply, error: Mapping[str, Any]) -> Submission | None:
    """What one of its own codes says of a task; None for those that are sorted as anybody's."""
    code = str(error.get("code", ""))
    message = plain(str(error.get("message", ""))) or "no reason given"
    # A server in trouble may say anything; of the key and the pace other codes tell.
    if reply.status >= 500 or reply.status in {401, 429} or code in CODES.of_account:
        return None
    if code == _NO_ROOM:
        return Busy(code, message, reply.retry_after_s)
    if code == _THEIR_BILL:
        return Refused(code, message)
    return Rejected(code_word(code), message) if _REJECTED.fullmatch(code) else None


def _ended(code: str, message: str) -> Verdict:
    if code in _FORGOTTEN:
        return Gone(plain(message))
    if code in _OF_THE_CALL:
        return Unclear("no_answer", plain(message))
    return Failed(code_word(code) or "failed", plain(message) or "no reason given")


def _with_cost(verdict: Verdict | None, item: Mapping[str, Any]) -> Verdict | None:
    """What it charges is told beside the video; 0 was seen at models that cost, and is no price."""
    cost = numbers({"cost": item.get("cost")}).get("cost", 0)
    if isinstance(verdict, Done) and cost > 0:
        return msgspec.structs.replace(verdict, usage=verdict.usage | {COST_USD: cost})
    return verdict


def _item(reply: Reply, name: str, key: str) -> Mapping[str, Any] | None:
    """The item about the task; an error that names none is about all."""
    fields = reply.fields() or reply.cut_fields()
    for item in _items(fields, name):
        about = at(item, "taskUUID")
        if about == key or (about is None and name == "errors"):
            return item
    return None


def _items(fields: Mapping[str, Any], name: str) -> Iterator[Mapping[str, Any]]:
    items = fields.get(name)
    if isinstance(items, list):
        yield from (item for item in items if isinstance(item, dict))


def _only(reply: Reply, error: Mapping[str, Any]) -> Reply:
    """The same answer as if it were about nothing else."""
    return msgspec.structs.replace(reply, body=msgspec.json.encode({"error": error}))
