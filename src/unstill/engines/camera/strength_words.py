"""The words that say how far a move goes, and how much there is of an effect: five steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from unstill.engines.camera.move_words import words

BARELY, SLOW, PLAIN_STRENGTH, FAST, UTMOST = 0.35, 0.6, 1.0, 1.6, 2.2

VERY = r"(?:very|extremely|super|ultra|really|incredibly|exceptionally|insanely|ever\s+so|so)[\s-]+"
SLOWLY = r"(?:slow|gentle|gent|slight|subtle|subt|soft|gradual|mild|delicate|calm)(?:ly)?"
QUICKLY = r"(?:fast|quick|rapid|sudden|swift|dramatic|strong|abrupt|sharp|brisk|speedi|hard)(?:ly)?"
CN_VERY = r"(?:非常|极其|十分|特别|极为|超级|异常|极度|很|极|超)(?:地|的)?"
CN_SLOW = r"(?:缓慢|轻微|轻柔|微小|柔和|微弱|缓|慢)"
CN_FAST = r"(?:快速|迅速|剧烈|猛烈|急促|快)"

# in the order in which they are tried
MOVE_STEPS: Final = (
    (
        BARELY,
        words(
            rf"\b{VERY}{SLOWLY}\b|\b(?:barely|hardly|imperceptibl[ey]|minimal(?:ly)?|minutely)\b"
            r"(?:\s+(?:perceptible|noticeable|visible|moving))?",
            rf"{CN_VERY}{CN_SLOW}|微不可察|难以察觉|几乎(?:看不出|察觉不到)",
        ),
    ),
    (
        UTMOST,
        words(
            rf"\b{VERY}{QUICKLY}\b|\blightning[\s-](?:fast|quick)\b|\b(?:crash|snap)(?=[\s-]zoom)",
            r"\bat\s+(?:full|top|breakneck|lightning|high)\s+speed\b|\bhyper[\s-]?speed\b",
            rf"{CN_VERY}{CN_FAST}|极速|飞速|瞬间|闪电般|高速(?!公路|路|列车|铁路)",
        ),
    ),
    (
        SLOW,
        words(
            rf"\b{SLOWLY}\b(?![\s-]*mo(?:tion)?\b)|\ba\s+(?:little|bit)\b|\bleisurely\b",
            r"缓缓|缓慢|慢慢|慢速|徐徐|轻微|轻轻|轻柔|微微|略微|稍微|稍稍|柔和|平缓|小幅度?|渐渐|逐渐|慢(?=推|拉|摇|移)|^\W*慢\W*$",
        ),
    ),
    (
        FAST,
        words(
            rf"\b{QUICKLY}\b|\bwhip\b",
            r"快速|迅速|飞快|急速|急剧|猛然|猛地|剧烈|大幅度?|急(?=推|拉|摇)|快(?=推|拉|摇|移)|甩(?=镜)|^\W*快\W*$",
        ),
    ),
)
AMOUNT_STEPS: Final = (
    (
        BARELY,
        words(r"\b(?:a\s+)?few\b|\bsparse(?:ly)?\b|\boccasional\b|几[片朵滴]|零星|稀疏|少许|些许"),
    ),
    (
        UTMOST,
        words(
            rf"\b{VERY}(?:heav(?:y|ily)|hard|thick)\b|\btorrential\b|\bdownpour\b|\bblizzard\b",
            r"暴风?[雪雨]|倾盆|瓢泼|狂风暴雨",
        ),
    ),
    (
        SLOW,
        words(
            r"\blight(?:ly)?(?=\s+(?:snow|rain|breeze|wind|dust|shower|flurr|drizzle))",
            r"\b(?:lightly|drizzl\w+|flurr(?:y|ies))\b|小[雪雨]|(?:毛毛)?细雨|毛毛雨|微[风雨]|小(?=的[雪雨])",
        ),
    ),
    (
        FAST,
        words(
            r"\bheav(?:y|ily)\b|\b(?:lots|plenty)\s+of\b|\bmany\b|\bthick(?:ly)?\b|\bpouring\b",
            r"\b(?:snow|rain)storm\b|\bstrong(?:ly)?\b|\brac(?:e|es|ing)\b|\bhard\b",
            r"大[雪雨](?!山)|鹅毛|漫天|满天|纷纷扬扬|大量|许多|狂风|大风|强风",
        ),
    ),
)
ADJECTIVE: Final = words(
    rf"(?:{VERY})?(?:slow|gentle|slight|subtle|soft|mild|delicate|calm|fast|quick|rapid|sudden|swift"
    r"|dramatic|strong|abrupt|sharp|brisk|hard)"
)
NEAR: Final = words(r"[\s-]*(?:[\w']+[\s-]+){0,2}")  # an adjective is so near to its noun
BEHIND: Final = words(r"[\s-]*(?:(?:and|but|very|on|so)[\s-]+)?")


@dataclass(frozen=True, kw_only=True)
class Degree:
    """One word of strength or amount: where it stands in its clause."""

    start: int
    end: int
    step: float
    is_amount: bool  # said of effects only


def degrees_in(text: str) -> list[Degree]:
    """All words of strength and amount in a clause, in their order, none within another."""
    found: list[Degree] = []
    for is_amount, steps in ((True, AMOUNT_STEPS), (False, MOVE_STEPS)):
        for step, pattern in steps:
            for match in pattern.finditer(text):
                start, end = match.span()
                if all(end <= one.start or start >= one.end for one in found):
                    found.append(Degree(start=start, end=end, step=step, is_amount=is_amount))
    return sorted(found, key=lambda one: one.start)


def belongs(text: str, degree: Degree, start: int, end: int) -> bool:
    """Whether a word of strength can be about the words from `start` to `end`.

    An adverb can from anywhere in the clause; an adjective stands next to them, as else it is
    about something else: "push in on a fast car".
    """
    if degree.start < end and degree.end > start:
        return True
    if not ADJECTIVE.fullmatch(text[degree.start : degree.end]):
        return True
    if degree.end <= start:
        return NEAR.fullmatch(text[degree.end : start]) is not None
    return BEHIND.fullmatch(text[end : degree.start]) is not None
