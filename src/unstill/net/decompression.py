"""Bodies that a server sends packed although nobody asked for it, unpacked within a limit. Pure.

Storage services keep some files gzipped and send them so to everybody. `gzip` and `deflate` are
read; others (`br`, `zstd`) are named and refused. What is unpacked is counted piece by piece, so
that a bomb ends at the limit and is never in memory.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from unstill.domain.errors import FetchFailed

PIECE_BYTES = 256 * 1024  # at once in memory, however well it was packed
GZIP_MAGIC = b"\x1f\x8b"  # RFC 1952, 2.3.1

_NONE = frozenset({"", "identity", "none"})
_GZIP = frozenset({"gzip", "x-gzip"})  # RFC 9110, 8.4.1.3
# Written into the header by some servers although they are none: UTF-8 text, S3's upload form.
_MEANINGLESS = frozenset({"utf-8", "utf8", "binary", "aws-chunked", "8bit", "7bit"})


class PackedOddly(FetchFailed):
    """A packing that is not read here; no further try changes it."""


class Unpacker:
    """One packed body, chunk by chunk; raises FetchFailed where it cannot be unpacked."""

    def __init__(self, coding: str) -> None:
        self._coding = coding
        self._head = b""  # two bytes of what comes next say what it really is
        self._inner: zlib._Decompress | None = None
        self._is_plain = False
        self._is_over = False  # a whole body has come: another may follow, or padding

    def pieces(self, chunk: bytes) -> Iterator[bytes]:
        """What `chunk` unpacks to, little at a time."""
        is_full = False  # zlib may keep more of what it was given
        while chunk or (is_full and self._inner is not None):
            if self._is_plain:
                yield chunk
                return
            if self._inner is None:
                chunk = self._begin(chunk)
            else:
                piece, chunk = self._step(self._inner, chunk)
                is_full = len(piece) == PIECE_BYTES
                if piece:
                    yield piece

    def end(self) -> None:
        """Nothing more will come."""
        if self._inner is not None:
            raise FetchFailed(f"answered with {self._coding} that is cut short")
        if self._head and not (self._is_over or self._is_plain):
            raise self._broken()

    def _begin(self, chunk: bytes) -> bytes:
        head = self._head + chunk
        if len(head) < 2:
            self._head = head
            return b""
        self._head = b""
        if self._coding == "deflate":
            if self._is_over:
                return b""
            # RFC 9110 means zlib's format; some servers send the bare stream.
            has_header = head[0] & 0x0F == 8 and (head[0] << 8 | head[1]) % 31 == 0
            self._inner = zlib.decompressobj(15 if has_header else -15)
        elif head.startswith(GZIP_MAGIC):
            self._inner = zlib.decompressobj(31)
        elif self._is_over:
            return b""
        else:
            self._is_plain = True  # only the header says so: a common slip of storages
        return head

    def _step(self, inner: zlib._Decompress, chunk: bytes) -> tuple[bytes, bytes]:
        """A piece, and what is left to be unpacked."""
        try:
            piece = inner.decompress(chunk, PIECE_BYTES)
        except zlib.error as error:
            raise self._broken() from error
        if not inner.eof:
            return piece, inner.unconsumed_tail
        self._inner, self._is_over = None, True
        return piece, inner.unused_data

    def _broken(self) -> FetchFailed:
        return FetchFailed(f"answered with {self._coding} that cannot be unpacked")


def unpacker(content_encoding: str) -> Unpacker | None:
    """How a body with this header is unpacked; None if it is not packed. Raises PackedOddly."""
    codings = [coding.strip().lower() for coding in content_encoding.split(",")]
    codings = [coding for coding in codings if coding not in _NONE | _MEANINGLESS]
    if not codings:
        return None
    if len(codings) > 1:
        raise PackedOddly("answered compressed more than once, which was not asked for")
    coding = codings[0]
    if coding in _GZIP:
        return Unpacker("gzip")
    if coding == "deflate":
        return Unpacker("deflate")
    name = coding if coding.isascii() and coding.isalnum() and len(coding) <= 16 else "something"
    raise PackedOddly(f"answered compressed with {name}, which was not asked for: send it plain")
