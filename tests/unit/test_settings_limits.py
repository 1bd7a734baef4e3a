"""Each number of the settings is taken up to its limits, and refused beyond them."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest
from msgspec import inspect

from support.settings_files import read_in, refused_in
from unstill.settings.engines import (
    ENGINE_KINDS,
    CameraSettings,
    DashScopeSettings,
    ModelverseSettings,
    OpenAiVideosSettings,
)
from unstill.settings.server import ServerSettings

REMOTE = '[engines.a]\nkind = "dashscope"\nbase_url = "http://a/api/v1"\n'


def limits() -> list[tuple[str, str, float, float]]:
    """Each limit of a number: the table it is in, its name, the last value before it, the next."""
    found: list[tuple[str, str, float, float]] = []
    for table, struct in (
        ("[server]\n", ServerSettings),
        ('[engines.a]\nkind = "camera"\n', CameraSettings),
        (REMOTE, DashScopeSettings),
        (REMOTE.replace("dashscope", "modelverse"), ModelverseSettings),
        (REMOTE.replace("dashscope", "openai_videos"), OpenAiVideosSettings),
    ):
        for field in msgspec.structs.fields(struct):
            kind = inspect.type_info(field.type)
            if not isinstance(kind, inspect.IntType | inspect.FloatType):
                continue
            step = 1 if isinstance(kind, inspect.IntType) else 0.001
            assert kind.ge is not None, f"{field.name} has no least value"
            found.append((table, field.name, kind.ge, kind.ge - step))
            if kind.le is not None:
                found.append((table, field.name, kind.le, kind.le + step))
    return found


@pytest.mark.parametrize(("table", "name", "last", "beyond"), limits())
def test_a_number_is_taken_up_to_each_of_its_limits(
    tmp_path: Path, table: str, name: str, last: float, beyond: float
) -> None:
    settings = read_in(tmp_path, f"{table}{name} = {last}")
    refusal = refused_in(tmp_path, f"{table}{name} = {beyond}")

    assert getattr(settings.engines.get("a", settings.server), name) == last
    assert f"{name}: must be a" in refusal
    assert re.search(rf"\b{last:g}\b", refusal)
    assert refusal.endswith(f"got {beyond}")


def test_every_kind_of_engine_is_tried_at_its_limits() -> None:
    tables = "".join(table for table, *_ in limits())

    assert all(f'kind = "{kind}"' in tables for kind in ENGINE_KINDS)
