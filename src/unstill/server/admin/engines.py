"""Engines as operators see them: what each is, whether it is well, and what it has to do."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

import msgspec

from unstill.domain.engine import Children, Engine
from unstill.progress.stalls import Stage
from unstill.store.ports.queue import LaneUse


class AdminStall(msgspec.Struct, frozen=True):
    """Trouble that all submits or all polls of an engine meet. since_ms: Unix milliseconds."""

    holds_up: Stage
    code: str
    message: str
    since_ms: int


class AdminChildren(msgspec.Struct, frozen=True):
    """Child processes of one program."""

    program: str
    alive: int
    started: int
    died: int


class AdminEngine(msgspec.Struct, frozen=True, kw_only=True):
    """One engine.

    health: `refusing` while its account is let alone, until `tried_again_ms` (Unix milliseconds);
    `held_up` while its calls meet trouble; else `ok`. breaker: null of an engine of this machine.
    waiting: jobs that it has not begun. working: steps under way, of so many slots.
    """

    name: str
    kind: str
    label: str
    description: str
    is_generative: bool
    models: list[str]
    health: Literal["ok", "held_up", "refusing"]
    breaker: Literal["closed", "open"] | None
    tried_again_ms: int | None
    stalls: list[AdminStall]
    waiting: int
    working: int
    slots: int
    children: list[AdminChildren]


class AdminEngines(msgspec.Struct, frozen=True):
    data: list[AdminEngine]


def engine_told(
    engine: Engine,
    *,
    models: Sequence[str],
    is_remote: bool,
    tried_again_ms: int | None,
    stalls: Sequence[AdminStall],
    waiting: int,
    use: LaneUse | None,
    children: Iterable[Children],
) -> AdminEngine:
    """`use`: of its lane, while that is served. tried_again_ms: None unless its breaker is open."""
    health: Literal["ok", "held_up", "refusing"] = "held_up" if stalls else "ok"
    breaker: Literal["closed", "open"] | None = "closed" if is_remote else None
    if tried_again_ms is not None:
        health, breaker = "refusing", "open"
    return AdminEngine(
        name=engine.name,
        kind=engine.kind,
        label=engine.label,
        description=engine.description,
        is_generative=engine.is_generative,
        models=list(models),
        health=health,
        breaker=breaker,
        tried_again_ms=tried_again_ms,
        stalls=list(stalls),
        waiting=waiting,
        working=0 if use is None else use.busy,
        slots=0 if use is None else use.slots,
        children=[
            AdminChildren(each.program, each.alive, each.started, each.died) for each in children
        ],
    )
