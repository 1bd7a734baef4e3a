"""From a plan to a path: how far each leg goes, from where, and in which part of the time.

Pure and seeded. A strength is made larger or smaller by the time that there is, and by the seed.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

from unstill.engines.camera.move_words import Move
from unstill.engines.camera.path import (
    CameraPath,
    Hand,
    Headroom,
    LegTime,
    Pair,
    Pose,
    Wave,
    tuple_of,
)
from unstill.engines.camera.prompt import Leg, Plan

# amplitudes of a 5 s move of strength 1, chosen by eye on photos
DOLLY = 0.2  # what is nearest grows by 1 / (1 - DOLLY)
EVEN_DOLLY, MOST_DOLLY = 0.32, 0.5  # beyond the first it grows ever less, and never to the second
VERTIGO = 0.4
# A pan goes over so much of the frame's width, a tilt of its height, where nothing is spare.
PAN_SHARE, TILT_SHARE = 0.13, 0.12
PAN_POWER = 0.85  # twice the strength goes not quite twice as far: it would show a small part
SPARE_RATE = 1.2  # how soon more strength finds the end of what is spare
PAN_PARALLAX = 0.35  # near things move by so much more in a pan than far ones
ORBIT = 0.15  # how far near and far move past each other
PLANE_TURN_RAD, MOST_TURN_RAD = math.radians(10), math.radians(20)  # an orbit of what is flat
ROLL_RAD = math.radians(6)
SHAKE, SHAKE_ROLL_RAD = 0.016, math.radians(0.35)
DRIFT = 0.004  # an operator's hand in every other move: what a seed changes beside the strength
RETURN_SHARE = 0.6  # a share of an amplitude: the way out and back takes the time of one way
# How legs share the time: a strong one takes less of it, and neighbours run into each other.
HURRY_POWER, OVERLAP = 0.3, 0.2

ZOOMS = frozenset({Move.PUSH, Move.PULL, Move.VERTIGO})
PANS = frozenset({Move.LEFT, Move.RIGHT, Move.UP, Move.DOWN})


@dataclass(frozen=True, kw_only=True)
class Stage:
    """What is before the camera: lengths in units, and how near its subject is, 0 to 1."""

    half_frame: Pair
    half_photo: Pair
    subject: Pair
    subject_near: float


def plan_path(
    plan: Plan, stage: Stage, *, duration_s: float, seed: int, has_last_frame: bool, is_loop: bool
) -> CameraPath:
    """The path of a plan, before its overscan."""
    rng = random.Random(f"path {seed}")
    jitter = rng.uniform(0.88, 1.12)
    may_zoom = zoom_is_allowed(plan)
    is_return = has_last_frame or is_loop
    legs = legs_made(plan, has_last_frame=has_last_frame)
    stretches = stretches_of(legs, rooms_of(legs, has_last_frame=has_last_frame, may_zoom=may_zoom))
    steps = [
        step_of(
            leg,
            plan.side,
            jitter
            * leg.strength
            * time_factor(duration_s * (each.end - each.begin), is_return=is_return),
            stage,
            may_zoom=may_zoom,
        )
        for leg, each in zip(legs, stretches, strict=True)
    ]
    is_vertigo = Move.VERTIGO in plan.moves
    aims, pivot = (rng.uniform(-0.06, 0.06), rng.uniform(-0.06, 0.06)), rng.uniform(0.45, 0.65)
    return CameraPath(
        duration_s=duration_s,
        poses=poses_of(steps, [each.room for each in stretches], from_whole=has_last_frame),
        stretches=stretches,
        is_return=is_return,
        aim=stage.subject if is_vertigo else tuple_of(lambda i: 0.5 * stage.subject[i] + aims[i]),
        pivot=stage.subject_near if is_vertigo else pivot,
        hand=hand_of(rng, legs, stretches, is_return=is_return),
    )


def legs_made(plan: Plan, *, has_last_frame: bool) -> tuple[Leg, ...]:
    """The plan's legs; without a move where its pictures leave no room for any."""
    if has_last_frame and not zoom_is_allowed(plan):
        # both photos are seen whole, so that any move would have to zoom for its room
        return (Leg(moves=(Move.STATIC,), strength=1),)
    return plan.legs


