"""What an answer to a submit comes to: taken, surely not taken, or in doubt. Pure.

    2xx with a task's id        taken
    2xx with an error, no id    as the same error with its status
    401, 402, 403, 407          the key or the bill
    425, 429                    busy
    404, 405, 410               refused, where its documents have it and its own words say it
    400, 413, 415, 422 ...      rejected
    3xx, 408, 409, 5xx          a doubt: none of them says that nothing was taken

Words win over a status: an empty account is one, whatever number comes with it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from unstill.upstreams.port import Accepted, Busy, Doubt, Refused, Rejected, Submission
from unstill.upstreams.replies import Reply, Said, at, layers, said_in
from unstill.upstreams.task_answers import bare_ticket_in, ticket_in
from unstill.upstreams.vocabulary import BUILT_IN, FINE, STATUS_NAMES, WordTables


class Codes(msgspec.Struct, frozen=True):
    """What an upstream's own documents say of its codes and statuses."""

    of_account: frozenset[str] = frozenset()  # the bill or the key, whatever the status
    of_model: frozenset[str] = frozenset()  # this key may not use this model
    busy: frozenset[str] = frozenset()  # surely not taken, although a 5xx
    not_taken: frozenset[int] = frozenset()  # those of 404, 405, 410 that have words of their own
    ticket_at: str = ""  # where the id of a task is, if its documents say one place


# Codes and words that mean the same wherever they come from: those of OpenAI, OpenRouter, Ark,
# Runware, MiniMax and new-api. Codes are compared as letters and digits alone.
_OF_ACCOUNT = re.compile(
    r"insufficient\w*(?:quota|balance|credits?|funds?)\w*|\w*balancenotenough|quotanotenough"
    r"|billinghardlimitreached|billingnotactive|paymentrequired|accountoverdue\w*|arrearage"
    r"|serviceoverdue|quotaexceeded|setlimitexceeded|accountsuspended|accountdeactivated"
    r"|(?:invalid|incorrect|missing)apikey|invalidtoken|unauthorized|authenticationerror|autherror"
)
_OF_ACCOUNT_WORDS = re.compile(
    r"insufficient\W+(?:\w+\W+){0,2}(?:balance|quota|credits?|funds?)"
    r"|(?:balance|quota|credits?)\W+(?:is\W+|are\W+)?"
    r"(?:too\W+low|not\W+enough|insufficient|exhausted|used\W+up)"
    r"|(?:out|run out) of credits?|exceeded your current quota|in arrears"
    r"|(?:invalid|incorrect) api.?key|余额不足|额度不足|配额不足|欠费",
    re.IGNORECASE,
)
_BUSY = re.compile(r"\w*ratelimit\w*|toomanyrequests|\w*throttl\w*|concurrencylimit\w*|queuefull")
_BUSY_WORDS = re.compile(
    r"rate.?limit|too many requests|too frequent|throttl|queue is full|queue full"
    r"|concurren\w+ (?:limit|requests? limit)|请求过于频繁|限流|并发",
    re.IGNORECASE,
)
_OF_MODEL = re.compile(
    r"modelnotfound|modelnotopen|modelnotavailable|modelnotsupported|nosuchmodel"
)
_REJECTED = re.compile(
    r"invalid(?:param\w*|request\w*|input\w*|value|image\w*|prompt\w*|argument|size|media\w*)"
    r"|param(?:eter)?error|missing\w*|unsupported\w*|badrequest\w*|validation\w*|valuetoolarge"
    r"|unprocessable\w*|\w*(?:contentpolicy|sensitive|moderation|nsfw|policyviolation)\w*"
)
_OF_POLICY = re.compile(r"\w*(?:contentpolicy|sensitive|moderation|nsfw|policyviolation)\w*")
_REJECTED_WORDS = re.compile(
    r"invalid (?:param|request|input|value|image|prompt|argument|size)|parameter error"
    r"|is required\b|must be\b|参数错误|参数无效|敏感|违规",
    re.IGNORECASE,
)


def judged(reply: Reply, codes: Codes, words: WordTables = BUILT_IN) -> Submission:
    """What an answer to a submit comes to."""
    fields = reply.fields()
    if not reply.is_ok:
        return _sorted(reply, said_in(layers(fields), words), codes, status=reply.status)
    found = fields or reply.cut_fields()
    ticket = ticket_in(found, words, place=codes.ticket_at)
    if ticket is not None:
        return Accepted(ticket)
    wrong = said_in(layers(fields), words)
    if _is_error(fields) or _OF_ACCOUNT_WORDS.search(wrong.message):
        return _sorted(reply, wrong, codes, status=_status_in(wrong.code))
    ticket = bare_ticket_in(fields, reply.location)
    if ticket is not None:
        return Accepted(ticket)
    said = f": {wrong.message}" if wrong.message else ""
    return Doubt("no_ticket", f"the upstream answered {reply.head} without a task id{said}")


