"""A body of JSON and, where it is none, what it looks like instead."""

from __future__ import annotations

import re

import msgspec

from unstill.domain.errors import BadBody
from unstill.server.body_encoding import check_count, is_recoded, utf8_of

# Each is an object in memory: a small body of many would be a large one once it is read. Requests
# have dozens; commas in a prompt count too.
MOST_JSON_VALUES = 100_000

TOO_DEEP = "the request body is nested too deeply"
_LOOKED_AT_BYTES = 256  # so much of the beginning is looked at
_PLACE = re.compile(r"\(byte (\d+)\)")
_PAIRS = re.compile(rb"[\w.%+-]+(\[[\w.%+-]*\])*=")
# How many bytes before a fault and after it are looked at, for what, and what that is.
_FAULTS: tuple[tuple[int, int, re.Pattern[bytes], str], ...] = (
    (
        *(2, 2, re.compile(rb"'")),
        "JSON has double quotes, as json.dumps writes them, where this has single ones",
    ),
    (
        *(10, 12, re.compile(rb"\b(NaN|nan|Infinity|inf|True|False|None|undefined)\b")),
        "{} is no JSON: it has true, false, null and finite numbers",
    ),
    (*(8, 1, re.compile(rb",\s*[}\]]")), "there is a comma before the end of an object or a list"),
    (*(2, 2, re.compile(rb"//|/\*|^#")), "JSON has no comments"),
    (
        *(1, 3, re.compile(rb"\xe2\x80[\x98\x99\x9c\x9d]")),
        "JSON has plain double quotes, where this has curly ones",
    ),
    (
        *(0, 1, re.compile(rb"[\r\n\t]")),
        "a line break or a tab inside a text is written \\n or \\t",
    ),
    (*(3, 1, re.compile(rb"\\")), "a backslash inside a text is written twice"),
)


_GZIP = b"\x1f\x8b"  # RFC 1952, 2.3.1


def from_json(data: bytes, charset: str = "") -> object:
    """`charset`: as it was declared, if it was. Raises BadBody."""
    if not data.startswith(b"{") and _looks_like_a_form(data[:_LOOKED_AT_BYTES].lstrip()):
        raise BadBody(
            "this looks like a form, and Content-Type says JSON: let your HTTP library set the"
            " content type"
        )
    if data.startswith(_GZIP):
        raise BadBody("the request body is packed as gzip: send it as it is")
    check_count(data, (b",", b"[", b"{"), MOST_JSON_VALUES, "values")
    if is_recoded(data, charset):
        return _decoded(utf8_of(data, charset))
    try:
        return msgspec.json.decode(data)
    except RecursionError:
        raise BadBody(TOO_DEEP) from None
    except ValueError:
        # Only now: a check of each body would be a copy of each.
        return _decoded(utf8_of(data, charset))


def _looks_like_a_form(start: bytes) -> bool:
    return start.startswith(b"--") or _PAIRS.match(start) is not None


def _decoded(text: bytes) -> object:
    try:
        return msgspec.json.decode(text)
    except RecursionError:
        raise BadBody(TOO_DEEP) from None
    except ValueError as error:
        raise BadBody(f"the request body is not JSON: {error}{_hint(text, str(error))}") from None


def _hint(text: bytes, fault: str) -> str:
    """What is at the place of a fault, where it is one of those that programs make."""
    if not text.strip():
        return "; it is empty"
    place = _PLACE.search(fault)
    if place is None:
        return ""
    at = int(place[1])
    for before, after, pattern, told in _FAULTS:
        match = pattern.search(text[max(0, at - before) : at + after])
        if match is not None:
            return "; " + told.format(match[0].decode("utf-8", "replace"))
    return ""