def zoom_is_allowed(plan: Plan) -> bool:
    return not plan.denied & {Move.PUSH, Move.PULL} or bool(set(plan.moves) & ZOOMS)


def time_factor(leg_s: float, *, is_return: bool) -> float:
    """How much further a longer leg goes."""
    return min(max(math.sqrt(leg_s / 5), 0.5), 1.5) * (RETURN_SHARE if is_return else 1)


def rooms_of(legs: Sequence[Leg], *, has_last_frame: bool, may_zoom: bool) -> list[Headroom]:
    if has_last_frame:
        return [Headroom.GROWS for _ in legs]
    if not may_zoom:
        return [Headroom.STAYS for _ in legs]
    rooms = [room_of(set(leg.moves)) for leg in legs]
    for leg, room in enumerate(rooms):
        if room is Headroom.GROWS and not ZOOMS & set(legs[leg].moves):
            later = {Headroom.SHRINKS, Headroom.STAYS} & set(rooms[leg + 1 :])
            # the room that a later leg has to have is there from the beginning
            rooms[leg] = Headroom.STAYS if later else room
    return rooms


def room_of(moves: set[Move]) -> Headroom:
    if Move.PULL in moves:
        return Headroom.SHRINKS
    if moves & ZOOMS:
        return Headroom.GROWS
    return Headroom.STAYS if moves & PANS or moves == {Move.STATIC} else Headroom.GROWS


def stretches_of(legs: Sequence[Leg], rooms: Sequence[Headroom]) -> tuple[LegTime, ...]:
    """The time of each leg; neighbours run into each other, so that nothing comes to a halt."""
    weights = [math.pow(leg.strength, -HURRY_POWER) for leg in legs]
    ends = [0.0, *accumulate(weight / sum(weights) for weight in weights)]
    lengths = [after - before for before, after in pairwise(ends)]
    runs_in = [0.0, *(OVERLAP / 2 * min(pair) for pair in pairwise(lengths)), 0.0]
    return tuple(
        LegTime(begin=ends[leg] - runs_in[leg], end=ends[leg + 1] + runs_in[leg + 1], room=room)
        for leg, room in enumerate(rooms)
    )


def step_of(leg: Leg, side: int, strength: float, stage: Stage, *, may_zoom: bool) -> Pose:
    """What a leg adds to the pose before it; a pull takes away from the dolly."""
    moves = set(leg.moves)
    orbit = side * strength * ORBIT if Move.ORBIT in moves else 0.0
    pan = (
        aside(moves, Move.LEFT, Move.RIGHT) * pan_length(strength, PAN_SHARE, stage, 0),
        aside(moves, Move.UP, Move.DOWN) * pan_length(strength, TILT_SHARE, stage, 1),
    )
    dolly = aside(moves, Move.PULL, Move.PUSH) * DOLLY
    if Move.ORBIT in moves and may_zoom and not moves & ZOOMS:
        dolly = DOLLY / 5  # an orbit at one distance looks flat
    return Pose(
        dolly=dolly * strength,
        pan=pan,
        truck=(orbit, 0.0),
        roll_rad=side * ROLL_RAD * strength if Move.ROLL in moves else 0.0,
        vertigo=VERTIGO * strength if Move.VERTIGO in moves else 0.0,
    )


def aside(moves: set[Move], back: Move, forth: Move) -> int:
    return (forth in moves) - (back in moves)


def pan_length(strength: float, share: float, stage: Stage, axis: int) -> float:
    """How far a pan goes: the more is spare, the less it needs a zoom to go anywhere."""
    reach = share * 2 * stage.half_frame[axis]
    spare = max(0.0, 2 * (stage.half_photo[axis] - stage.half_frame[axis]))
    zoomed = reach * math.pow(strength, PAN_POWER) * reach / (reach + spare)
    return zoomed + spare * (1 - math.exp(-SPARE_RATE * strength))


