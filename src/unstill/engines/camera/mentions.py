"""Where a prompt names moves and effects, how strongly, and whether it denies them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from unstill.engines.camera.clauses import (
    CHINESE,
    DENIES_A_LIST,
    NEGATION,
    SOMEBODY,
    Clause,
    Stands,
    cameras_in,
    clauses_of,
    denies,
    is_bare,
    stands,
)
from unstill.engines.camera.effect_words import EFFECTS, LOOSE, PLANT, Effect
from unstill.engines.camera.false_friends import NO_EFFECT, NO_MOVE
from unstill.engines.camera.move_words import (
    ELLIPSES,
    MOVE_RULES,
    Evidence,
    Move,
    MoveRule,
    words,
)
from unstill.engines.camera.shot_words import SHOT_RULES
from unstill.engines.camera.strength_words import PLAIN_STRENGTH, belongs, degrees_in

ALL_RULES: Final = (*MOVE_RULES, *SHOT_RULES)
MASK: Final = "\x00"  # no word, no space
TRAVELS: Final = {Move.PUSH, Move.PULL, Move.LEFT, Move.RIGHT, Move.UP, Move.DOWN}
SPEED: Final = (Move.PUSH, Move.PULL)
IMPERATIVE: Final = words(r"(?!\w*(?:s|ing)\b)\w+\s+\w+")  # "move forward", not "moves forward"
SHOT: Final = words(r"\s+(?:shot|move|movement|motion|effect)\b")
DOER_FOLLOWS: Final = words(r"的(?!同时|镜头|运镜|效果|过程|感觉|画面|方式)")  # "向左移动的汽车"
BEGINS: Final = r"(?:^\W*|\b(?:and|or|nor|&)\s+)(?:(?:then|back|also|\w+ly|fast|slow)\s+)*"
ENDS: Final = r"(?=\W*(?:$|and\b|or\b|again\b|\w+ly\b|fast\b))"
BARE_WAYS: Final = tuple(
    (move, words(rf"{BEGINS}(?P<way>{pattern.pattern}){ENDS}")) for move, pattern in ELLIPSES
)
# what a move goes to, or an effect is on: it is told with it
NOUN: Final = (
    r"(?:\s+(?!(?:show|reveal)\b|(?!(?:paint|build|ceil|even|morn|k|r|w|spr|str|th|cloth|land|wedd)ing\b)\w+ing\b|and\b"
    r"|with\b|in\b|on\b)[\w'-]+){1,2}"
)
TARGET: Final = words(
    r"(?:(?:\s+\w+ly|\s+fast)?\s+(?:on|onto|at|to|towards?|a?round|over|across|past|through|into|of|along"
    rf"|above|from|behind|in)\b(?:\s+(?:the|an?|his|her|its|their|my|our|this))?{NOUN}){{1,2}}",
    rf"\s+(?:the|an?|his|her|its|their){NOUN}(?:\s+(?:of|through|in|on)\s+(?:the|an?)\s+\w+)?",
    r"[\u4e00-\u9fff]{1,8}(?=\W*$)",
)


@dataclass(frozen=True, kw_only=True)
class Mention:
    """One place in the prompt that names a move or an effect; `start` and `end` are there."""

    names: MoveRule | Effect
    start: int
    end: int
    order: int
    is_denied: bool
    step: float = PLAIN_STRENGTH


@dataclass(frozen=True, kw_only=True)
class ReadClause:
    """A clause, what it names, and its words of strength with the mention that each is about."""

    clause: Clause
    mentions: tuple[Mention, ...]
    degrees: tuple[tuple[int, int, int], ...]  # start and end in the prompt, which of `mentions`

    @property
    def moves(self) -> list[Mention]:
        return [m for m in self.mentions if isinstance(m.names, MoveRule)]


def read_clauses(prompt: str) -> list[ReadClause]:
    """A plain prompt, read."""
    read: list[ReadClause] = []
    films = False  # whether the last clause spoke of the camera
    for clause in clauses_of(prompt):
        last = read[-1].moves if read else []
        moves = list(moves_in(clause, last=last, films=films, is_first=not read))
        mentions = [*moves, *effects_in(clause)]
        read.append(with_steps(clause, mentions))
        if not is_bare(clause.text):
            films = bool(moves or cameras_in(clause.text))
    return lent(read)


def moves_in(
    clause: Clause, *, last: list[Mention], films: bool, is_first: bool
) -> Iterator[Mention]:
    """The moves that a clause names. last: those of the clause before it."""
    text = NO_MOVE.sub(lambda match: SOMEBODY * len(match[0]), clause.text)
    found: list[tuple[MoveRule, int, int]] = []
    for _ in range(2):  # what is found late may be what an earlier word leans on: "pan or zoom"
        before = len(found)
        for rule in ALL_RULES:
            for match in rule.pattern.finditer(text):
                start = match.start() + len(match[0]) - len(match[0].lstrip())
                places = [(begin, end) for _, begin, end in found]
                if meant(rule, text, start, match.end(), places, films=films, is_first=is_first):
                    found.append((rule, start, match.end()))
                    text = masked(text, [(start, match.end())])
        if len(found) == before:
            break
    found += bare_ways(text, found, last)
    is_list = goes_on_denying(clause.text, found, last)
    for rule, start, end in sorted(found, key=lambda one: one[1]):
        yield Mention(
            names=rule,
            start=clause.start + start,
            end=clause.start + end,
            order=clause.order,
            is_denied=is_list or denies(clause.text, start),
        )


def meant(
    rule: MoveRule,
    text: str,
    start: int,
    end: int,
    read: list[tuple[int, int]],
    *,
    films: bool,
    is_first: bool,
) -> bool:
    """Whether words that may name a move do."""
    if rule.evidence is Evidence.SURE:
        return True
    is_chinese = CHINESE.match(text, start) is not None
    if is_chinese and DOER_FOLLOWS.match(text, end):
        return False
    match stands(text, start, read):
        case Stands.BEHIND_CAMERA:
            return True
        case Stands.ELSEWHERE:
            return rule.evidence is Evidence.FREE and SHOT.match(text, end) is not None
        case Stands.AT_START:
            return (
                rule.evidence is Evidence.FREE
                or films
                or is_bare(text[:start] + " " + text[end:])
                or (not is_chinese and bool(IMPERATIVE.match(text, start)))
                or (not is_chinese and is_first and made_by(rule) <= TRAVELS)
            )


def bare_ways(
    text: str, found: list[tuple[MoveRule, int, int]], last: list[Mention]
) -> Iterator[tuple[MoveRule, int, int]]:
    """Directions alone, behind a move: "pan left and then right"."""
    before = {move for m in last if isinstance(m.names, MoveRule) for move in made_by(m.names)}
    for move, pattern in BARE_WAYS:
        for match in pattern.finditer(text):
            here = [rule for rule, _, end in found if end <= match.start("way")]
            said = {move for rule in here for move in made_by(rule)} or before
            if said and (move not in SPEED or said & set(SPEED)):
                rule = replace(MOVE_RULES[0], legs=((move,),))
                yield rule, match.start("way"), match.end("way")


def made_by(rule: MoveRule) -> set[Move]:
    return {move for leg in rule.legs for move in leg}


def goes_on_denying(text: str, found: list[tuple[MoveRule, int, int]], last: list[Mention]) -> bool:
    """Whether a clause is a further item of a list that the one before denies: "no zoom, pan"."""
    if not last or not last[-1].is_denied or NEGATION.search(text):
        return False
    if not found or any(
        rule.yields or not (rule.picks or rule.also_denies) for rule, _, _ in found[:1]
    ):
        return False
    places = [(start, end) for _, start, end in found]
    return is_bare(masked(text, places).replace(MASK, " "))


def effects_in(clause: Clause) -> Iterator[Mention]:
    text = masked(clause.text, [match.span() for match in NO_EFFECT.finditer(clause.text)])
    for effect, pattern in EFFECTS.items():
        match = pattern.search(text)
        if match is None:
            continue
        if effect is Effect.WIND and LOOSE.search(text) and not PLANT.search(text):
            continue
        yield Mention(
            names=effect,
            start=clause.start + match.start(),
            end=clause.start + match.end(),
            order=clause.order,
            is_denied=denies(clause.text, max(match.end() - 1, 0)),
        )


def with_steps(clause: Clause, mentions: list[Mention]) -> ReadClause:
    """The mentions with how strong each is: a word of strength is about what is next to it."""
    steps: dict[int, float] = {}
    about: list[tuple[int, int, int]] = []
    for degree in degrees_in(clause.text):
        gaps: list[tuple[int, int]] = []
        for index, mention in enumerate(mentions):
            start, end = mention.start - clause.start, mention.end - clause.start
            is_move = isinstance(mention.names, MoveRule)
            if (degree.is_amount and is_move) or mention.names is Effect.SKETCH:
                continue
            if belongs(clause.text, degree, start, end):
                gaps.append((max(start - degree.end, degree.start - end, 0), index))
        if gaps:
            index = min(gaps)[1]
            about.append((clause.start + degree.start, clause.start + degree.end, index))
            steps.setdefault(index, degree.step)
    shared = next(
        (steps[i] for i, m in enumerate(mentions) if i in steps and isinstance(m.names, MoveRule)),
        PLAIN_STRENGTH,
    )
    return ReadClause(
        clause=clause,
        mentions=tuple(
            replace(
                m,
                step=steps.get(i, shared if isinstance(m.names, MoveRule) else PLAIN_STRENGTH),
            )
            for i, m in enumerate(mentions)
        ),
        degrees=tuple(about),
    )


def lent(read: list[ReadClause]) -> list[ReadClause]:
    """The same, where a clause is nothing but a word of strength: it is about its neighbour."""
    lends = list(read)
    for index, one in enumerate(read):
        degrees = degrees_in(one.clause.text)
        if one.mentions or not degrees or degrees[0].is_amount:
            continue
        first = degrees[0]
        if not is_bare(one.clause.text[: first.start] + " " + one.clause.text[first.end :]):
            continue
        for near in (index - 1, index + 1):
            if 0 <= near < len(lends) and lends[near].moves:
                lends[near] = replace(
                    lends[near],
                    mentions=tuple(
                        replace(m, step=first.step)
                        if isinstance(m.names, MoveRule) and m.step == PLAIN_STRENGTH
                        else m
                        for m in lends[near].mentions
                    ),
                )
                span = (one.clause.start + first.start, one.clause.start + first.end, 0)
                lends[index] = replace(one, degrees=(span,))
                break
    return lends


def masked(text: str, places: list[tuple[int, int]]) -> str:
    for start, end in places:
        text = text[:start] + MASK * (end - start) + text[end:]
    return text


def reach(prompt: str, mention: Mention) -> int:
    """Where a mention ends with what it is on: "push in on the cat"."""
    target = TARGET.match(prompt, mention.end)
    return target.end() if target else mention.end


def denials_in(clause: Clause) -> list[tuple[int, int]]:
    matches = [*NEGATION.finditer(clause.text), *DENIES_A_LIST.finditer(clause.text)]
    return spans_of(matches, clause.start)


def spans_of(matches: list[re.Match[str]], start: int) -> list[tuple[int, int]]:
    return [(start + match.start(), start + match.end()) for match in matches]
