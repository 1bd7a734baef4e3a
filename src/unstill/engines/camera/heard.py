"""The words of a prompt that have no effect on this engine, for whoever asked."""

from __future__ import annotations

import re
from typing import Final

from unstill.engines.camera.clauses import cameras_in
from unstill.engines.camera.mentions import (
    MASK,
    Mention,
    ReadClause,
    denials_in,
    masked,
    reach,
    spans_of,
)
from unstill.engines.camera.move_words import words

MOST_PIECES, MOST_CHARACTERS = 12, 60

LITTLE: Final = (
    r"(?:the|an?|and|or|but|so|while|as|is|are|be|was|with|of|in|on|at|to|from|by|for|into|onto|it|its|his|her"
    r"|their|this|that|then|there|please|also|just|very|some|any|no|not|up|down|out|over|through|video|make"
    r"|let|first|start|starts|begin|begins|shot|effect|style|has|have)"
)
ENDS: Final = re.compile(
    rf"^(?:[\W_]|\b{LITTLE}\b)+|(?:[\W_]|\b{LITTLE}\b)+$|^[的地着了并请让把将和与同先再在被过]+|[的地和与并]+$",
    re.IGNORECASE,
)
# beside a move: of how it is made, there is one way here
MANNER: Final = words(
    r"\b(?:smooth(?:ly)?|stead(?:y|ily)|cinematic(?:ally)?|continuous(?:ly)?|simple|nice|extreme|single|moves?|moving"
    r"|motion|movements?|starts?|begins?|wide|continues?|should|will|must|keeps?|stays?|perfectly|completely)\b",
    r"平稳|平滑|匀速|流畅|稳定|顺滑|开始|继续|保持|首先|电影感?运镜|运动|移动",
)

# what is left of a clause that was heard else: no wish of its own
SCRAP: Final = words(r"[a-z'-]+", r"[\u4e00-\u9fff]{1,2}", r"if|i want|can you|would you")
# what the camera shows by its move
PURPOSE: Final = words(r"(?:reveal|show)(?:s|ing)?\b", r"展示|展现|露出|俯瞰|揭示|呈现出?")
LABEL: Final = words(
    r"(?:camera|subject|style|scene|shot|action|setting|lighting|mood)(?:\s+(?:movement|motion|angle))?",
    r"(?:镜头|运镜|组合运镜|主体|场景|风格|画面)(?:语言|运动)?",
)


def not_heard(
    prompt: str,
    read: list[ReadClause],
    heard: list[Mention],
    other: list[tuple[int, int]],
) -> tuple[str, ...]:
    """The pieces of the prompt, in its order, that changed nothing.

    heard: the mentions that changed something. other: places of further words that did.
    """
    pieces: list[str] = []
    is_filmed = False  # whether something of the clause before was heard
    for one in read:
        start, text = one.clause.start, one.clause.text
        own = [m for m in one.mentions if m in heard]
        spans = [(m.start, reach(prompt, m)) for m in own]
        spans += [span for span in other if span[0] < start + len(text) and span[1] > start]
        for a, b, index in one.degrees:
            if not one.mentions or one.mentions[index] in own:
                spans.append((a, b))
        if own:
            spans += spans_of(cameras_in(text), start)
            spans += spans_of(list(MANNER.finditer(text)), start)
            if any(m.is_denied for m in own):
                spans += denials_in(one.clause)
        left = masked(text, [(max(a - start, 0), min(b - start, len(text))) for a, b in spans])
        is_filmed = is_filmed or bool(own)
        pieces += [
            piece
            for part in left.split(MASK)
            if (piece := trimmed(part))
            and not (own and SCRAP.fullmatch(piece))
            and not (is_filmed and PURPOSE.match(piece))
            and not LABEL.fullmatch(piece)
        ]
        is_filmed = bool(own)
    short = [p if len(p) <= MOST_CHARACTERS else p[: MOST_CHARACTERS - 1] + "…" for p in pieces]
    return tuple(short[:MOST_PIECES])


def trimmed(piece: str) -> str:
    """A piece without the small words at its ends."""
    while (shorter := ENDS.sub("", piece)) != piece:
        piece = shorter
    return " ".join(piece.split())
