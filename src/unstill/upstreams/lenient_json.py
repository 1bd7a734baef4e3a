"""What an upstream's body is as JSON, read as leniently as gateways write it. Pure.

A paid task's id must not be lost over a byte order mark, a NaN or one character in GBK, so what a
strict reader refuses is read again: in the encoding that its first bytes show, with whatever stands
behind it, and as the lines of a stream, of which the later ones win.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import msgspec

MOST_PARTS = 1_000  # values of one stream that are looked at
MOST_DEEP = 100

# Server-sent events, and what else may stand before the first value of a body.
_BEFORE = re.compile(r"[\s\ufeff]*(?:(?:event|id|retry|:)[^\n]*\n\s*|data:\s*)*")
# A text, closed or cut, or what opens, parts and closes the rest.
_MARKS = re.compile(r'"(?:[^"\\]|\\.)*(?:"|\\?\Z)|[{}\[\],]', re.DOTALL)
# Half of a character that JSON writes as two: such a text can be sent and stored nowhere.
_HALF = re.compile(r"(\\u[dD][89abAB]..\\u[dD][c-fC-F]..)|\\u[dD][89a-fA-F]..")
# Python's own `json.dumps` writes NaN and Infinity; neither says anything.
_LENIENT = json.JSONDecoder(strict=False, parse_constant=lambda _: None)


def decoded(body: bytes | str) -> Any:
    """The value of a body; None if it is no JSON."""
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _merged(list(_parts(body if isinstance(body, str) else _text(body))))
    # A gateway that encodes its vendor's answer once more.
    return unpacked(value) if isinstance(value, str) else value


def unpacked(text: str) -> Any:
    """The object or list that a text is, which some answers have inside; None if it is none."""
    if text.lstrip()[:1] not in {"{", "["}:
        return None
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return None


def up_to_the_cut(body: bytes) -> Any:
    """What came whole of a body that was cut: the pairs before its last comma; None if there are
    none."""
    text = _text(body)
    closers, whole = [""], None
    for found in _MARKS.finditer(text):
        match found[0]:
            case "{" | "[" as opener:
                closers.append("}" if opener == "{" else "]")
            case "}" | "]" if len(closers) > 1:
                closers.pop()
            case ",":
                whole = text[: found.start()] + "".join(reversed(closers))
    return None if whole is None or len(closers) > MOST_DEEP else decoded(whole)


def _text(body: bytes) -> str:
    """Ids, words and links are ASCII in whatever encoding the rest is."""
    encoding = json.detect_encoding(body)
    for each in (encoding, "gb18030"):
        try:
            return body.decode(each)
        except UnicodeDecodeError:
            continue
    return body.decode(encoding, "replace")


def _parts(text: str) -> Iterator[Any]:
    """The values that follow each other; whatever stands behind them is none."""
    at, text = 0, _HALF.sub(lambda half: half[1] or "\\ufffd", text)
    for _ in range(MOST_PARTS):
        before = _BEFORE.match(text, at)
        at = at if before is None else before.end()
        if text[at : at + 1] not in {"{", "["}:
            return
        try:
            value, at = _LENIENT.raw_decode(text, at)
        except (ValueError, RecursionError):
            return
        yield value


def _merged(parts: list[Any]) -> Any:
    """One value of several: a stream says more with each, and seldom all of it again."""
    if len(parts) < 2:
        return parts[0] if parts else None
    merged: dict[str, Any] = {}
    for part in parts:
        if isinstance(part, dict):
            merged |= part
    return merged
