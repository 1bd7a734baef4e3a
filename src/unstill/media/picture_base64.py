"""A picture that came as text: the base64 of it, in every writing whose bytes are certain. Pure.

Clients wrap it in lines, leave out its padding, use the alphabet for addresses, put it into quotes
or behind one data URL too many; forms turn each `+` into a space. What can be read in one way only
is read; where two readings are possible, the picture is refused with the place, because a guess
that is wrong is a garbled video.
"""

from __future__ import annotations

import binascii
import re
from urllib.parse import unquote

import pybase64

from unstill.media.picture_formats import ENOUGH_BYTES, format_of

# `data:image/png;charset=utf-8;base64,`, also without its scheme or its type.
_DECLARED = re.compile(
    r"\s*(?:data:)?(?:[\w.+ -]{1,64}/[\w.+ -]{1,64})?(?:;[^;,]{0,128}){0,8}?;? {0,4}base64 {0,4},",
    re.IGNORECASE,
)
_MOST_DECLARED = 4  # one behind the other
_HEAD_CHARS = 2048  # within which all of them are
_QUOTES = frozenset({'"', "'", "`"})
_TO_PLAIN = bytes.maketrans(b"-_", b"+/")
# As a part of an address, and as a text that was made into JSON twice. Each replaced by itself:
# a general decoder would make an object of each.
_ESCAPES = (
    *(("%2B", "+"), ("%2b", "+"), ("%2F", "/"), ("%2f", "/"), ("%3D", "="), ("%3d", "=")),
    *(("%0D", ""), ("%0d", ""), ("%0A", "\n"), ("%0a", "\n"), ("%20", " ")),
    *(("\\/", "/"), ("\\r", ""), ("\\n", "\n")),
)
_PLAIN = re.compile(rb"[A-Za-z0-9+/]*")
_NEVER = re.compile(rb"[^A-Za-z0-9+/=]")
# One character of 64 is a plus: where a quarter of so many spaces is missing, they may be something
# else. A text in so many lines of one length is wrapped, by no chance.
_RAREST_PLUS = 256
_FEWEST_LINES = 8
_SHORTEST_LINE, _LONGEST_LINE = 4, 256  # what wraps base64 has 60 to 76 characters in a line
_LACKS_ONE = 3  # such a group lacks one of 4 characters
_INDENTED = b"    "  # more pluses in a row than any picture here is likely to have
_LOST_PLUS = (
    "spaces inside its base64 that may have been `+`: in a form send `+` as %2B, or the picture as"
    " a file"
)


class NotAPicture(ValueError):
    """Text that is no picture's; says what was found where."""


def bare(text: str) -> str:
    """The text without what is around it: spaces, a mark of byte order, quotes, Python's b''."""
    text = text.strip().lstrip("\ufeff").strip()
    last = text[-1:]
    if last in _QUOTES:
        opening = "b" + last if text.startswith("b") else last
        if text.startswith(opening) and len(text) > len(opening):
            return text[len(opening) : -1].strip()
    return text[1:-1].strip() if last == ">" and text.startswith("<") else text


def is_text_of_a_picture(file: bytes) -> bool:
    """Whether an uploaded file holds an address or a picture as text, and not its bytes.

    LiteLLM sends a URL given as text so. (1.106.2)
    """
    head = file[: ENOUGH_BYTES * 4].decode("ascii", "replace")
    is_address = head[:8].lower().startswith(("http://", "https://", "data:"))
    return (is_address or begins_as_a_picture(bare(head))) and file.isascii()


def packed(text: str) -> bytes:
    """The base64 alone, in its plain alphabet and without spaces; raises NotAPicture."""
    ends_in_space = text.endswith(" ") and not text[-2:].isspace()
    text = without_declared(bare(text))
    if ends_in_space:
        text += " "  # its last plus, perhaps
    if text[:8].lower().startswith(("http://", "https://")):
        raise NotAPicture("a data URL that holds an address: send the address alone")
    if "%" in text or "\\" in text:
        for escape, mark in _ESCAPES:
            text = text.replace(escape, mark)
    try:
        data = text.encode("ascii").translate(None, delete=b"\t\v\f\r")
    except UnicodeEncodeError as error:
        raise NotAPicture(_strange(text[error.start], error.start)) from None
    return _without_spaces(_in_plain_alphabet(data))


def decoded(packed: bytes) -> bytes:
    """The bytes; raises NotAPicture."""
    if _is_whole(packed):
        try:
            return pybase64.b64decode(packed + b"=" * (-len(packed) % 4), validate=True)
        except ValueError:
            pass
    wrong = _NEVER.search(packed)
    if wrong is not None:
        raise NotAPicture(_strange(wrong[0].decode(), wrong.start()))
    chars = len(packed.rstrip(b"="))
    inner = packed.find(b"=", 0, chars)
    if inner >= 0:
        raise NotAPicture(f"a `=` at character {inner} of its base64: two texts in one")
    if chars % 4 == 1:
        raise NotAPicture(f"base64 of {chars} characters, which is one too many or too few")
    raise NotAPicture(f"base64 of {chars} characters that ends in {len(packed) - chars} `=`")


