"""An upstream's answer, and what it says went wrong: read leniently, by tables. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from unstill.engines.words import BUILT_IN, CODE_PLACES, FINE, WRAPPERS, Words
from unstill.errors import UpstreamError
from unstill.quoting import plain

MOST_LAYERS = 12  # objects of one answer that are looked into

# Wan's models at Modelverse: `code=InvalidParameter, message=invalid image url`.
_JOINED = re.compile(r"code=(?P<code>[\w.]+), ?message=(?P<message>.*)", re.DOTALL)


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
        """The JSON object of the body, also one that is alone in a list; empty if it is none."""
        return _decoded(self.body)


class Said(msgspec.Struct, frozen=True):
    """What an upstream says went wrong, fit to be shown to callers."""

    code: str
    message: str


def at(value: Any, place: str) -> Any:
    """What is at a place such as `video.url` or `urls.0`; None where there is nothing.

    Names are compared without case, `_` and `-`: `videoUrl` is `video_url`.
    """
    for name in place.split("."):
        match value:
            case dict():
                value = value[name] if name in value else _folded(value, name)
            case list() if name.isdigit() and int(name) < len(value):
                value = value[int(name)]
            case _:
                return None
    return value


def layers(fields: Mapping[str, Any], ticket: str = "") -> list[Mapping[str, Any]]:
    """The answer's object and those it wraps, the outermost first.

    ticket: of several in a list, the object with this id is meant.
    """
    found = [fields]
    for layer in found:  # it grows
        for name in WRAPPERS:
            inner = _object(at(layer, name), ticket)
            if inner and len(found) < MOST_LAYERS:
                found.append(inner)
    return found


def said(fields: Mapping[str, Any], words: Words = BUILT_IN) -> Said:
    """The upstream's words for what went wrong, wherever they are in its answer."""
    return said_in(layers(fields), words)


def said_in(found: list[Mapping[str, Any]], words: Words) -> Said:
    """The first words in these objects; a code of its own may lie elsewhere than its message."""
    message = next(_reasons(found, words), "")
    joined = _JOINED.fullmatch(message)
    if joined is not None:
        return Said(code_word(joined["code"]), plain(joined["message"]))
    code = next(
        (
            text
            for layer in found
            for place in CODE_PLACES
            if (text := _text(at(layer, place))).casefold() not in FINE
        ),
        "",
    )
    inner = _decoded(message.encode()) if message.startswith("{") else {}
    if inner:  # a gateway that passes its vendor's answer on as text
        deeper = said(inner, words)
        return Said(deeper.code or code_word(code), deeper.message or plain(message))
    return Said(code_word(code), plain(message))


def code_word(text: str) -> str:
    """A code is a word; where a vendor puts a sentence or a number, it is kept short."""
    return re.sub(r"[^\w.:-]+", "_", text, flags=re.ASCII)[:64]


def numbers(usage: object) -> dict[str, int | float]:
    """The numbers of a usage object; DashScope's own samples write some as text."""
    if not isinstance(usage, dict):
        return {}
    read = {name: _number(value) for name, value in usage.items()}
    return {name: value for name, value in read.items() if value is not None}


def _decoded(body: bytes) -> dict[str, Any]:
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError):
        return {}
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    return value if isinstance(value, dict) else {}


def _object(value: Any, ticket: str) -> dict[str, Any] | None:
    match value:
        case dict():
            return value
        case [dict() as only]:
            return only
        case list():
            return next((each for each in value if ticket and at(each, "id") == ticket), None)
        case _:
            return None


def _folded(fields: Mapping[str, Any], name: str) -> Any:
    wanted = _fold(name)
    return next((value for key, value in fields.items() if _fold(key) == wanted), None)


def _fold(name: str) -> str:
    return name.replace("_", "").replace("-", "").casefold()


def _reasons(found: list[Mapping[str, Any]], words: Words) -> Iterator[str]:
    # A wrapper's own `message` is often only "success", or less than what is said inside.
    for place in words.reason:
        for layer in found:
            text = _reason(at(layer, place))
            if text.casefold() not in FINE:
                yield text


def _reason(value: object) -> str:
    """Words at a place of reasons: text, or FastAPI's list of `{loc, msg}`."""
    match value:
        case str():
            return value.strip()
        case [{"loc": [*_, where], "msg": str() as message}, *_]:
            return f"{where}: {message}"
        case [{"msg": str() as message}, *_] | [{"message": str() as message}, *_]:
            return message
        case _:
            return ""


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
