"""What the fault campaigns have to know of each kind of upstream: a file of its own for each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from pkgutil import iter_modules
from typing import Literal, NamedTuple

from unstill.settings.engines import ENGINE_KINDS

JOB_S = 2.0
LISTED_JOB_S = 6.0  # where lists and cancels are to be seen


class Asked(NamedTuple):
    """A name that callers use: for which model of unstill's, and how long its videos are."""

    like: str
    duration_s: int


class Cost(NamedTuple):
    unit: Literal["per_second", "per_video"]
    amount: str


class Charges(NamedTuple):
    currency: str
    by_model: Mapping[str, Cost]  # as the engine names them


class Row(NamedTuple):
    kind: str  # of emulator
    engine: str  # its name in the campaigns
    base: str = "/v1"  # where its API begins
    job_s: float = JOB_S
    # For so long after a call it does not say that it has surely not taken it.
    told_after_s: float = 0
    # It tells of a call for less time than the clock jumps; then nobody can.
    forgets: bool = False
    own: tuple[str, ...] = ()  # lines of its table without which it is no engine
    names: Mapping[str, Asked] = {}  # that it alone is behind
    charges: Charges | None = None  # None: it is free

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


def rows() -> Iterator[Row]:
    """Of all files here, by their names."""
    for module in iter_modules(__path__):
        row: Row = import_module(f"{__name__}.{module.name}").ROW
        yield row
