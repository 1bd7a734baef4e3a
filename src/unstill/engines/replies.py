"""What an upstream's answer says: read leniently, judged strictly. Pure.

The vendors spell their errors in four ways, and some in several; here they become one. What stays
out of every message, because callers see it: addresses, paths and keys.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from unstill.engines.remote import Accepted, Busy, Doubt, Refused, Rejected, Submission
from unstill.errors import UpstreamError

MOST_MESSAGE_CHARS = 300

_ADDRESS = re.compile(
    r"[a-z][a-z0-9+.-]*://[^\s\"'<>()\[\]{},，。]+"
    r"|\b(?:\d{1,3}\.){3}\d{1,3}(?::\d+)?"
    r"|\blocalhost(?::\d+)?"
    r"|\b(?:[a-z0-9-]+\.)+(?:com|cn|net|org|ai|io|dev|cloud|app)\b(?::\d+)?",
    re.IGNORECASE,
)
_PATH = re.compile(r"(?<![\w.])/(?:[\w.-]+/)+(?=[\w.-])")
_KEY = re.compile(r"\b(?:sk-[\w*-]{4,}|key_id=\S+)")
_TICKET = re.compile(r"(?!\.+$)[!-~]{1,512}")  # it goes into paths: dots alone would climb


class Odd(UpstreamError):
    """An answer outside the upstream's own protocol, such as a state word nobody knows."""


class Reply(msgspec.Struct, frozen=True):
    """A whole answer."""

    status: int
    body: bytes
    retry_after_s: float | None = None

    @property
    def is_ok(self) -> bool:
        return 200 <= self.status < 300

    def fields(self) -> dict[str, Any]:
        """The JSON object of the body; empty if it is none."""
        try:
            value = msgspec.json.decode(self.body)
        except (msgspec.DecodeError, RecursionError):
            return {}
        return value if isinstance(value, dict) else {}


class Said(msgspec.Struct, frozen=True):
    """What an upstream says went wrong, fit to be shown to callers."""

    code: str
    message: str


class Codes(msgspec.Struct, frozen=True):
    """An upstream's own codes that mean something else than their HTTP status."""

    of_account: frozenset[str] = frozenset()  # the bill or the key, whatever the status
    of_model: frozenset[str] = frozenset()  # this key may not use this model
    busy: frozenset[str] = frozenset()  # surely not taken, although a 5xx


def found(fields: Mapping[str, Any], *path: str) -> Any:
    """The value at `path`, or None where the answer has nothing there."""
    value: Any = fields
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def said(fields: Mapping[str, Any]) -> Said:
    """The upstream's words, from `error` (object or text), flat ones, or FastAPI's `detail`."""
    match fields.get("error"):
        case dict() as error:
            code = _text(error.get("code")) or _text(error.get("type"))
            message = _text(error.get("message"))
        case str() as message:
            code = _text(fields.get("code"))
        case _:
            code = _text(fields.get("code"))
            message = _text(fields.get("message")) or _detail(fields.get("detail"))
    return Said(_code(code), plain(message))


def plain(text: str) -> str:
    """`text` without addresses, paths and keys, cut to what fits into a row."""
    text = _ADDRESS.sub("[address]", text[: 4 * MOST_MESSAGE_CHARS])
    text = _KEY.sub("[key]", _PATH.sub("", text))
    return text if len(text) <= MOST_MESSAGE_CHARS else text[:MOST_MESSAGE_CHARS] + "…"


def numbers(usage: object) -> dict[str, int | float]:
    """The numbers of a usage object; DashScope's own samples write some as text."""
    if not isinstance(usage, dict):
        return {}
    read = {name: _number(value) for name, value in usage.items()}
    return {name: value for name, value in read.items() if value is not None}


def judged(reply: Reply, ticket: object, codes: Codes) -> Submission:
    """What an answer to a submit comes to; `ticket` is what stands where the id belongs."""
    if reply.is_ok:
        if isinstance(ticket, str) and _TICKET.fullmatch(ticket):
            return Accepted(ticket)
        return Doubt("no_ticket", f"the upstream answered {reply.status} without a task id")
    words = said(reply.fields())
    code, message = words.code or f"http_{reply.status}", words.message or "no reason given"
    if code in codes.of_model:
        return Refused(code, message)
    if code in codes.of_account or reply.status in {401, 402, 403, 407}:
        return _refused_to_us(code)
    return _by_status(reply, code, message, is_busy=code in codes.busy)


def _by_status(reply: Reply, code: str, message: str, *, is_busy: bool) -> Submission:
    match reply.status:
        case 429:
            return Busy(code, message, reply.retry_after_s)
        case 404 | 405 | 410:
            return Refused(code, message)
        case 408:
            return Doubt(code, "the upstream answered 408, which promises nothing")
        case status if 300 <= status < 400:
            message = "the upstream redirects: its base_url is not the address it answers at"
            return Refused("redirected", message, of_account=True)
        case status if 400 <= status < 500:
            return Rejected(code, message)
        case _ if is_busy:
            return Busy(code, message, reply.retry_after_s)
        case status:
            return Doubt(code, f"the upstream answered {status}, which promises nothing")


def _refused_to_us(code: str) -> Refused:
    # Its own words are about the operator's key and bill: none of the caller's business.
    message = "the upstream does not accept this server's key or account"
    return Refused(code, message, of_account=True)


def _text(value: object) -> str:
    match value:
        case bool():
            return ""
        case str():
            return value.strip()
        case int():
            return str(value)
        case _:
            return ""


def _code(text: str) -> str:
    """A code is a word; where a vendor puts a sentence or a number, it is kept short."""
    return re.sub(r"[^\w.:-]+", "_", text, flags=re.ASCII)[:64]


def _detail(value: object) -> str:
    """FastAPI's words: text, or a list of `{loc, msg}`."""
    match value:
        case str():
            return value
        case [{"loc": [*_, where], "msg": str() as message}, *_]:
            return f"{where}: {message}"
        case _:
            return ""


def _number(value: object) -> int | float | None:
    match value:
        case bool():
            return None
        case int() | float():
            return value
        case str() if re.fullmatch(r"\d{1,9}", value, re.ASCII):
            return int(value)
        case str() if re.fullmatch(r"\d{1,9}\.\d{1,9}", value, re.ASCII):
            return float(value)
        case _:
            return None