def poses_of(
    steps: Sequence[Pose], rooms: Sequence[Headroom], *, from_whole: bool
) -> tuple[Pose, ...]:
    """The poses before, between and after the legs."""

    def way(*steps: float, is_centred: bool) -> list[float]:
        return placed(steps, rooms, is_centred=is_centred and not from_whole)

    x, y = (way(*(step.pan[i] for step in steps), is_centred=True) for i in (0, 1))
    orbit = way(*(step.truck[0] for step in steps), is_centred=True)
    roll = way(*(step.roll_rad for step in steps), is_centred=False)
    # with a last frame each way out begins on the whole photo, also a pull's
    dolly = way_of([abs(step.dolly) if from_whole else step.dolly for step in steps])
    vertigo = way_of([step.vertigo for step in steps])
    return tuple(
        Pose(
            dolly=damped(dolly[i] - min(dolly), EVEN_DOLLY, MOST_DOLLY),
            pan=(x[i], y[i]),
            truck=(x[i] * PAN_PARALLAX + orbit[i], y[i] * PAN_PARALLAX),
            roll_rad=roll[i],
            turn_rad=MOST_TURN_RAD * math.tanh(orbit[i] / ORBIT * PLANE_TURN_RAD / MOST_TURN_RAD),
            vertigo=damped(vertigo[i], VERTIGO, 2 * VERTIGO),
        )
        for i in range(len(steps) + 1)
    )


def way_of(steps: Sequence[float]) -> list[float]:
    return [0.0, *accumulate(steps)]


def placed(steps: Sequence[float], rooms: Sequence[Headroom], *, is_centred: bool) -> list[float]:
    """A value at each pose, 0 where the whole photo is seen; else its farthest ends around 0."""
    way = way_of(steps)
    moving = [leg for leg, step in enumerate(steps) if step]
    if not moving:
        return way
    if Headroom.GROWS in rooms[: moving[-1] + 1]:
        return way
    if Headroom.SHRINKS in rooms[moving[-1] :]:
        return [at - way[-1] for at in way]
    middle = (min(way) + max(way)) / 2 if is_centred else 0.0
    return [at - middle for at in way]


def damped(value: float, even: float, most: float) -> float:
    """The value, but what is above `even` grows ever less, and never to `most`."""
    if value <= even:
        return value
    return even + (most - even) * math.tanh((value - even) / (most - even))


def hand_of(
    rng: random.Random, legs: Sequence[Leg], stretches: Sequence[LegTime], *, is_return: bool
) -> Hand:
    """Sideways, up and down, and roll: slow drift, or the shake of a hand."""
    shaken = [leg for leg, each in enumerate(legs) if Move.HANDHELD in each.moves]
    is_still = any(set(leg.moves) == {Move.STATIC} for leg in legs)
    strength = 0.0 if is_still else legs[shaken[0] if shaken else 0].strength
    reach = (SHAKE if shaken else DRIFT) * strength
    turn = SHAKE_ROLL_RAD * strength if shaken else 0.0
    bands = (
        ((0.2, 0.45, 1.0), (0.6, 1.0, 0.45), (1.4, 2.1, 0.14)) if shaken else ((0.08, 0.2, 1.0),)
    )

    def waves(amplitude: float) -> tuple[Wave, ...]:
        return tuple(
            Wave(
                amplitude=amplitude * share * rng.uniform(0.7, 1.0),
                hertz=rng.uniform(low, high),
                phase=rng.random(),
            )
            for low, high, share in bands
        )

    begin, end = 0.0, 1.0
    if shaken and not is_return:
        begin, end = stretches[shaken[0]].begin, stretches[shaken[-1]].end
    return Hand(
        waves=(waves(reach), waves(reach), waves(turn)),
        is_shake=bool(shaken),
        begin=begin,
        end=end,
        rises=begin > 0 or is_return or stretches[0].room is Headroom.GROWS,
        falls=end < 1 or (is_return and bool(shaken)) or stretches[-1].room is Headroom.SHRINKS,
    )
