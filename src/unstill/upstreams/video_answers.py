"""What came where a finished video was asked for: many gateways answer in words, with a 200.

A site that has one page for all paths, JSON that names the link, JSON that says what is wrong.
"""

from __future__ import annotations

from pathlib import Path

from unstill.domain.redaction import plain
from unstill.upstreams.lenient_json import decoded
from unstill.upstreams.port import NotThere
from unstill.upstreams.replies import said
from unstill.upstreams.task_answers import link_in

MOST_TEXT_BYTES = 200  # that tell a text: every video has bytes among them that are none
MOST_WORDS_BYTES = 64 * 1024  # no answer in words has more; no video begins with a brace


def link_at(path: Path) -> str | None:
    """The link that a file names where a video should be; None if it may be a video.

    Raises NotThere if it is neither.
    """
    with path.open("rb") as file:
        head = file.read(MOST_WORDS_BYTES)
    match head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1]:
        case b"<":
            raise NotThere("the finished video's link gives a web page")
        case b"{" | b"[" | b'"':
            return _link_in(head)
        case b"" if not head.strip(b"\r\n\t "):
            raise NotThere("the finished video's link gives an empty file")
        case _ if head[:MOST_TEXT_BYTES].isascii() and _is_text(head[:MOST_TEXT_BYTES]):
            raise _no_video(head)
        case _:
            return None


def _link_in(words: bytes) -> str:
    fields = decoded(words)
    fields = fields if isinstance(fields, dict) else {"data": fields}
    link = link_in(fields)
    if link is None:
        raise _no_video(words, said(fields).message)
    return link


def _is_text(head: bytes) -> bool:
    return head.decode("ascii").replace("\n", "").replace("\r", "").replace("\t", "").isprintable()


def _no_video(words: bytes, why: str = "") -> NotThere:
    why = why or plain(words[:MOST_TEXT_BYTES].decode("utf-8", "replace"))
    return NotThere(f"the finished video's link gives words and no video: {why}")
