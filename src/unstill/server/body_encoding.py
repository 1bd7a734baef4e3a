"""The text of a body, in whatever encoding programs send it: UTF-8, or what it says or shows to be.

A byte order mark goes before what is declared. Where Latin-1 is, UTF-8 is tried first: many clients
declare it by habit. What is no UTF-8 and is not declared is refused with the place of its first bad
byte.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Sequence
from functools import lru_cache

from unstill.domain.errors import BadBody

_MARKS = (  # the longer ones first: UTF-32's begins with UTF-16's
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_BYTES_OF_MARKS = tuple(mark for mark, _ in _MARKS)
_WIDE = ("utf-16", "utf-32", "utf16", "utf32")
_UTF8 = ("utf-8", "utf8")
# Declared by clients whose text is UTF-8 nevertheless.
_BY_HABIT = (*_UTF8, "iso-8859-1", "latin-1", "latin1", "us-ascii", "ascii", "windows-1252")
# RFC 4627, section 3: where the zeros are among the first four bytes of JSON.
_ZEROS: dict[tuple[bool, ...], str] = {
    (False, True, True, True): "utf-32-le",
    (True, True, True, False): "utf-32-be",
    (False, True, False, True): "utf-16-le",
    (True, False, True, False): "utf-16-be",
}
_COUNTED_BYTES = 1024**2  # at a time
_CHARSET = re.compile(r"charset\s*=\s*[\"']?([\w.:+-]{1,40})", re.IGNORECASE)
# Python's codecs of texts that are declared in the wild; others, such as `zip`, are none of those.
_TEXTS = re.compile(
    r"(utf[-_]?(8|16|32)([-_]?[lb]e)?|(iso[-_]?)?8859[-_]?\d+|latin[-_]?\d|us[-_]ascii|ascii|gbk|gb2312"
    r"|gb18030|big5|euc[-_]?(kr|jp)|shift[-_]?jis|windows[-_]125\d|cp125\d|koi8[-_][ru])"
)


@lru_cache(64)
def charset_of(content_type: str) -> str:
    """The declared encoding, in small letters; empty if there is none."""
    match = _CHARSET.search(content_type)
    return "" if match is None else match[1].lower()


def is_recoded(data: bytes, charset: str) -> bool:
    """Whether the text is surely in another encoding, or has a mark before it."""
    is_declared = charset != "" and charset not in _BY_HABIT and is_text(charset)
    return is_declared or data.startswith(_BYTES_OF_MARKS)


def utf8_of(data: bytes, charset: str, what: str = "the request body") -> bytes:
    """The text as UTF-8, without a byte order mark; `what` is told in an error. Raises BadBody."""
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return _recoded(data[len(mark) :], encoding, what)
    if charset.startswith(_WIDE):
        return _recoded(data, _ZEROS.get(_zeros(data), charset), what)
    if is_text(charset) and charset not in _BY_HABIT:
        return _recoded(data, charset, what)
    try:
        data.decode()
    except UnicodeDecodeError as error:
        if is_text(charset) and charset not in _UTF8:
            return _recoded(data, charset, what)
        raise BadBody(not_utf8(what, error.start)) from None
    encoding = _ZEROS.get(_zeros(data), "")
    if encoding:
        name = encoding[: len("utf-16")].upper()
        raise BadBody(
            f"{what} is {name}, by its zeros: send UTF-8, or name {name.lower()} as charset in"
            " Content-Type"
        )
    return data


def is_text(charset: str) -> bool:
    """Whether it names an encoding of text that is read here."""
    return _TEXTS.fullmatch(charset) is not None


def not_utf8(what: str, byte: int) -> str:
    return (
        f"{what} is not UTF-8, at byte {byte} of it: send UTF-8, or name its encoding as charset in"
        " Content-Type"
    )


def check_count(data: bytes, marks: Sequence[bytes], most: int, what: str) -> None:
    """Raises BadBody, as soon as there are more than `most` of the marks."""
    if len(data) <= most:
        return
    count = 0
    for start in range(0, len(data), _COUNTED_BYTES):
        count += sum(data.count(mark, start, start + _COUNTED_BYTES) for mark in marks)
        if count > most:
            raise BadBody(f"the request body has too many {what}, at most {most}")


def _zeros(data: bytes) -> tuple[bool, ...]:
    return tuple(byte == 0 for byte in data[:4])


def _recoded(data: bytes, encoding: str, what: str) -> bytes:
    if encoding == "utf-8":
        return utf8_of(data, "", what)
    try:
        return data.decode(encoding).encode()
    except UnicodeDecodeError as error:
        raise BadBody(
            f"{what} is not {encoding.upper()} as it says, at byte {error.start} of it"
        ) from None
    except (UnicodeEncodeError, LookupError):
        raise BadBody(f"{what} cannot be read as {encoding.upper()}: send UTF-8") from None
