"""The engines that the fault campaigns ask, one of each kind, and the names that callers use.

A kind of engine takes part by a row of `ENGINES`, a name of `MODELS` that it is behind, and what it
charges in `chaos_prices`.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Mapping
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

from unstill.settings.engines import ENGINE_KINDS

FREE = "gpu"  # free to repeat: what it loses is sent again
GRAPH = Path(__file__).parents[1] / "tests" / "support" / "comfyui_graph.json"
JOB_S = 2.0
LISTED_JOB_S = 6.0  # where lists and cancels are to be seen


class Row(NamedTuple):
    kind: str  # of emulator
    base: str = "/v1"  # where its API begins
    job_s: float = JOB_S
    # For so long after a call it does not say that it has surely not taken it.
    told_after_s: float = 0
    # It tells of a call for less time than the clock jumps; then nobody can.
    forgets: bool = False
    own: tuple[str, ...] = ()  # lines of its table without which it is no engine

    @property
    def has_room(self) -> bool:
        """Else the kind of emulator is the `server` of an openai_videos engine."""
        return self.kind in ENGINE_KINDS

    @property
    def settles(self) -> bool:
        """Whether it can tell what became of a call: none of its own is ever in doubt."""
        name = self.kind if self.has_room else "openai_videos"
        room = import_module(f"unstill.engines.{name}.engine")
        own = (each for each in vars(room).values() if isinstance(each, type))
        return any(each.__module__ == room.__name__ and hasattr(each, "settle") for each in own)


ENGINES: Mapping[str, Row] = {
    "bailian": Row("dashscope", "/api/v1", job_s=LISTED_JOB_S),
    "modelverse": Row("modelverse"),
    "sora": Row("openai"),
    "ope": Row("unified"),
    FREE: Row("sglang"),
    "omni": Row("vllm-omni"),
    "rw": Row("runware", forgets=True),
    "fal": Row("fal", ""),
    "ark": Row("ark", "/api/v3", job_s=LISTED_JOB_S),
    "router": Row("openrouter", "/api/v1"),
    "hailuo": Row("minimax", "", job_s=LISTED_JOB_S),
    "kuaishou": Row("kling", "", told_after_s=300),
    "comfy": Row("comfy", "", forgets=True),
    "graph": Row("comfyui", "", told_after_s=60, own=(f'graph = "{GRAPH}"',)),
    "lx": Row("lightx2v", "", told_after_s=60),
}
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
    "wan-alone": Behind("wan2.7-i2v", 2, ("bailian",)),
    "wan-gateway": Behind("wan2.7-i2v", 2, ("ope", "omni")),
    "sora": Behind("openai/sora-2/image-to-video-pro", 4, ("sora", "modelverse")),
    "wan-old": Behind("Wan-AI/Wan2.2-I2V", 5, ("modelverse", "bailian")),
    "horse": Behind("happyhorse-1.0-i2v", 3, ("omni",)),
    "own": Behind("Wan-AI/Wan2.2-I2V", 5, (FREE,)),
    "wan-told": Behind("wan2.7-i2v", 2, ("rw",)),
    "wan-market": Behind("wan2.7-i2v", 2, ("fal", "router")),
    "horse-market": Behind("happyhorse-1.0-i2v", 3, ("router",)),
    "seedance": Behind("doubao-seedance-2.0", 4, ("ark",)),
    "h3": Behind("minimax-h3", 5, ("hailuo",)),
    "kling": Behind("kling-v3", 5, ("kuaishou",)),
    "wan-router": Behind("wan2.7-i2v", 2, ("comfy",)),
    "own-graph": Behind("Wan-AI/Wan2.2-I2V", 5, ("graph",)),
    "own-told": Behind("Wan-AI/Wan2.2-I2V", 5, ("lx",)),
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
