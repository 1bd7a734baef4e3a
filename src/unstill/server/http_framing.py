"""Where in what was read the request ends, so that its parser is never fed the one behind it.

The parser decides what a request is; this only says how much of the bytes to give it at once. It
counts as it goes, before the parser makes objects of anything: a head of thousands of headers and
a body of chunks of a byte each cost a stranger nothing to send.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

MOST_HEADERS = 100  # Apache httpd, LimitRequestFields
MOST_HEAD_BYTES = 64 * 1024  # the request line and all headers may have it, finished or not
# A form that is written field by field comes in chunks of a few bytes, some dozens of them. Who
# copies a file into a body copies pieces of kilobytes; line by line, some hundred bytes at a time.
FREE_CHUNKS = 256
MEAN_CHUNK_BYTES = 128  # all behind those have so many at least
MOST_CHUNK_LINE_BYTES = 256  # a size, and extensions that nobody reads (RFC 9112, 7.1.1)

END = b"\r\n\r\n"
_LINE = b"\r\n"
# A line of its own: where there is another one, the parser refuses the head (RFC 9112, 6.3).
_LENGTH = re.compile(rb"\r\ncontent-length: ?(\d{1,9})\r\n", re.IGNORECASE)


def is_one_request(data: bytes) -> bool:
    """Whether it is surely one whole request and nothing behind it, with a head within limits."""
    end = data.find(END, 0, MOST_HEAD_BYTES) + len(END)
    if end < len(END) or data.count(b"\n", 0, end) > MOST_HEADERS + 2:
        return False
    if end == len(data):
        return True
    length = _LENGTH.search(data, 0, end)
    return length is not None and end + int(length[1]) == len(data)


class HeadTooLarge(Exception):
    """More headers, or more bytes of them, than a request may have."""


class ChunksTooSmall(Exception):
    """A body cut so small that its frames are the load."""


class Framing:
    """One request that did not come in one piece: how far it reaches into each read."""

    __slots__ = ("_chunks", "_head_bytes", "_head_lines", "_left_bytes", "_seam")

    def __init__(self) -> None:
        self._head_bytes = 0
        self._head_lines = 0
        self._seam = b""  # the last bytes of the head so far: its end may lie in two reads
        self._left_bytes = 0  # a body whose length is known lacks so many
        self._chunks: Chunks | None = None

    def begin_body(self, headers: Iterable[tuple[bytes, bytes]]) -> None:
        """The head was whole, and the request is not: by its headers, names in lower case."""
        for name, value in headers:
            if name == b"transfer-encoding":
                self._chunks = Chunks()
            elif name == b"content-length" and value.strip().isdigit():
                self._left_bytes = int(value)

    def end_of_piece(self, data: bytes, start: int) -> int:
        """How far to feed what lies from `start` on; at the least a byte.

        Raises HeadTooLarge, ChunksTooSmall.
        """
        if self._chunks is not None:
            end = self._chunks.end_of_piece(data, start)
            if self._chunks.is_over:  # trailers are a head of their own
                self._chunks, self._seam = None, _LINE
            return end
        if self._left_bytes:
            end = min(len(data), start + self._left_bytes)
            self._left_bytes -= end - start
            return end
        return self._end_of_head(data, start)

    def _end_of_head(self, data: bytes, start: int) -> int:
        end = self._found_end(data, start)
        if end is None:
            end = len(data)
            self._seam = (self._seam + data[max(start, end - 3) : end])[-3:]
        else:
            self._seam = b""
        self._head_bytes += end - start
        self._head_lines += data.count(b"\n", start, end)
        # Beside the headers: the request's line, and the empty one.
        if self._head_bytes > MOST_HEAD_BYTES or self._head_lines > MOST_HEADERS + 2:
            raise HeadTooLarge
        return end

    def _found_end(self, data: bytes, start: int) -> int | None:
        seam = self._seam
        if seam and (across := (seam + data[start : start + 3]).find(END)) >= 0:
            return start + across + len(END) - len(seam)
        found = data.find(END, start, start + MOST_HEAD_BYTES)
        return None if found < 0 else found + len(END)


class Chunks:
    """A chunked body, up to the line of its last chunk."""

    __slots__ = ("_body_bytes", "_count", "_left_bytes", "_line", "is_over")

    def __init__(self) -> None:
        self.is_over = False
        self._count = 0
        self._body_bytes = 0
        self._left_bytes = 0  # this chunk and the line end behind it lack so many
        self._line = b""  # a chunk's size is on it, as far as it was read

    def end_of_piece(self, data: bytes, start: int) -> int:
        """How far this read is the body; raises ChunksTooSmall."""
        at, size = start, len(data)
        while at < size:
            if self._left_bytes:
                step = min(self._left_bytes, size - at)
                self._left_bytes -= step
                at += step
                continue
            line_end = data.find(_LINE, at, at + MOST_CHUNK_LINE_BYTES)
            if self._line or line_end < 0:
                at = self._end_of_line(data, at)
            else:
                self._begin(data[at:line_end])
                at = line_end + 2
            if self.is_over:
                break
        return at

    def _end_of_line(self, data: bytes, at: int) -> int:
        """Where a line ends that lies in more than one read."""
        line = self._line + data[at : at + MOST_CHUNK_LINE_BYTES]
        end = line.find(_LINE)
        if end >= 0:
            before, self._line = len(self._line), b""
            self._begin(line[:end])
            return at + end + 2 - before
        if len(line) >= MOST_CHUNK_LINE_BYTES:
            raise ChunksTooSmall
        self._line = line
        return len(data)

    def _begin(self, line: bytes) -> None:
        digits = line.partition(b";")[0]
        try:
            size = int(digits, 16)
        except ValueError:
            size = -1
        if size < 0:  # no chunk: the parser will say so
            self._left_bytes = 1
            return
        self.is_over = size == 0
        self._left_bytes = size + 2
        self._count += 1
        self._body_bytes += size
        paid = self._count - FREE_CHUNKS
        if paid > 0 and not self.is_over and self._body_bytes < paid * MEAN_CHUNK_BYTES:
            raise ChunksTooSmall
