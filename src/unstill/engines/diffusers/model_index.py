"""What model_index.json says: which profile a folder is of, and which components it has."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import msgspec

from unstill.domain.errors import shown
from unstill.engines.diffusers.folder_files import BadFolder, read_json
from unstill.engines.diffusers.profile import Profile
from unstill.engines.diffusers.profiles import PROFILES

INDEX = "model_index.json"
_LIBRARIES = ("diffusers", "transformers")
_NOTHING = (None, [None, None])  # how diffusers saves what a pipeline does without

Index = Mapping[str, Any]


class NamedPart(msgspec.Struct, frozen=True):
    """A component as model_index.json names it."""

    name: str
    library: str
    class_name: str


def read_index(root: Path) -> Index:
    """Raises BadFolder for what is no folder in diffusers' layout."""
    try:
        names = {path.name for path in root.iterdir()}
    except OSError as error:
        reason = f"is no folder of weights: {error.strerror}"
        raise BadFolder(root.name or str(root), reason) from error
    if INDEX not in names:
        raise BadFolder(INDEX, f"is missing: {_what_else(names)}")
    return read_json(root, INDEX, dict[str, Any])


def _what_else(names: set[str]) -> str:
    if not names:
        return "the folder is empty"
    if "snapshots" in names:
        return "this is a hub's cache, whose folders of weights are in snapshots/"
    if {"high_noise_model", "low_noise_model"} & names:
        return "these are Wan's own files, diffusers' are published as ...-Diffusers"
    return "a folder of weights must be in diffusers' layout"


def recognised(index: Index, profiles: tuple[Profile, ...] = PROFILES) -> Profile:
    """The profile of a folder. Raises BadFolder with what is known, for one of none."""
    pipeline = index.get("_class_name")
    alike = [each for each in profiles if pipeline in (each.pipeline, *each.also_saved_as)]
    fitting = [each for each in alike if not _differs(each, index)]
    if fitting:
        return max(fitting, key=lambda each: len(each.index))
    known = ", ".join(f"{each.title} ({each.pipeline})" for each in profiles)
    if alike:
        why = "; ".join(f"not {each.title}, since {_differs(each, index)}" for each in alike)
        raise BadFolder(INDEX, f"names {pipeline}, but is {why}; known are {known}")
    raise BadFolder(
        INDEX, f"names a pipeline that is not known, {shown(pipeline)}; known are {known}"
    )


def _differs(profile: Profile, index: Index) -> str:
    """What its index has that the profile's would not; empty if nothing."""
    for key, wanted in profile.index.items():
        value = index.get(key)
        is_there = value not in _NOTHING
        if isinstance(wanted, type):
            is_right = isinstance(value, wanted)
        else:
            is_right = value == wanted if wanted is not None else not is_there
        if not is_right:
            return f"{key} is {shown(value) if is_there else 'not there'}"
    return ""


def parts_of(index: Index, profile: Profile) -> tuple[NamedPart, ...]:
    """All components that the folder must have. Raises BadFolder for a missing or wrong one."""
    parts = {name: _part(name, *value) for name, value in index.items() if _is_part(value)}
    for name, wanted in profile.components.items():
        if name not in parts:
            raise BadFolder(INDEX, f"has no {name}, which {profile.title} needs")
        if wanted and parts[name].class_name != wanted:
            got = parts[name].class_name
            raise BadFolder(INDEX, f"{name} must be a {wanted} for {profile.title}, got {got}")
    return tuple(parts.values())


def _is_part(value: object) -> bool:
    """Whether an entry is a component: a library and a class; settings of a pipeline are not."""
    is_pair = isinstance(value, list) and len(value) == 2
    return is_pair and all(isinstance(each, str) for each in cast("list[object]", value))


def _part(name: str, library: str, class_name: str) -> NamedPart:
    if library not in _LIBRARIES:
        raise BadFolder(INDEX, f"{name} is of {shown(library)}: code of a folder's own is not run")
    return NamedPart(name, library, class_name)