def begins_as_a_picture(text: str) -> bool:
    """Whether it is declared as base64 or what can be read of its beginning is a picture's."""
    bare_text = without_declared(text)
    if len(bare_text) < len(text):
        return True
    start = bare_text[: ENOUGH_BYTES * 2].encode("ascii", "replace")
    return _begins_as_one(start.translate(_TO_PLAIN, delete=b"\r\n\t"))


def without_declared(text: str) -> str:
    """Without what declares it as base64, however often."""
    if text[:8].lower().startswith("data%3a"):
        end = text[:_HEAD_CHARS].lower().find("%2c") + len("%2c")
        text = unquote(text[:end]) + text[end:]
    # Asked first: the pattern tries every word of a prompt, a tenth of a submit. (2026-11-28)
    if "base64" not in text[:_HEAD_CHARS].lower():
        return text
    start = 0
    for _ in range(_MOST_DECLARED):
        match = _DECLARED.match(text, start, start + _HEAD_CHARS)
        if match is None:
            break
        start = match.end()
    return text[start:].strip() if start else text


def _begins_as_one(*readings: bytes) -> bool:
    """Whether any of the readings begins as a picture's base64, a space in it being a plus."""
    starts = [each[: ENOUGH_BYTES * 2].replace(b" ", b"+") for each in readings]
    return any(format_of(_start_of(_PLAIN.match(each)[0])) for each in starts)  # type: ignore[index]


def _start_of(packed: bytes) -> bytes:
    """How the picture begins; only a text in the plain alphabet is read.

    Unlike the decoder of whole pictures, this one keeps the interpreter: for so few bytes giving it
    away costs a submit more than all else of its reading. (2026-11-28)
    """
    return binascii.a2b_base64(packed[: len(packed) // 4 * 4])


def _strange(mark: str, place: int) -> str:
    return f"{mark!r} at character {place} of its base64, which has no such"


def _in_plain_alphabet(data: bytes) -> bytes:
    """With + and / for the - and _ of the alphabet for addresses; raises NotAPicture for both."""
    if b"-" not in data and b"_" not in data:
        return data
    if b"+" in data or b"/" in data:
        raise NotAPicture("base64 with characters of both its alphabets, + or / and - or _")
    # A space cannot have been a plus: that alphabet has none.
    return data.translate(_TO_PLAIN, delete=b" \n")


def _without_spaces(data: bytes) -> bytes:
    """Without breaks and spaces, each space that was a `+` as one; raises NotAPicture.

    A form's decoder makes a space of every `+`: where one is left, no space was any.
    """
    plain = data.translate(None, delete=b" \n")
    if b"+" in data or len(plain) == len(data) or not _begins_as_one(data, plain):
        return plain
    with_pluses = len(data) - data.count(b"\n")
    if data.endswith(b" ") and with_pluses % 4 and len(plain) % 4 != _LACKS_ONE:
        data = data[:-1]  # neither reading is whole with it as a plus
    lines = _lines(data.replace(b"\n", b" "), b" ")
    if lines >= _FEWEST_LINES or b" " not in data:
        return plain
    if lines or _INDENTED in data or (b"\n" in data and not _lines(data, b"\n")):
        raise NotAPicture(_LOST_PLUS)
    joined = data.translate(None, delete=b"\n")
    if _may_be_wrapped_too(joined):
        raise NotAPicture(_LOST_PLUS)
    # The last of an unpadded text may have been lost from its end.
    is_plus = len(joined) % 4 == 0 and _is_whole(joined)
    is_layout = _is_whole(plain)
    is_often = joined.count(b" ") * _RAREST_PLUS >= len(joined)
    if not is_plus or (is_layout and not is_often):
        raise NotAPicture(_LOST_PLUS)
    return joined.replace(b" ", b"+")


def _lines(data: bytes, mark: bytes) -> int:
    """How many lines of one length it has, a multiple of 4 characters; 0 where they differ."""
    width = data.find(mark)
    if width <= 0 or width % 4:
        return 0
    count = data.count(mark)
    # Compared at once: a list of the lines of a large text is many times as large as it.
    marks = data[width :: width + 1]
    return count + 1 if len(marks) == count and marks == mark * count else 0


def _may_be_wrapped_too(data: bytes) -> bool:
    """Whether some of its spaces may be breaks of lines and the others pluses."""
    if len(data) <= 2 * _LONGEST_LINE:
        return True  # a break or two are at no place that tells them apart
    for width in range(_SHORTEST_LINE, _LONGEST_LINE):
        marks = data[width :: width + 1]
        if marks.startswith(b"  ") and marks == b" " * len(marks):
            return True
    return False


def _is_whole(packed: bytes) -> bool:
    """Whether its length and its padding are those of base64."""
    chars = len(packed.rstrip(b"="))
    return chars % 4 != 1 and len(packed) - chars in (0, -chars % 4)
