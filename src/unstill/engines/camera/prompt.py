"""From the prompt to a plan: which camera moves, in what order, how strong, and which effects.

Pure and seeded: the same words and seed give the same plan. A prompt without a camera word gets a
gentle move of the seed's choice, never one that the prompt or the negative prompt forbids.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from unstill.engines.camera.clauses import clauses_of, denies, plain
from unstill.engines.camera.effect_words import DRAWN, LOOP, Effect
from unstill.engines.camera.heard import not_heard
from unstill.engines.camera.mentions import Mention, ReadClause, made_by, read_clauses
from unstill.engines.camera.move_words import (
    EVERY_MOVE,
    LEFTWARD,
    RIGHTWARD,
    STATIC,
    Evidence,
    Move,
    MoveRule,
)
from unstill.engines.camera.strength_words import PLAIN_STRENGTH

GENTLE_STRENGTH = 0.8
EVERY: Final = frozenset(Move)
MOST_LEGS = 6  # more would be over before they are seen
GENTLE: Final = (  # what a prompt without a camera word gets one of
    (Move.PUSH,),
    (Move.PUSH, Move.ORBIT),
    (Move.ORBIT,),
)
GENTLE_AT_LAST: Final = (Move.PULL,)  # it does not begin on the whole photo
OPPOSITES: Final = ((Move.PUSH, Move.PULL), (Move.LEFT, Move.RIGHT), (Move.UP, Move.DOWN))


@dataclass(frozen=True, kw_only=True)
class Leg:
    """A stretch of the video: moves that are made together, and how far they go; 1 is plain."""

    moves: tuple[Move, ...]
    strength: float


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What to do with the photo. `side` turns orbit and roll: -1 left, 1 right."""

    legs: tuple[Leg, ...]  # in their order; at least one
    denied: frozenset[Move]  # not made in any way, nor by what another move needs
    side: int
    effects: Mapping[Effect, float]  # how much of each; 1 is plain
    is_loop: bool = False  # the prompt asks for a last frame that meets the first
    unheard: tuple[str, ...] = ()  # the words that have no effect on this engine

    @property
    def moves(self) -> tuple[Move, ...]:
        """All moves, each once, in their order."""
        return moves_of(self.legs)


def moves_of(legs: Sequence[Leg]) -> tuple[Move, ...]:
    """All moves of legs, each once, in their order."""
    return tuple(dict.fromkeys(move for leg in legs for move in leg.moves))


def read_prompt(
    prompt: str,
    negative_prompt: str,
    seed: int,
    *,
    drawn: frozenset[Effect] = DRAWN,
    made: frozenset[Move] = EVERY,
    may_loop: bool = True,
) -> Plan:
    """The plan that the words and the seed ask for.

    drawn, made, may_loop: what can be drawn over these pictures, how a camera can move before them,
    and whether the video may end as it begins; words for anything else are not heard.
    """
    rng = random.Random(f"plan {seed}")
    words = plain(prompt)
    read = read_clauses(words)
    unwanted = read_clauses(plain(negative_prompt))
    denied = denied_in(read) | forbidden(plain(negative_prompt), unwanted)
    wanted = wanted_moves(read, denied)
    legs = legs_of(wanted, rng)
    effects = wanted_effects(read, unwanted)
    loops = list(loops_in(words))
    heard = heard_in(read, wanted, drawn, made)
    side = said_side(words) or rng.choice((-1, 1))
    return Plan(
        legs=legs or (Leg(moves=gentle_move(denied, rng), strength=GENTLE_STRENGTH),),
        denied=frozenset(denied),
        side=side,
        effects={effect: mention.step for effect, mention in effects.items()},
        is_loop=bool(loops),
        unheard=not_heard(prompt, read, heard, loops if may_loop else []),
    )


def denied_in(read: list[ReadClause]) -> set[Move]:
    """The moves that the words deny; a shot that is denied is only not taken."""
    return {
        move
        for one in read
        for m in one.moves
        if m.is_denied and isinstance(m.names, MoveRule) and not m.names.yields
        for move in (*made_by(m.names), *m.names.also_denies)
    }


def forbidden(negative_prompt: str, read: list[ReadClause]) -> set[Move]:
    """The moves that a negative prompt names: there, naming is forbidding."""
    if EVERY_MOVE.search(negative_prompt):
        return set(Move) - {Move.STATIC}
    named = [m.names for one in read for m in one.moves if isinstance(m.names, MoveRule)]
    return {move for rule in named for move in (*made_by(rule), *rule.also_denies)}


