"""Texts as PostgreSQL takes them: it has no NUL, neither in a text nor, escaped, in JSON.

Callers may send one in a prompt, and upstreams in what they say. It stands as U+FFFD in the row,
which is what readers show in its place anyway.
"""

from __future__ import annotations

import re

from unstill.store.seals import seal_of

NUL, ESCAPED_NUL = "\0", "\\u0000"
# Behind an even number of backslashes; behind an odd one it is a backslash and the letters.
_ESCAPE = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")


def storable(bounds: tuple[object, ...]) -> tuple[object, ...]:
    """The parameters of a statement, lists of texts among them."""
    return tuple(map(_storable, bounds))


def sealed(values: tuple[object, ...]) -> str:
    """The seal of a row that is written with these values, as they then stand there."""
    return seal_of(storable(values))


def _storable(bound: object) -> object:
    if isinstance(bound, str):
        return storable_text(bound)
    if isinstance(bound, list):
        return [_storable(each) for each in bound]
    return bound


def storable_text(text: str) -> str:
    if ESCAPED_NUL in text:
        text = _ESCAPE.sub(r"\1\\ufffd", text)
    return text.replace(NUL, "�") if NUL in text else text
