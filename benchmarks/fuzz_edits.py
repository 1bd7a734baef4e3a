"""How what strangers send is made from what is well: a valid text, and what is done to it. Pure."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from typing import Literal, NamedTuple, get_args

MOST_BYTES = 32 * 1024
MOST_EDITS = 6

Kind = Literal[
    "flip",  # a byte is another one
    "cut",  # a piece is gone
    "end",  # all behind a place is gone
    "repeat",  # a piece again and again
    "splice",  # a piece of another text
    "token",  # a word of the format
    "number",  # a number is one at a limit
    "odd",  # something that some reader somewhere trips over
    "length",  # four or eight bytes are a length at a limit
    "value",  # a value of JSON is another one
]
KINDS: tuple[Kind, ...] = get_args(Kind)
_VALUES_ALONE: tuple[Kind, ...] = ("value",)
OF_JSON = KINDS + _VALUES_ALONE * 2 * len(KINDS)  # most of it stays JSON

NUMBERS = (
    *(b"0", b"-0", b"-1", b"1", b"2147483648", b"4294967296", b"9223372036854775808"),
    *(b"18446744073709551616", b"9" * 400, b"9" * 5000, b"1e400", b"-1e400", b"1e-400", b"0.1"),
    *(b"00000000001", b"0x10", b"1_0", b"\xd9\xa3", b"\xc2\xb2", b"NaN", b"Infinity", b"1" * 17),
)
ODD = (
    *(
        b"\0",
        b"\n",
        b"\r\n",
        b"\r",
        b"\t",
        b" ",
        b"\x7f",
        b"\xff",
        b"\x80",
        b"\xc3",
        b"\xed\xa0\x80",
    ),
    *("\ufeff".encode(), "\u202e".encode(), "\u0130".encode(), "ß".encode(), "\U0001f600".encode()),
    *("\u2028".encode(), "\u0301".encode() * 40, "٣".encode(), "\uff0e".encode(), "ａ".encode()),
    *(b"\\ud800", b"\\u0000", b"%00", b"%", b"%zz", b"%C3", b"%2e%2e%2f", b"../" * 8, b"\\"),
    *(b"null", b"true", b"{}", b"[]", b'""', b"{", b"[" * 2000, b'{"a":' * 2000, b"," * 50, b"'"),
    *(b"\xef\xbb\xbf", b"\xff\xfe", b"\0\0\xfe\xff", b"\x1f\x8b\x08\0", b"--", b"=" * 5, b";" * 9),
    *(b"$(id)", b"<script>", b"xn--a", b"xn--" + b"9" * 60, b"[::1]", b"0x7f.1", b"a" * 3000),
)
LENGTHS = tuple(
    value.to_bytes(size, order)
    for size in (4, 8)
    for order in ("big", "little")
    for value in (0, 1, 7, 8, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 2 ** (8 * size) - 1)
    if value < 2 ** (8 * size)
)
VALUES = (
    *(
        b"null",
        b"true",
        b"false",
        b"0",
        b"-1",
        b"1.5",
        b"1e400",
        b"[]",
        b"{}",
        b'""',
        b'"0"',
        b'" "',
    ),
    *(
        b"[null]",
        b"[[]]",
        b'[{"url":"x"}]',
        b'{"url":null}',
        b'{"code":0}',
        b'"\\ud800"',
        b'"\\u0000"',
    ),
    *(
        b'"{\\"a\\":1}"',
        b'"[1]"',
        b'"succeeded"',
        '"٣"'.encode(),
        b"9" * 30,
        b'"' + b"x" * 3000 + b'"',
    ),
    *(b'"https://example.com/a.mp4"', b'"data:,"', b'"1280x720"', b"[1,2]", b'{"a":{"b":[0]}}'),
)
_VALUE = re.compile(rb'"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*|\b(?:true|false|null)\b|\[\]|\{\}')
_NUMBER = re.compile(rb"-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")


class Edit(NamedTuple):
    """`at` and `to` are places, as parts of the text in 2**16; `pick` is of what is put there."""

    kind: Kind
    at: int
    to: int
    pick: int


def edited(
    data: bytes, edits: Sequence[Edit], *, others: Sequence[bytes], tokens: Sequence[bytes] = ()
) -> bytes:
    """The text after all edits; never more than `MOST_BYTES`, unless it was more before."""
    most = max(MOST_BYTES, len(data))
    for edit in edits:
        data = _edited(data, edit, others, tokens)[:most]
    return data


def random_edits(rng: random.Random, kinds: Sequence[Kind] = KINDS) -> list[Edit]:
    return [
        Edit(rng.choice(kinds), rng.randrange(2**16), rng.randrange(2**16), rng.randrange(2**16))
        for _ in range(min(rng.randint(1, MOST_EDITS), rng.randint(1, MOST_EDITS)))
    ]


def _edited(data: bytes, edit: Edit, others: Sequence[bytes], tokens: Sequence[bytes]) -> bytes:
    if edit.kind == "number":
        return _replaced(data, edit, _NUMBER, NUMBERS)
    if edit.kind == "value":
        return _replaced(data, edit, _VALUE, VALUES)
    at = edit.at * (len(data) + 1) >> 16
    # Most pieces are short; some reach to the end.
    reach = (len(data) - at) * edit.to >> 16 if edit.to & 3 == 0 else edit.to >> 2 & 31
    before, piece, behind = data[:at], data[at : at + reach], data[at + reach :]
    match edit.kind:
        case "flip":
            return before + bytes([edit.pick & 255]) + data[at + 1 :]
        case "cut":
            return before + behind
        case "end":
            return before
        case "repeat":
            return before + piece * (2 + edit.pick % 40) + behind
        case "splice":
            other = others[edit.pick % len(others)]
            start = edit.to * len(other) >> 16
            return before + other[start : start + 1 + (edit.pick >> 4) % 400] + behind
        case "token" | "odd":
            words = tokens if edit.kind == "token" and tokens else ODD
            return before + words[edit.pick % len(words)] + (data[at:] if edit.to & 1 else behind)
        case "length":
            length = LENGTHS[edit.pick % len(LENGTHS)]
            return before + length + data[at + len(length) :]


def _replaced(
    data: bytes, edit: Edit, pattern: re.Pattern[bytes], others: Sequence[bytes]
) -> bytes:
    places = list(pattern.finditer(data))
    other = others[edit.pick % len(others)]
    if not places:
        return data + other
    place = places[edit.at * len(places) >> 16]
    return data[: place.start()] + other + data[place.end() :]
