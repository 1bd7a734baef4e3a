"""Words of others (upstreams, hosts of pictures, receivers), fit to be shown and logged. Pure.

Callers see them, terminals print them: no control characters and no invisible ones, no addresses,
paths and keys, and never much of it.
"""

from __future__ import annotations

import re
import unicodedata

MOST_QUOTED_CHARS = 300

# ECMA-48: control sequences and strings, of which nothing is text.
_SEQUENCE = re.compile(r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?")
_ADDRESS = re.compile(
    r"[a-z][a-z0-9+.-]*://[^\s\"'<>()\[\]{},，。]+"
    r"|\b(?:\d{1,3}\.){3}\d{1,3}(?::\d+)?"
    r"|\blocalhost(?::\d+)?"
    r"|\b(?:[a-z0-9-]+\.)+(?:com|cn|net|org|ai|io|dev|cloud|app)\b(?::\d+)?",
    re.IGNORECASE,
)
_PATH = re.compile(r"(?<![\w.])/(?:[\w.-]+/)+(?=[\w.-])")
_KEY = re.compile(r"\b(?:sk-[\w*-]{4,}|key_id=\S+)")

_UNSEEN = frozenset({"Cf", "Cs", "Co", "Cn"})  # bidi marks, zero widths, lone surrogates, nothing
_BREAKS = frozenset({"Cc", "Zl", "Zp"})  # line feeds and all that moves a cursor


def plain(text: str) -> str:
    """`text` in one line of visible characters, without addresses, paths and keys, and cut."""
    # Cleaned first: a key with an invisible character inside is still a key.
    text = visible(text[: 4 * MOST_QUOTED_CHARS])
    text = _ADDRESS.sub("[address]", text)
    text = _KEY.sub("[key]", _PATH.sub("", text))
    return text if len(text) <= MOST_QUOTED_CHARS else text[:MOST_QUOTED_CHARS] + "…"


def visible(text: str) -> str:
    """`text` in one line, without what nobody sees."""
    if text.isascii() and text.isprintable():
        return text.strip()
    text = _SEQUENCE.sub(" ", text)
    return " ".join("".join(map(_seen, text)).split())


def _seen(character: str) -> str:
    category = unicodedata.category(character)
    if category in _BREAKS:
        return " "
    return "" if category in _UNSEEN else character