def is_error(reply: Reply) -> bool:
    """Whether an answer says that something went wrong, by its status or inside a 200."""
    return not reply.is_ok or _is_error(reply.fields())


def _is_error(fields: Mapping[str, Any]) -> bool:
    """Whether an answer without a task says by itself that something went wrong."""
    found = layers(fields)
    return any(
        bool(at(layer, name)) and str(at(layer, name)).casefold() not in FINE
        for layer in found
        for name in ("error", "errors", "error_code", "error_message", "err_code", "code")
        # midjourney-proxy and others count from 1: `{"code": 1, "msg": "success"}`
        if name != "code" or not _is_said_fine(layer)
    ) or any(
        str(at(layer, "success")).casefold() in {"false", "0"}
        or str(at(layer, "ok")).casefold() in {"false", "0"}
        or at(layer, "status") is False
        or at(layer, "base_resp.status_code") not in {None, 0}
        or any(BUILT_IN.state(at(layer, name)) == "failed" for name in STATUS_NAMES)
        for layer in found
    )


def _is_said_fine(layer: Mapping[str, Any]) -> bool:
    texts = (at(layer, name) for name in ("message", "msg", "description"))
    return any(
        text.casefold() in FINE or text.endswith("成功")
        for text in texts
        if isinstance(text, str) and text
    )


def _bare(code: str) -> str:
    return re.sub(r"[^a-z0-9]+", "", code.casefold())


def _status_in(code: str) -> int:
    """An HTTP status written as a code; 200 if it is none."""
    return int(code) if re.fullmatch(r"[45]\d\d", code) else 200


def _sorted(reply: Reply, wrong: Said, codes: Codes, *, status: int) -> Submission:
    code = wrong.code or f"http_{reply.status}"
    message = wrong.message or "no reason given"
    bare = _bare(wrong.code)
    speaks = status < 500  # a server in trouble may say anything
    if code in codes.of_model or (speaks and _OF_MODEL.fullmatch(bare)):
        return Refused(code, message)
    if code in codes.of_account or _OF_ACCOUNT.fullmatch(bare):
        return _refused_to_us(code)
    if speaks and _OF_ACCOUNT_WORDS.search(wrong.message):
        return _refused_to_us(code)
    is_busy = code in codes.busy or (400 <= status < 500 and _BUSY.fullmatch(bare) is not None)
    if is_busy or status in {425, 429}:  # 425 promises that nothing was processed (RFC 8470)
        return Busy(code, message, reply.retry_after_s)
    if status in {401, 402, 407} or (status == 403 and not _OF_POLICY.fullmatch(bare)):
        return _refused_to_us(code)
    if 200 <= status < 300:
        return _by_words(reply, wrong, code, bare)
    return _by_status(reply, wrong, code, codes, status)


def _by_words(reply: Reply, wrong: Said, code: str, bare: str) -> Submission:
    """An error inside a 200, by what it says alone."""
    if _BUSY.fullmatch(bare) or _BUSY_WORDS.search(wrong.message):
        return Busy(code, wrong.message, reply.retry_after_s)
    if _REJECTED.fullmatch(bare) or _REJECTED_WORDS.search(wrong.message):
        return Rejected(code, wrong.message or "no reason given")
    said = wrong.message or wrong.code
    return Doubt(code, f"the upstream answered {reply.status} with an error: {said}")


def _by_status(reply: Reply, wrong: Said, code: str, codes: Codes, status: int) -> Submission:
    message = wrong.message or "no reason given"
    is_said = status in codes.not_taken and bool(wrong.code or wrong.message)
    match status:
        case 404 | 405 | 410 if is_said or _REJECTED.fullmatch(_bare(wrong.code)):
            return Refused(code, message)
        case status if 300 <= status < 400:
            # A 303 even says that the call was processed (RFC 9110, 15.4.4).
            return Doubt(
                "redirected",
                f"the upstream answered {status}, a redirect: its base_url may not be the address"
                " that it answers at, and nothing says whether it took the task",
            )
        case 404 | 405 | 408 | 409 | 410 | 499:
            pass
        case status if 400 <= status < 500:
            return Rejected(code, message)
    said = f": {wrong.message}" if wrong.message else ""
    return Doubt(code, f"the upstream answered {reply.status}, which promises nothing{said}")


def _refused_to_us(code: str) -> Refused:
    # Its own words are about the operator's key and bill: none of the caller's business.
    message = "the upstream does not accept this server's key or account"
    return Refused(code, message, of_account=True)