def wanted_moves(read: list[ReadClause], denied: set[Move]) -> list[tuple[Mention, MoveRule]]:
    """The mentions that the legs are made of."""
    named = [
        (m, m.names)
        for one in read
        for m in one.moves
        if isinstance(m.names, MoveRule) and not m.is_denied and not made_by(m.names) & denied
    ]
    told = [(m, rule) for m, rule in named if not rule.yields]
    if any(made_by(rule) - {Move.HANDHELD} for _, rule in told):
        return told
    return named


def legs_of(wanted: list[tuple[Mention, MoveRule]], rng: random.Random) -> tuple[Leg, ...]:
    """The moves in their order; what comes later, or is the opposite, begins another leg."""
    stretches: list[tuple[list[Move], list[float]]] = []
    order, is_held = -1, False
    said = {move for _, rule in wanted if not rule.picks for move in made_by(rule)}
    for mention, rule in wanted:
        was_held, is_held = is_held, rule.evidence is Evidence.BESIDE and rule.legs == STATIC
        options = [leg for leg in rule.legs if said & set(leg)] or rule.legs
        for place, moves in enumerate((rng.choice(options),) if rule.picks else rule.legs):
            is_later = place > 0 or mention.order != order or is_held or was_held
            if is_later or any(undoes(move, stretches[-1][0]) for move in moves):
                stretches.append(([], []))
            order = mention.order
            stretches[-1][0].extend(moves)
            stretches[-1][1].append(mention.step)
    legs: list[Leg] = []
    for made, steps in stretches:
        strength = next((step for step in steps if step != PLAIN_STRENGTH), PLAIN_STRENGTH)
        leg = Leg(moves=together(made), strength=strength)
        if not legs or legs[-1] != leg:
            legs.append(leg)
    return tuple(legs[:MOST_LEGS])


def undoes(move: Move, moves: list[Move]) -> bool:
    """Whether a move takes back one of the moves, and is none of them."""
    return move not in moves and any(move in pair and set(pair) & set(moves) for pair in OPPOSITES)


def together(moves: list[Move]) -> tuple[Move, ...]:
    """The moves of one leg, each once, without what the others leave no room for."""
    made = list(dict.fromkeys(moves))
    if len(made) > 1 and Move.STATIC in made:
        made.remove(Move.STATIC)
    if Move.ORBIT in made:  # "orbit to the left" is one move, not an orbit and a pan
        made = [move for move in made if move not in (Move.LEFT, Move.RIGHT)]
    return tuple(made)


def gentle_move(denied: set[Move], rng: random.Random) -> tuple[Move, ...]:
    allowed = [moves for moves in GENTLE if not denied & set(moves)]
    if allowed:
        return rng.choice(allowed)
    return (Move.STATIC,) if Move.PULL in denied else GENTLE_AT_LAST


def said_side(prompt: str) -> int:
    """-1 or 1 if the words turn an orbit or a roll to a side, else 0."""
    if LEFTWARD.search(prompt):
        return -1
    return 1 if RIGHTWARD.search(prompt) else 0


def wanted_effects(read: list[ReadClause], unwanted: list[ReadClause]) -> dict[Effect, Mention]:
    """The effects that the words ask for, with the mention that says most of each."""
    never = {m.names for one in unwanted for m in one.mentions}
    found: dict[Effect, Mention] = {}
    for one in read:
        for m in one.mentions:
            if isinstance(m.names, MoveRule) or m.names in never:
                continue
            if m.is_denied:
                never.add(m.names)
                found.pop(m.names, None)
            elif m.names not in found or found[m.names].step == PLAIN_STRENGTH:
                found[m.names] = m
    return found


def loops_in(prompt: str) -> Iterator[tuple[int, int]]:
    """Where the words ask for a loop."""
    for clause in clauses_of(prompt):
        match = LOOP.search(clause.text)
        if match and not denies(clause.text, match.start()):
            yield clause.start + match.start(), clause.start + match.end()


def heard_in(
    read: list[ReadClause],
    wanted: list[tuple[Mention, MoveRule]],
    drawn: frozenset[Effect],
    made: frozenset[Move],
) -> list[Mention]:
    """The mentions that change something: moves that are made or denied, effects that are drawn."""
    moves = {move for _, rule in wanted for move in made_by(rule)} & made
    return [
        m
        for one in read
        for m in one.mentions
        if m.is_denied
        or (made_by(m.names) <= moves if isinstance(m.names, MoveRule) else m.names in drawn)
    ]
