"""The camera over time: a plan becomes amplitudes, amplitudes become a state per moment.

Lengths are in units of half the geometric mean of the frame's sides, so that a move looks alike
upright and wide; the photo's centre is (0, 0), x to the right, y down. Pure: no pixels here.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum, auto

from unstill.engines.camera.move_words import Move
from unstill.engines.camera.prompt import Plan

# amplitudes of a 5 s move of strength 1, chosen by eye on photos
DOLLY = 0.2  # what is nearest grows by 1 / (1 - DOLLY)
# A pan goes over so much of the frame's width, a tilt of its height, where nothing is spare.
PAN_SHARE, TILT_SHARE = 0.13, 0.12
PAN_PARALLAX = 0.35  # near things move by so much more in a pan than far ones
ORBIT = 0.15  # how far near and far move past each other
ROLL_RAD = math.radians(6)
SHAKE, SHAKE_ROLL_RAD = 0.016, math.radians(0.35)
DRIFT = 0.004  # an operator's hand in every other move: what a seed changes beside the strength
EASE_SHARE = 0.35  # speeding up takes this share of the time, and so does slowing down
SHAKE_SETTLES_S = 1.2
SOLVER_MOMENTS = 32
SOLVER_MOMENTS_PER_S = 20  # a shaken path is met at each of its turns
SOLVER_ROUNDS = 5
RELIEF_ROUNDS = 12
ROUNDING = 1e-5  # of an overscan: less is no need of one


ZOOMS = frozenset({Move.PUSH, Move.PULL, Move.VERTIGO})


class Headroom(Enum):
    """When the picture must be larger than the frame, so that a move does not leave it."""

    GROWS = auto()  # begins on the whole photo
    SHRINKS = auto()  # ends on it
    STAYS = auto()  # a pan needs room on both sides all the time
    RETURNS = auto()  # begins and ends on the whole photo, because a last frame is given


@dataclass(frozen=True, kw_only=True)
class CameraState:
    """The camera at one moment; the identity shows the whole photo."""

    zoom: float = 1.0
    dolly: float = 0.0  # towards the scene: near things grow more
    pan: tuple[float, float] = (0.0, 0.0)  # the whole picture moves so
    truck: tuple[float, float] = (0.0, 0.0)  # sideways: times depth, around `pivot`
    aim: tuple[float, float] = (0.0, 0.0)  # what a dolly goes towards
    pivot: float = 0.5  # the depth that a truck leaves at rest
    relief: float = 1.0  # how deep the scene is taken to be; 0 is a flat print
    roll_rad: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Wave:
    amplitude: float
    hertz: float
    phase: float

    def at(self, time_s: float) -> float:
        return self.amplitude * math.sin(math.tau * (self.hertz * time_s + self.phase))


@dataclass(frozen=True, kw_only=True)
class CameraPath:
    """All amplitudes of one video."""

    duration_s: float
    room: Headroom
    aim: tuple[float, float]
    pivot: float
    relief: float = 1.0
    dolly: float
    pan: tuple[float, float]
    truck: tuple[float, float]
    roll_rad: float
    sway: tuple[tuple[Wave, ...], tuple[Wave, ...], tuple[Wave, ...]]  # x, y, roll
    is_shaken: bool
    overscan: float = 0.0

    def at(self, fraction: float) -> CameraState:
        """The camera after this share of the video, 0 to 1."""
        time_s = fraction * self.duration_s
        eased = ease(fraction)
        room, sway = self.room_at(fraction), self.sway_at(fraction)
        # a hand shakes all the time; a drift starts and stops with the move
        sway_s = time_s if self.is_shaken else eased * self.duration_s
        x, y, roll = (sway * sum(wave.at(sway_s) for wave in waves) for waves in self.sway)
        along = {
            Headroom.GROWS: eased,
            Headroom.SHRINKS: eased - 1,
            Headroom.STAYS: eased - 0.5,
            Headroom.RETURNS: room,
        }[self.room]
        towards = {Headroom.SHRINKS: 1 - eased, Headroom.RETURNS: room}.get(self.room, eased)
        return CameraState(
            zoom=1 + self.overscan * max(room, sway),
            dolly=self.dolly * towards,
            pan=(self.pan[0] * along + x, self.pan[1] * along + y),
            truck=(self.truck[0] * along + 2 * x, self.truck[1] * along + 2 * y),
            aim=self.aim,
            pivot=self.pivot,
            relief=self.relief,
            roll_rad=self.roll_rad * along + roll,
        )

    def room_at(self, fraction: float) -> float:
        """How much of the overscan is needed, 0 to 1."""
        eased = ease(fraction)
        return {
            Headroom.GROWS: eased,
            Headroom.SHRINKS: 1 - eased,
            Headroom.STAYS: 1.0,
            Headroom.RETURNS: 4 * eased * (1 - eased),
        }[self.room]

    def sway_at(self, fraction: float) -> float:
        """How much of the drift or shake there is, 0 to 1."""
        if not self.is_shaken or self.room is Headroom.STAYS:
            return self.room_at(fraction)
        settle = min(SHAKE_SETTLES_S, self.duration_s / 3)
        begins = smootherstep(fraction * self.duration_s / settle)
        ends = smootherstep((1 - fraction) * self.duration_s / settle)
        match self.room:
            case Headroom.GROWS:
                return begins
            case Headroom.SHRINKS:
                return ends
            case _:
                return begins * ends


def ease(x: float) -> float:
    """0 to 1 with a smooth start, an even middle and a smooth stop."""
    if x > 0.5:
        return 1 - ease(1 - x)
    u = min(max(x, 0.0) / EASE_SHARE, 1.0)
    # the integral of a smoothstep of speed, then of even speed
    way = EASE_SHARE * (u**3 - u**4 / 2) + max(x - EASE_SHARE, 0.0)
    return way / (1 - EASE_SHARE)


def smootherstep(x: float) -> float:
    x = min(max(x, 0.0), 1.0)
    return x**3 * (x * (x * 6 - 15) + 10)


def plan_path(
    plan: Plan,
    *,
    duration_s: float,
    seed: int,
    half_frame: tuple[float, float],
    half_photo: tuple[float, float],
    subject: tuple[float, float],
    has_last_frame: bool,
) -> CameraPath:
    """The path of a plan, before its overscan; half_frame, half_photo and subject in units."""
    rng = random.Random(f"path {seed}")
    moves = set(plan.moves)
    may_zoom = not plan.denied & {Move.PUSH, Move.PULL} or bool(moves & ZOOMS)
    strength = plan.legs[0].strength * rng.uniform(0.88, 1.12)
    strength *= min(max((duration_s / 5) ** 0.5, 0.7), 1.5)  # a longer move goes further
    if has_last_frame:
        strength *= 0.6  # the way out and back takes the time of one way
    spare = tuple_of(lambda i: half_photo[i] - half_frame[i])
    x = aside(moves, Move.LEFT, Move.RIGHT) * (PAN_SHARE * 2 * half_frame[0] + spare[0])
    y = aside(moves, Move.UP, Move.DOWN) * (TILT_SHARE * 2 * half_frame[1] + spare[1])
    x, y = x * strength, y * strength
    orbit = plan.side * strength * ORBIT if Move.ORBIT in moves else 0.0
    is_still, is_shaken = moves == {Move.STATIC}, Move.HANDHELD in moves
    return CameraPath(
        duration_s=duration_s,
        room=room_for(moves, has_last_frame=has_last_frame, may_zoom=may_zoom),
        aim=tuple_of(lambda i: 0.5 * subject[i] + rng.uniform(-0.06, 0.06)),
        pivot=rng.uniform(0.45, 0.65),
        dolly=dolly_of(moves, may_zoom=may_zoom) * strength,
        pan=(x, y),
        truck=(x * PAN_PARALLAX + orbit, y * PAN_PARALLAX),
        roll_rad=plan.side * ROLL_RAD * strength if Move.ROLL in moves else 0.0,
        sway=sway_of(rng, strength=0 if is_still else plan.legs[0].strength, is_shaken=is_shaken),
        is_shaken=is_shaken,
    )


def aside(moves: set[Move], back: Move, forth: Move) -> int:
    return (forth in moves) - (back in moves)


def dolly_of(moves: set[Move], *, may_zoom: bool) -> float:
    if moves & ZOOMS:
        return DOLLY
    # an orbit at one distance looks flat
    return DOLLY / 5 if Move.ORBIT in moves and may_zoom else 0.0


def room_for(moves: set[Move], *, has_last_frame: bool, may_zoom: bool) -> Headroom:
    if has_last_frame:
        return Headroom.RETURNS
    if not may_zoom:
        return Headroom.STAYS
    if Move.PULL in moves:
        return Headroom.SHRINKS
    is_pan = moves & {Move.LEFT, Move.RIGHT, Move.UP, Move.DOWN}
    return Headroom.STAYS if is_pan and Move.PUSH not in moves else Headroom.GROWS


def tuple_of(value: Callable[[int], float]) -> tuple[float, float]:
    return value(0), value(1)


def sway_of(
    rng: random.Random, *, strength: float, is_shaken: bool
) -> tuple[tuple[Wave, ...], tuple[Wave, ...], tuple[Wave, ...]]:
    """Sideways, up and down, and roll: slow drift, or the shake of a hand."""
    reach = (SHAKE if is_shaken else DRIFT) * strength
    turn = SHAKE_ROLL_RAD * strength if is_shaken else 0.0

    def waves(amplitude: float) -> tuple[Wave, ...]:
        bands = (
            ((0.2, 0.45, 1.0), (0.6, 1.0, 0.45), (1.4, 2.1, 0.14))
            if is_shaken
            else ((0.08, 0.2, 1.0),)
        )
        return tuple(
            Wave(
                amplitude=amplitude * share * rng.uniform(0.7, 1.0),
                hertz=rng.uniform(low, high),
                phase=rng.random(),
            )
            for low, high, share in bands
        )

    return waves(reach), waves(reach), waves(turn)


def tamed(path: CameraPath, *, folds: Callable[[CameraPath], bool]) -> CameraPath:
    """The path with as much relief as the photo takes without tearing or folding."""
    for _ in range(RELIEF_ROUNDS):
        if not folds(path):
            break
        path = replace(path, relief=path.relief * 0.88)
    return path


def with_overscan(path: CameraPath, overshoot: Callable[[CameraState], float]) -> CameraPath:
    """The path with just so much zoom that no frame looks outside the photo.

    overshoot: how far a state looks outside, as a ratio: 1 is exactly the photo's edge.
    """
    needed = 0.0
    moments = SOLVER_MOMENTS
    if path.is_shaken:
        moments = max(moments, round(path.duration_s * SOLVER_MOMENTS_PER_S))
    for moment in range(moments + 1):
        fraction = moment / moments
        state = path.at(fraction)
        room = max(path.room_at(fraction), path.sway_at(fraction))
        if room < 0.01:
            continue
        zoom = 1.0
        for _ in range(SOLVER_ROUNDS):
            zoom *= max(1.0, overshoot(replace(state, zoom=zoom)))
        needed = max(needed, (zoom - 1) / room)
    return replace(path, overscan=needed if needed > ROUNDING else 0.0)
