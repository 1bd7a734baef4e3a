"""The engines that the fault campaigns ask, one of each kind, and the names that callers use.

A kind of engine takes part by a file in `chaos_kinds`.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Mapping
from typing import NamedTuple

from benchmarks.chaos_kinds import Row, rows

FREE = "gpu"  # free to repeat: what it loses is sent again
ENGINES: Mapping[str, Row] = {row.engine: row for row in rows()}
# For campaigns of other faults than the upstreams' own.
FEW = ("bailian", "modelverse", "sora", "ope", FREE, "omni", "rw")
SETTLES = frozenset(name for name, row in ENGINES.items() if row.settles)


class Behind(NamedTuple):
    like: str
    duration_s: int
    engines: tuple[str, ...]


# a name that callers may use -> what is behind it
MODELS: Mapping[str, Behind] = {
    "wan-anywhere": Behind("wan2.7-i2v", 2, ("bailian", "ope")),
    "wan-gateway": Behind("wan2.7-i2v", 2, ("ope", "omni")),
    "sora": Behind("openai/sora-2/image-to-video-pro", 4, ("sora", "modelverse")),
    "wan-old": Behind("Wan-AI/Wan2.2-I2V", 5, ("modelverse", "bailian")),
    "wan-market": Behind("wan2.7-i2v", 2, ("fal", "router")),
    **{
        name: Behind(asked.like, asked.duration_s, (engine,))
        for engine, row in ENGINES.items()
        for name, asked in row.names.items()
    },
}
LARGE_AT = "wan-alone"  # jobs with a large picture, which goes through DashScope's uploads


def models_at(engines: Collection[str]) -> dict[str, Behind]:
    """The names that these engines are behind, without the others."""
    found = {
        name: behind._replace(engines=tuple(each for each in behind.engines if each in engines))
        for name, behind in MODELS.items()
    }
    return {name: behind for name, behind in found.items() if behind.engines}


def some_engines(count: int, seed: int) -> tuple[str, ...]:
    """So many, by chance: all are seen over some seeds.

    Among them are always the one of large pictures, one that settles, and the one that is free to
    repeat.
    """
    chance = random.Random(f"engines {seed}")
    chosen = {MODELS[LARGE_AT].engines[0], FREE, chance.choice(sorted(SETTLES))}
    others = [name for name in ENGINES if name not in chosen]
    chosen |= set(chance.sample(others, max(count - len(chosen), 0)))
    return tuple(name for name in ENGINES if name in chosen)


def prompt_of(number: int) -> str:
    """Of the campaign's job of that number, and of no other."""
    return f"push in, number {number}"


PROMPT = r"push in, number \d+"
