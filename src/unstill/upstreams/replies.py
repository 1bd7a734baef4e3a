"""An upstream's answer, and what it says went wrong: read leniently, by tables. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from unstill.domain.errors import UpstreamError
from unstill.domain.redaction import plain
from unstill.upstreams.lenient_json import decoded, unpacked, up_to_the_cut
from unstill.upstreams.vocabulary import BUILT_IN, CODE_PLACES, FINE, ID_NAMES, WRAPPERS, WordTables

MOST_LAYERS = 12  # objects of one answer that are looked into
MOST_CUT_BYTES = 64 * 1024
MOST_ITEMS = 100  # no more of one list are read
MOST_COUNTED = 1e9  # seconds, pixels, tokens of one video: what is more, or no number, says nothing

# Wan's models at Modelverse: `code=InvalidParameter, message=invalid image url`.
_JOINED = re.compile(r"code=(?P<code>[\w.]+), ?message=(?P<message>.*)", re.DOTALL)


class Odd(UpstreamError):
    """An answer outside the upstream's own protocol, such as a state word nobody knows."""


class Reply(msgspec.Struct, frozen=True):
    """A whole answer."""

    status: int
    body: bytes
    retry_after_s: float | None = None
    location: str = ""  # where the answer says that what it is about can be asked for
    told: Mapping[str, str] = {}  # its own headers, `x-...` in small letters

    @property
    def is_ok(self) -> bool:
        return 200 <= self.status < 300

    @property
    def head(self) -> str:
        """Its status, and what came where JSON should be."""
        if 300 <= self.status < 400:
            return f"{self.status}, a redirect"
        if not self.is_ok or self.is_json:
            return str(self.status)
        if not self.body.strip():
            return f"{self.status} with nothing"
        kind = "a web page" if self.body.lstrip()[:1] == b"<" else "no JSON"
        return f"{self.status} with {kind}"

    @property
    def is_json(self) -> bool:
        """Whether something that speaks JSON has answered, and not some web page."""
        return isinstance(decoded(self.body), dict | list)

    def fields(self) -> dict[str, Any]:
        """The JSON object of the body, also that of a list; empty if it is none."""
        return _fields(decoded(self.body))

    def cut_fields(self) -> dict[str, Any]:
        """What came whole of a body that was cut; for ids alone, since the rest is not known."""
        return _fields(up_to_the_cut(self.body[:MOST_CUT_BYTES]))


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


def all_at(value: Any, place: str) -> Iterator[Any]:
    """What is at a place; a name `*` is every item of a list: `outputs.*.url`."""
    before, star, after = place.partition("*")
    if not star:
        yield at(value, place)
        return
    items = at(value, before.rstrip(".")) if before else value
    if isinstance(items, list):
        for item in items[:MOST_ITEMS]:
            yield from all_at(item, after.lstrip(".")) if after else (item,)


def layers(fields: Mapping[str, Any], ticket: str = "") -> list[Mapping[str, Any]]:
    """The answer's object and those it wraps, the outermost first.

    ticket: of several in a list, the object with this id is meant; without one, the first.
    """
    found = [fields]
    for layer in found:  # it grows
        for name in WRAPPERS:
            inner = _object(at(layer, name), ticket)
            if inner and len(found) < MOST_LAYERS:
                found.append(inner)
    return found


def said(fields: Mapping[str, Any], words: WordTables = BUILT_IN) -> Said:
    """The upstream's words for what went wrong, wherever they are in its answer."""
    return said_in(layers(fields), words)


def said_in(found: list[Mapping[str, Any]], words: WordTables) -> Said:
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
    inner = unpacked(message)
    if isinstance(inner, dict):  # a gateway that passes its vendor's answer on as text
        deeper = said(inner, words)
        return Said(deeper.code or code_word(code), deeper.message or plain(message))
    return Said(code_word(code), plain(message))


def with_kind(reply: Reply, header: str) -> Reply:
    """A refusal with its kind in its body, where an upstream may tell it in a header alone."""
    kind, fields = reply.told.get(header, ""), reply.fields()
    if not kind or at(fields, "error_type"):
        return reply
    body = msgspec.json.encode({**fields, "error_type": kind})
    return msgspec.structs.replace(reply, body=body)


def code_word(text: str) -> str:
    """A code is a word; where a vendor puts a sentence or a number, it is kept short."""
    return re.sub(r"[^\w.:-]+", "_", text, flags=re.ASCII)[:64]


def numbers(usage: object) -> dict[str, int | float]:
    """The numbers of a usage object; DashScope's own samples write some as text."""
    if not isinstance(usage, dict):
        return {}
    read = {name: _number(value) for name, value in usage.items()}
    return {name: value for name, value in read.items() if value is not None}


def _fields(value: Any) -> dict[str, Any]:
    match value:
        case dict():
            return value
        case [dict() as only]:
            return only
        case [dict(), *_]:
            return {"data": value}
        case _:
            return {}


def _object(value: Any, ticket: str) -> dict[str, Any] | None:
    match value:
        case dict():
            return value
        case [dict() as only]:
            return only
        case [dict() as first, *_] if not ticket:
            return first
        case list():
            return next((each for each in value if _is_of(each, ticket)), None)
        case str() if isinstance(inner := unpacked(value), dict):
            return inner
        case _:
            return None


def _is_of(value: Any, ticket: str) -> bool:
    return isinstance(value, dict) and any(str(at(value, name)) == ticket for name in ID_NAMES)


def _folded(fields: Mapping[str, Any], name: str) -> Any:
    wanted = _fold(name)
    return next((value for key, value in fields.items() if _fold(key) == wanted), None)


def _fold(name: str) -> str:
    return name.replace("_", "").replace("-", "").casefold()


def _reasons(found: list[Mapping[str, Any]], words: WordTables) -> Iterator[str]:
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
            return value if abs(value) < MOST_COUNTED else None  # neither NaN nor infinity
        case str() if re.fullmatch(r"\d{1,9}", value, re.ASCII):
            return int(value)
        case str() if re.fullmatch(r"\d{1,9}\.\d{1,9}", value, re.ASCII):
            return float(value)
        case _:
            return None
