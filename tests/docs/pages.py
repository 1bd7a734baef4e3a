"""The project's Markdown as the tests read it: blocks with their marks, tables, links, code words.

A block is marked by a comment on the line before it: `<!-- serves -->` starts a server that the
document's other blocks speak to, `<!-- emulates -->` an emulator for that server,
`<!-- settings -->` is the server's settings file, `<!-- runs -->` is run, by bash or by Python,
`<!-- came -->` is what came of the block before it. Blocks without a mark are only read by people.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
DOCUMENTS = tuple(sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]))

_BLOCK = re.compile(
    r"(?:^<!-- (?P<mark>\w+) -->\n)?^```(?P<language>\w*)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_CODE = re.compile(r"`([^`\n]+)`")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


class Block(NamedTuple):
    """One fenced block; `shown` is what the document says came of it, if it says so."""

    line: int
    mark: str
    language: str
    text: str
    shown: Block | None = None


def blocks(document: Path) -> list[Block]:
    """All fenced blocks, each with the block marked `came` that follows it."""
    text = document.read_text("utf-8")
    found: list[Block] = []
    for match in _BLOCK.finditer(text):
        line = text.count("\n", 0, match.start()) + 1
        block = Block(line, match["mark"] or "", match["language"], match["text"])
        if block.mark == "came":
            found[-1] = found[-1]._replace(shown=block)
        else:
            found.append(block)
    return found


def prose(document: Path) -> str:
    """The text outside of blocks."""
    return _BLOCK.sub("", document.read_text("utf-8"))


def links(document: Path) -> Iterator[str]:
    return (match[1] for match in LINK.finditer(prose(document)))


def code_words(document: Path) -> set[str]:
    """Everything in backticks."""
    return {match[1] for match in _CODE.finditer(prose(document))}


def anchors(document: Path) -> set[str]:
    """What a link may name after `#`, made as GitHub makes it."""
    kept = (
        re.sub(r"[^\w\- ]", "", heading.lower()) for heading in _HEADING.findall(prose(document))
    )
    return {heading.strip().replace(" ", "-") for heading in kept}


def section(document: Path, heading: str) -> str:
    """The text under one heading, up to the next of any level."""
    text = document.read_text("utf-8")
    match = re.search(rf"^#+ {re.escape(heading)}\n(.*?)(?=^#|\Z)", text, re.MULTILINE | re.DOTALL)
    assert match is not None, f"{document.name} has no heading {heading!r}"
    return match[1]


def rows(text: str) -> list[list[str]]:
    """The cells of all table rows in `text`, without heads and rulers."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    rulers = {n for n, row in enumerate(cells) if all(re.fullmatch(":?-+:?", cell) for cell in row)}
    return [row for n, row in enumerate(cells) if not {n, n + 1} & rulers]
