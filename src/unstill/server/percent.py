"""Percent-escapes of a form's large values, in C: the stdlib's reader makes an object of each."""

from __future__ import annotations

import re
from binascii import a2b_qp
from collections.abc import Iterator
from urllib.parse import unquote_to_bytes

_PIECE_BYTES = 1024**2  # at a time, so that other threads get their turn in between
_BROKEN = re.compile(rb"%(?![0-9A-Fa-f]{2})")


def unescaped(text: bytes) -> bytes:
    """What a form's name or value means; an escape that is none stands for itself."""
    text = text.replace(b"+", b" ")
    if b"%" not in text:
        return text
    if _BROKEN.search(text) is not None:
        return unquote_to_bytes(text)
    return b"".join(_unescaped(piece) for piece in _pieces(text))


def _unescaped(piece: bytes) -> bytes:
    # Quoted-printable is the same with another mark (RFC 2045, 6.7). Its mark is escaped first, so
    # that each is followed by two digits and none by a line's end.
    return a2b_qp(piece.replace(b"=", b"=3D").replace(b"%", b"="))


def _pieces(text: bytes) -> Iterator[bytes]:
    """None of them ends within an escape."""
    start = 0
    while start < len(text):
        end = start + _PIECE_BYTES
        mark = text.find(b"%", end - 2, end)
        end = end if mark < 0 else mark
        yield text[start:end]
        start = end
