"""The operator's graph, a workflow in ComfyUI's API format with placeholders, and how it is filled.

A text that is nothing but a placeholder becomes its value, a number where that is one; within a
longer text each becomes its text. What stands in a value is never filled in again.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec

from unstill.domain.errors import BadField, BadSetting, MissingField
from unstill.domain.request import Role, Size, VideoRequest
from unstill.upstreams.unsupported import Has, unsupported

NEEDED = ("prompt", "first_frame", "width", "height", "frames")
PLACEHOLDERS = (*NEEDED, "negative_prompt", "last_frame", "fps", "seed")
MOST_GRAPH_BYTES = 2**20  # ours; an exported workflow has some tens of KB
FRAMES_STEP = 4  # what the open weights' VAEs have in time, or a divisor of it: 4n + 1 frames
MOST_SEED = 2**31
_PLACEHOLDER = re.compile(r"\{(" + "|".join(PLACEHOLDERS) + r")\}")

Values = Mapping[str, str | int]


class ComfyUiGraph(msgspec.Struct, frozen=True):
    """A graph that is fit to be filled, and which placeholders it has."""

    nodes: Mapping[str, Any]
    has: frozenset[str]


def read_graph(path: str, setting: str) -> ComfyUiGraph:
    """Raises BadSetting."""
    try:
        with Path(path).open("rb") as file:
            data = file.read(MOST_GRAPH_BYTES + 1)
    except OSError as error:
        raise BadSetting(setting, f"cannot be read: {error.strerror}") from error
    if len(data) > MOST_GRAPH_BYTES:
        raise BadSetting(setting, f"has more than {MOST_GRAPH_BYTES} bytes")
    try:
        nodes = msgspec.json.decode(data)
    except UnicodeDecodeError as error:
        raise BadSetting(setting, "is not UTF-8: save it so") from error
    except (msgspec.DecodeError, RecursionError) as error:
        raise BadSetting(setting, "is no JSON") from error
    return checked_graph(nodes, setting)


def checked_graph(nodes: object, setting: str) -> ComfyUiGraph:
    """Raises BadSetting."""
    if isinstance(nodes, dict) and isinstance(nodes.get("nodes"), list):
        reason = "is a workflow as it is saved: export it in the API format"
        raise BadSetting(setting, reason)
    is_graph = isinstance(nodes, dict) and all(
        isinstance(node, dict) and "class_type" in node and isinstance(node.get("inputs"), dict)
        for node in nodes.values()
    )
    if not isinstance(nodes, dict) or not nodes or not is_graph:
        raise BadSetting(setting, "must be nodes by their ids, each with class_type and inputs")
    has = frozenset(_PLACEHOLDER.findall(msgspec.json.encode(nodes).decode()))
    if missing := [name for name in NEEDED if name not in has]:
        raise BadSetting(setting, f"has no {{{missing[0]}}} anywhere among its inputs")
    return ComfyUiGraph(nodes, has)


def misfit(graph: ComfyUiGraph, request: VideoRequest) -> BadField | None:
    """What the graph has no placeholder for."""
    name = "the engine's graph"
    has = Has(
        last_frame="last_frame" in graph.has,
        negative_prompt="negative_prompt" in graph.has,
        watermark=False,
        sound=False,
    )
    missing = unsupported(request, has, name=name)
    if missing is None and has.last_frame and request.last_frame is None:
        return MissingField("last_frame", f"{name} needs a first and a last frame")
    return missing


def values_of(
    request: VideoRequest, names: Mapping[Role, str], size: Size, *, fps: int, key: str
) -> dict[str, str | int]:
    """What stands in place of each placeholder; `names`: of the frames, as they were uploaded.

    A seed that nobody chose is made of the key: the same call has the same one.
    """
    seed = UUID(key).int % MOST_SEED if request.seed is None else request.seed
    return {
        "prompt": request.prompt,
        "negative_prompt": request.negative_prompt or "",
        "width": size.width,
        "height": size.height,
        "frames": request.duration_s * fps // FRAMES_STEP * FRAMES_STEP + 1,
        "fps": fps,
        "seed": seed,
        **{f"{role}_frame": name for role, name in names.items()},
    }


def filled(value: Any, values: Values) -> Any:
    """A graph, or what is in one, with the values in place."""
    match value:
        case str():
            whole = _PLACEHOLDER.fullmatch(value)
            if whole is not None:
                return values[whole[1]]
            return _PLACEHOLDER.sub(lambda found: str(values[found[1]]), value)
        case dict():
            return {name: filled(each, values) for name, each in value.items()}
        case list():
            return [filled(each, values) for each in value]
        case _:
            return value
