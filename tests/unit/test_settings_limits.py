"""Each number of the settings is taken up to its limits, and refused beyond them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest
from msgspec import inspect

from support.settings_files import read_in, refused_in
from unstill.settings.engines import (
    ENGINE_KINDS,
    HOSTED,
    CameraSettings,
    ComfyUiSettings,
    DiffusersSettings,
    OpenAiVideosSettings,
)
from unstill.settings.server import ServerSettings

DIFFUSERS = '[engines.a]\nkind = "diffusers"\npath = "weights"\n'
REMOTE = '[engines.a]\nkind = "dashscope"\nbase_url = "http://a/api/v1"\n'


def number(type_: object) -> inspect.IntType | inspect.FloatType | None:
    """The number that a setting is, also one that may be left out without a value."""
    kind = inspect.type_info(type_)
    if isinstance(kind, inspect.UnionType):
        kind = next(each for each in kind.types if not isinstance(each, inspect.NoneType))
    return kind if isinstance(kind, inspect.IntType | inspect.FloatType) else None


class Edge(NamedTuple):
    """A limit, with the last value that is taken and the next, which is not."""

    limit: float
    last: float
    beyond: float


def edges(kind: inspect.IntType | inspect.FloatType) -> list[Edge]:
    step = 1 if isinstance(kind, inspect.IntType) else 0.001
    found: list[Edge] = []
    if kind.ge is not None:
        found.append(Edge(kind.ge, kind.ge, kind.ge - step))
    if kind.gt is not None:
        found.append(Edge(kind.gt, kind.gt + step, kind.gt))
    assert found, "it has no least value"
    if kind.le is not None:
        found.append(Edge(kind.le, kind.le, kind.le + step))
    return found


def limits() -> list[tuple[str, str, Edge]]:
    """Each limit of a number, with the table it is in and its name."""
    found: list[tuple[str, str, Edge]] = []
    tables: tuple[tuple[str, type[msgspec.Struct]], ...] = (
        ("[server]\n", ServerSettings),
        ('[engines.a]\nkind = "camera"\n', CameraSettings),
        (DIFFUSERS, DiffusersSettings),
        *((REMOTE.replace("dashscope", kind), HOSTED[kind]) for kind in HOSTED),
        (REMOTE.replace("dashscope", "openai_videos"), OpenAiVideosSettings),
        (f'{REMOTE.replace("dashscope", "comfyui")}graph = "g.json"\n', ComfyUiSettings),
    )
    for table, struct in tables:
        for field in msgspec.structs.fields(struct):
            kind = number(field.type)
            if kind is not None:
                found += [(table, field.name, edge) for edge in edges(kind)]
    return found


@pytest.mark.parametrize(("table", "name", "edge"), limits())
def test_a_number_is_taken_up_to_each_of_its_limits(
    tmp_path: Path, table: str, name: str, edge: Edge
) -> None:
    settings = read_in(tmp_path, f"{table}{name} = {edge.last}")
    refusal = refused_in(tmp_path, f"{table}{name} = {edge.beyond}")

    assert getattr(settings.engines.get("a", settings.server), name) == edge.last
    assert f"{name}: must be a" in refusal
    assert re.search(rf"\b{edge.limit:g}\b", refusal)
    assert refusal.endswith(f"got {edge.beyond}")


def test_every_kind_of_engine_is_tried_at_its_limits() -> None:
    tables = "".join(table for table, *_ in limits())

    assert all(f'kind = "{kind}"' in tables for kind in ENGINE_KINDS)
