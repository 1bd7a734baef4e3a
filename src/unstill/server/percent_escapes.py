"""Percent-escapes of a form's large values, in C: the stdlib's reader makes an object of each."""

from __future__ import annotations

from binascii import a2b_qp
from collections.abc import Iterator
from urllib.parse import unquote_to_bytes

_PIECE_BYTES = 1024**2  # at a time, so that other threads get their turn in between
_LARGE_BYTES = 64 * 1024


class BrokenEscape(ValueError):
    """A large value has an escape that is none: it was not a program for forms that wrote it."""


def unescaped(text: bytes) -> bytes:
    """What a form's name or value means; in a small one an escape that is none stands for itself.

    Raises BrokenEscape.
    """
    text = text.replace(b"+", b" ")
    if b"%" not in text:
        return text
    try:
        return b"".join(_unescaped(piece) for piece in _pieces(text))
    except BrokenEscape:
        if len(text) > _LARGE_BYTES:
            raise
        return unquote_to_bytes(text)


def _unescaped(piece: bytes) -> bytes:
    # Quoted-printable is the same with another mark (RFC 2045, 6.7); what has a meaning there is
    # escaped first: the mark itself, and the ends of lines.
    lines = piece.replace(b"\n", b"%0A").replace(b"\r", b"%0D")
    meant = a2b_qp(lines.replace(b"=", b"=3D").replace(b"%", b"="))
    if len(lines) - len(meant) != 2 * lines.count(b"%"):  # each escape is two bytes shorter
        raise BrokenEscape
    return meant


def _pieces(text: bytes) -> Iterator[bytes]:
    """None of them ends within an escape."""
    start = 0
    while start < len(text):
        end = start + _PIECE_BYTES
        mark = text.find(b"%", end - 2, end)
        end = end if mark < 0 else mark
        yield text[start:end]
        start = end
