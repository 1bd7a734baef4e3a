"""The camera over time: the poses between which it moves, and the state at each moment.

Lengths are in units of half the geometric mean of the frame's sides, so that a move looks alike
upright and wide; the photo's centre is (0, 0), x to the right, y down. Pure: no pixels here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto
from itertools import pairwise

EASE_SHARE = 0.35  # speeding up takes this share of a leg's time, and so does slowing down
SHAKE_SETTLES_S = 1.2
# What things at the pivot's depth follow of a dolly.
MEAN_SHARE = 0.68
SOLVER_MOMENTS = 32
SOLVER_MOMENTS_PER_S = 20  # a shaken path is met at each of its turns
SOLVER_ROUNDS = 4
LEAST_SHARE = 0.2  # a share of the photo's side: so much a frame shows at least
RELIEF_ROUNDS = 7
ROOM_ROUNDS = 4
SLIGHT = 0.01  # so near to its begin or end a leg has no say in how much room there is
LEAST_LACK = 0.0015
MOST_LENT = 0.06  # so much a leg zooms in for the room that the next one needs
ROUNDING = 1e-5  # a share of an overscan: less is no need of one

Pair = tuple[float, float]


class Headroom(Enum):
    """When the picture must be larger than the frame, so that a leg does not leave it."""

    GROWS = auto()  # begins on the whole photo
    SHRINKS = auto()  # ends on it
    STAYS = auto()  # a pan needs room on both sides all the time


@dataclass(frozen=True, kw_only=True)
class CameraState:
    """The camera at one moment; the identity shows the whole photo."""

    zoom: float = 1.0
    dolly: float = 0.0  # towards the scene: near things grow more
    pan: Pair = (0.0, 0.0)  # the whole picture moves so
    truck: Pair = (0.0, 0.0)  # sideways: times depth, around `pivot`
    aim: Pair = (0.0, 0.0)  # what a dolly goes towards
    pivot: float = 0.5  # the depth that a truck leaves at rest
    relief: float = 1.0  # how deep the scene is taken to be; 0 is a flat print
    roll_rad: float = 0.0
    turn_rad: float = 0.0  # the photo as a plane, turned around its upright middle


@dataclass(frozen=True, kw_only=True)
class Wave:
    amplitude: float
    hertz: float
    phase: float

    def at(self, time_s: float) -> float:
        return self.amplitude * math.sin(math.tau * (self.hertz * time_s + self.phase))


@dataclass(frozen=True, kw_only=True)
class Pose:
    """Where the camera is between two legs; `vertigo`: so far back while it zooms in."""

    dolly: float = 0.0
    pan: Pair = (0.0, 0.0)
    truck: Pair = (0.0, 0.0)
    roll_rad: float = 0.0
    turn_rad: float = 0.0
    vertigo: float = 0.0
    overscan: float = 0.0

    def scaled(self, share: float) -> Pose:
        return Pose(
            dolly=self.dolly * share,
            pan=(self.pan[0] * share, self.pan[1] * share),
            truck=(self.truck[0] * share, self.truck[1] * share),
            roll_rad=self.roll_rad * share,
            turn_rad=self.turn_rad * share,
            vertigo=self.vertigo * share,
            overscan=self.overscan,
        )


@dataclass(frozen=True, kw_only=True)
class LegTime:
    """The time of one leg, as shares of the video, and where it needs room."""

    begin: float
    end: float
    room: Headroom

    def gone(self, fraction: float) -> float:
        return ease((fraction - self.begin) / (self.end - self.begin))


@dataclass(frozen=True, kw_only=True)
class Hand:
    """What a hand adds sideways, up and down, and in roll: a slow drift, or a shake."""

    waves: tuple[tuple[Wave, ...], tuple[Wave, ...], tuple[Wave, ...]]
    is_shake: bool
    begin: float = 0.0
    end: float = 1.0
    rises: bool = True  # from nothing, because the photo is seen whole then
    falls: bool = False

    def at(self, time_s: float) -> tuple[float, float, float]:
        x, y, roll = (sum(wave.at(time_s) for wave in waves) for waves in self.waves)
        return x, y, roll


@dataclass(frozen=True, kw_only=True)
class CameraPath:
    """All of one video: one pose more than stretches.

    is_return: it goes all the way and comes back the same way.
    """

    duration_s: float
    poses: tuple[Pose, ...]
    stretches: tuple[LegTime, ...]
    is_return: bool
    hand: Hand
    aim: Pair
    pivot: float
    relief: float = 1.0
    turn: float = 0.0  # how much of an orbit is a plane's turn, because there is no relief
    home: Pair = (0.0, 0.0)  # where the frame's middle rests
    sway_overscan: float = 0.0

    @property
    def turns(self) -> tuple[float, ...]:
        """The moments at which it may be farthest out: where a leg begins or ends."""
        ends = {0.0, 1.0, *(each.begin for each in self.stretches)}
        ends |= {each.end for each in self.stretches}
        if self.is_return:
            ends = {share / 2 for share in ends} | {1 - share / 2 for share in ends}
        return tuple(sorted(ends))

    @property
    def pan_reach(self) -> Pair:
        """How far it ever pans away from its home."""
        return tuple_of(lambda i: max(abs(pose.pan[i]) for pose in self.poses))

    @property
    def most_dolly(self) -> float:
        return max(pose.dolly for pose in self.poses)

    def scaled(self, share: float) -> CameraPath:
        """The same moves, made smaller."""
        return replace(self, poses=tuple(pose.scaled(share) for pose in self.poses))

    def at(self, fraction: float) -> CameraState:
        """The camera after this share of the video, 0 to 1."""
        return self.posed(self.gone(fraction), fraction)

    def posed(self, gone: Sequence[float], fraction: float) -> CameraState:
        """The camera with so much done of each leg, and the hand that it has at that moment."""
        pan = self.along_both(gone, lambda p: p.pan)
        truck = self.along_both(gone, lambda p: p.truck)
        vertigo = self.along(gone, lambda p: p.vertigo)
        weight = self.sway_at(fraction)
        time_s = fraction * self.duration_s
        if not self.hand.is_shake:  # a drift starts and stops with the move
            time_s = self.duration_s * sum(gone) / len(gone)
        x, y, roll = (weight * sway for sway in self.hand.at(time_s))
        zoom = 1 + MEAN_SHARE * vertigo
        kept = 1 - 1 / zoom  # what is aimed at stays where it is
        return CameraState(
            zoom=zoom * (1 + self.overscan_at(fraction)),
            dolly=self.along(gone, lambda p: p.dolly) - vertigo,
            pan=(
                self.home[0] + pan[0] + x + kept * (self.aim[0] - self.home[0]),
                self.home[1] + pan[1] + y + kept * (self.aim[1] - self.home[1]),
            ),
            truck=(truck[0] + 2 * x, truck[1] + 2 * y),
            aim=self.aim,
            pivot=self.pivot,
            relief=self.relief,
            roll_rad=self.along(gone, lambda p: p.roll_rad) + roll,
            turn_rad=self.turn * self.along(gone, lambda p: p.turn_rad),
        )

    def gone(self, fraction: float) -> tuple[float, ...]:
        """How much of each leg is done."""
        if self.is_return:
            fraction = 1 - abs(1 - 2 * fraction)
        return tuple(stretch.gone(fraction) for stretch in self.stretches)

    def along(self, gone: Sequence[float], value: Callable[[Pose], float]) -> float:
        """A value of the poses, so far on the way."""
        return mixed(gone, [value(pose) for pose in self.poses])

    def along_both(self, gone: Sequence[float], value: Callable[[Pose], Pair]) -> Pair:
        return tuple_of(lambda i: self.along(gone, lambda pose: value(pose)[i]))

    def overscan_at(self, fraction: float) -> float:
        overscan = self.along(self.gone(fraction), lambda pose: pose.overscan)
        return overscan + self.sway_overscan * self.sway_at(fraction)

    def sway_at(self, fraction: float) -> float:
        """How much of the drift or shake there is, 0 to 1."""
        hand = self.hand
        if not hand.is_shake:
            gone = self.gone(fraction)
            done = sum(gone) / len(gone)
            return (done if hand.rises else 1.0) * (1 - done if hand.falls else 1.0)
        settle = min(SHAKE_SETTLES_S / self.duration_s, (hand.end - hand.begin) / 3)
        begins = smootherstep((fraction - hand.begin) / settle) if hand.rises else 1.0
        ends = smootherstep((hand.end - fraction) / settle) if hand.falls else 1.0
        return begins * ends


def mixed(gone: Sequence[float], values: Sequence[float]) -> float:
    """A value of the poses, so far on the way between them; one more value than legs."""
    return values[0] + sum(
        done * (after - before)
        for done, before, after in zip(gone, values[:-1], values[1:], strict=True)
    )


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


def tuple_of(value: Callable[[int], float]) -> Pair:
    return value(0), value(1)


def tamed(path: CameraPath, *, folds: Callable[[CameraPath], bool]) -> CameraPath:
    """The path with as much relief as the photo takes without tearing or folding.

    Found to a hundredth, so that of two strengths the larger one never comes out the smaller.
    """
    if not folds(path):
        return path
    least, most = 0.0, path.relief
    for _ in range(RELIEF_ROUNDS):
        relief = (least + most) / 2
        least, most = (least, relief) if folds(replace(path, relief=relief)) else (relief, most)
    return replace(path, relief=least)


def with_overscan(path: CameraPath, overshoot: Callable[[CameraState], float]) -> CameraPath:
    """The path with just so much zoom that no frame looks outside the photo.

    overshoot: how far a state looks outside, as a ratio: 1 is exactly the photo's edge.
    """
    bare = replace(
        path,
        poses=tuple(replace(pose, overscan=0.0) for pose in path.poses),
        sway_overscan=0.0,
    )
    steady = bare
    if bare.hand.is_shake:
        steady = without_hand(bare)
    roomy = replace(
        bare,
        poses=tuple(
            replace(pose, overscan=room if room > ROUNDING else 0.0)
            for pose, room in zip(bare.poses, rooms_for(steady, overshoot), strict=True)
        ),
    )
    if not bare.hand.is_shake:
        return roomy
    moments = max(SOLVER_MOMENTS, round(path.duration_s * SOLVER_MOMENTS_PER_S))
    more = (
        (needed - roomy.overscan_at(fraction)) / roomy.sway_at(fraction)
        for fraction, needed in needed_overscans(bare, overshoot, moments)
        if roomy.sway_at(fraction) > SLIGHT
    )
    return replace(roomy, sway_overscan=max(0.0, *more))


def without_hand(path: CameraPath) -> CameraPath:
    return replace(path, hand=replace(path.hand, waves=((), (), ())))


def needed_overscans(
    path: CameraPath, overshoot: Callable[[CameraState], float], moments: int
) -> list[Pair]:
    """The least overscan for each of many moments: pairs of fraction and overscan."""
    fractions = [moment / moments for moment in range(moments + 1)]
    return [(fraction, needed_overscan(path.at(fraction), overshoot)) for fraction in fractions]


def needed_overscan(state: CameraState, overshoot: Callable[[CameraState], float]) -> float:
    """The least: how far it looks outside is a part that a zoom shrinks, and one that it leaves."""
    more, shrinks = 1.0, 1.0
    before: Pair | None = None
    for _ in range(SOLVER_ROUNDS):
        beyond = overshoot(replace(state, zoom=state.zoom * more))
        if beyond <= 1 + ROUNDING:
            break
        if before is not None:
            shrinks = min(max((beyond - before[1]) / (1 / more - before[0]), LEAST_SHARE), 1.0)
        before = 1 / more, beyond
        more = shrinks / max(1 - beyond + shrinks / more, LEAST_SHARE * shrinks)
    return more - 1


def rooms_for(path: CameraPath, overshoot: Callable[[CameraState], float]) -> list[float]:
    """The least overscan at each pose with which no moment lacks any."""
    legs = len(path.stretches)
    ends = [[1.0] * done + [0.0] * (legs - done) for done in range(legs + 1)]
    still = without_hand(path)
    own = [needed_overscan(still.posed(gone, 0.0), overshoot) for gone in ends]
    rooms = own.copy()
    even_out(rooms, path.stretches)
    for leg, (this, following) in enumerate(pairwise(path.stretches)):
        if this.room is Headroom.GROWS and following.room is Headroom.STAYS:
            rooms[leg] = max(rooms[leg], rooms[leg + 1] - max(own[leg + 1], MOST_LENT))
    needs = needed_overscans(path, overshoot, SOLVER_MOMENTS)
    for fraction, needed in needs:
        lack = needed - mixed(path.gone(fraction), rooms)
        if lack > 0:
            raise_room(rooms, path.stretches, path.gone(fraction), lack)
            even_out(rooms, path.stretches)
    # what no leg has a place for, as where it pans away from what a pull would end on
    lack = max(needed - mixed(path.gone(fraction), rooms) for fraction, needed in needs)
    return [room + lack for room in rooms] if lack > LEAST_LACK else rooms


def raise_room(
    rooms: list[float], stretches: Sequence[LegTime], gone: Sequence[float], lack: float
) -> None:
    """Raise the pose that the leg under way has its room from, so that a lack is gone."""
    leg = max((leg for leg, done in enumerate(gone) if done > 0), default=0)
    done = gone[leg]
    match stretches[leg].room:
        case Headroom.STAYS:
            rooms[leg] += lack
            rooms[leg + 1] += lack
        case Headroom.GROWS if done > SLIGHT:
            rooms[leg + 1] += lack / done
        case Headroom.SHRINKS if done < 1 - SLIGHT:
            rooms[leg] += lack / (1 - done)
        case _:
            pass


def even_out(rooms: list[float], stretches: Sequence[LegTime]) -> None:
    """Raise what a leg's kind of room forbids to be lower than its other end."""
    for _ in stretches:
        for leg, stretch in enumerate(stretches):
            if stretch.room is not Headroom.SHRINKS:
                rooms[leg + 1] = max(rooms[leg], rooms[leg + 1])
            if stretch.room is not Headroom.GROWS:
                rooms[leg] = max(rooms[leg], rooms[leg + 1])
