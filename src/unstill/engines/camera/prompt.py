"""From the prompt to a plan: which camera moves, how strong, and which effects.

Pure and seeded: the same words and seed give the same plan. A prompt without a camera word gets a
gentle move of the seed's choice, never one that the prompt or the negative prompt forbids.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from unstill.engines.camera.effect_words import EFFECTS, LOOP, Effect
from unstill.engines.camera.move_words import (
    ALONE,
    AND,
    BESIDE,
    CAMERA,
    CLAUSE_END,
    CONTRAST,
    DENIES_A_LIST,
    EITHER,
    EVERY_MOVE,
    FAST,
    FILLER,
    GOES_ON,
    LEFTWARD,
    NEGATION,
    RIGHTWARD,
    SLOW,
    Move,
)

SLOW_STRENGTH, GENTLE_STRENGTH, FAST_STRENGTH = 0.6, 0.8, 1.6
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
        return tuple(dict.fromkeys(move for leg in self.legs for move in leg.moves))


@dataclass(frozen=True, kw_only=True)
class Mention:
    """One place in the words that names a move."""

    move: Move
    start: int
    is_denied: bool
    strength: float


def read_prompt(prompt: str, negative_prompt: str, seed: int) -> Plan:
    """The plan that the words and the seed ask for."""
    rng = random.Random(f"plan {seed}")
    mentions = list(mentioned(prompt, rng))
    denied = {m.move for m in mentions if m.is_denied} | forbidden(negative_prompt, rng)
    wanted = [m for m in mentions if not m.is_denied and m.move not in denied]
    moves = without_opposites(wanted)
    side = said_side(prompt) or rng.choice((-1, 1))
    if Move.ORBIT in moves:  # "orbit to the left" is one move, not an orbit and a pan
        moves = tuple(m for m in moves if m not in (Move.LEFT, Move.RIGHT))
    strength = next((m.strength for m in wanted if m.strength != 1), 1.0)
    leg = Leg(
        moves=moves or gentle_move(denied, rng),
        strength=strength if moves else GENTLE_STRENGTH,
    )
    return Plan(
        legs=(leg,),
        denied=frozenset(denied),
        side=side,
        effects=dict.fromkeys(wanted_effects(prompt), 1.0),
        is_loop=asks_for_loop(prompt),
    )


def mentioned(prompt: str, rng: random.Random) -> Iterator[Mention]:
    """Every move that the prompt names, in its order, denied or not."""
    speaks_of_camera = False
    for clause in CLAUSE_END.split(prompt):
        goes_on = speaks_of_camera and bool(GOES_ON.search(clause))
        speaks_of_camera = goes_on or bool(CAMERA.search(clause)) or is_command(clause)
        yield from sorted(
            mentioned_in(clause, rng, speaks_of_camera=speaks_of_camera), key=lambda m: m.start
        )


def is_command(clause: str) -> bool:
    """Whether the clause is nothing but a move: "roll", "slowly moving left"."""
    bare = FILLER.sub("", FAST.sub("", SLOW.sub("", clause))).strip()
    return any(pattern.fullmatch(bare) for pattern in BESIDE.values())


def mentioned_in(clause: str, rng: random.Random, *, speaks_of_camera: bool) -> Iterator[Mention]:
    strength = strength_of(clause)
    if still := ALONE[Move.STATIC].search(clause):
        is_denied = denies(clause, still.start())
        yield Mention(move=Move.STATIC, start=still.start(), is_denied=is_denied, strength=1)
        # "no camera movement" holds a "no" that must not reach what follows it
        clause = clause[: still.start()] + " " * len(still[0]) + clause[still.end() :]
    if vertigo := ALONE[Move.VERTIGO].search(clause):
        is_denied = denies(clause, vertigo.start())
        yield Mention(
            move=Move.VERTIGO, start=vertigo.start(), is_denied=is_denied, strength=strength
        )
        clause = clause[: vertigo.start()] + " " * len(vertigo[0]) + clause[vertigo.end() :]
    named: set[Move] = set()
    for move, start in places(clause, speaks_of_camera=speaks_of_camera):
        named.add(move)
        yield Mention(move=move, start=start, is_denied=denies(clause, start), strength=strength)
    for pair, pattern in EITHER:
        match = pattern.search(clause)
        if match is None or named & set(pair):
            continue
        is_denied = denies(clause, match.end() - 1)
        meant = pair if is_denied else (pair[0] if pair[0] is Move.PUSH else rng.choice(pair),)
        for move in meant:
            yield Mention(move=move, start=match.start(), is_denied=is_denied, strength=strength)


def places(clause: str, *, speaks_of_camera: bool) -> Iterator[tuple[Move, int]]:
    """Where the clause names a move, except `static`."""
    for move, pattern in ALONE.items():
        if move is Move.STATIC:
            continue
        match = pattern.search(clause)
        if match is None and speaks_of_camera and move in BESIDE:
            match = BESIDE[move].search(clause)
        if match is not None:
            yield move, match.start()


def denies(clause: str, start: int) -> bool:
    """Whether a negation before `start` reaches the word there."""
    negations = [match for match in NEGATION.finditer(clause) if match.end() <= start]
    if not negations:
        return False
    last = negations[-1]
    between = clause[last.end() : start]
    if CONTRAST.search(between):
        return False
    return not AND.search(between) or bool(DENIES_A_LIST.fullmatch(last[0]))


def forbidden(negative_prompt: str, rng: random.Random) -> set[Move]:
    """The moves that a negative prompt names: there, naming is forbidding."""
    if EVERY_MOVE.search(negative_prompt):
        return set(Move) - {Move.STATIC}
    named: set[Move] = set()
    for clause in CLAUSE_END.split(negative_prompt):
        named |= {m.move for m in mentioned_in(f"no {clause}", rng, speaks_of_camera=False)}
    return named


def without_opposites(wanted: list[Mention]) -> tuple[Move, ...]:
    """The moves in their order, each once; of two opposites the first one said."""
    moves = list(dict.fromkeys(m.move for m in wanted))
    if len(moves) > 1 and Move.STATIC in moves:
        moves.remove(Move.STATIC)
    for pair in OPPOSITES:
        if set(pair) <= set(moves):
            moves.remove(max(pair, key=moves.index))
    return tuple(moves)


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


def strength_of(clause: str) -> float:
    if SLOW.search(clause):
        return SLOW_STRENGTH
    return FAST_STRENGTH if FAST.search(clause) else 1.0


def wanted_effects(prompt: str) -> Iterator[Effect]:
    for clause in CLAUSE_END.split(prompt):
        for effect, pattern in EFFECTS.items():
            match = pattern.search(clause)
            if match and not denies(clause, match.end() - 1):
                yield effect


def asks_for_loop(prompt: str) -> bool:
    clauses = CLAUSE_END.split(prompt)
    return any((m := LOOP.search(c)) and not denies(c, m.start()) for c in clauses)
