"""Fields at another place than their dialect has them: one level off, or under another API's name.

The vendors' own samples send fields that their models do not have, so what is unknown is ignored.
What is known is not: left out without a word, it would make another video than was asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Any

import msgspec

from unstill.dialects.picture_names import is_name, role_of
from unstill.dialects.pictures import MOST_NAME_CHARS, refuse_strange
from unstill.request import Given, Stray, says_nothing

# Every name of a field in the dialects here; Sora on Azure: n_seconds.
_NAMES = {
    "prompt": "prompt",
    "negative_prompt": "negative_prompt",
    "resolution": "resolution",
    "size": "size",
    "aspect_ratio": "aspect_ratio",
    "ratio": "aspect_ratio",
    "orientation": "aspect_ratio",
    "duration": "duration",
    "seconds": "duration",
    "n_seconds": "duration",
    "duration_seconds": "duration",
    "seed": "seed",
    "watermark": "watermark",
    "generate_audio": "generate_audio",
    "audio": "generate_audio",
    "prompt_extend": "prompt_extend",
}
# What programs put fields into that belong elsewhere. new-api: metadata. OpenAI's SDKs: extra_body.
_HOLDERS = frozenset(
    {
        *("input", "parameters", "params", "options", "config", "metadata", "extra"),
        *("extra_body", "extra_fields", "extra_input", "extra_parameters"),
    }
)
_LONGEST_NAME = 64


def _folded(key: str) -> str:
    return key.replace("_", "").replace("-", "").lower()


_FOLDED = {_folded(name): canonical for name, canonical in _NAMES.items()}


class Unread(msgspec.Struct, frozen=True):
    """What a dialect does not read: names that are no field's, and fields at a wrong place."""

    unknown: tuple[str, ...]
    strays: tuple[Stray, ...]


def without(section: Mapping[str, Any], known: AbstractSet[str]) -> Mapping[str, Any]:
    """What of it has none of these names: nothing, of most."""
    return {} if section.keys() <= known else {k: v for k, v in section.items() if k not in known}


def without_pictures(section: Mapping[str, Any]) -> Mapping[str, Any]:
    """What of it is not read as a picture by its name."""
    return {key: value for key, value in section.items() if not is_name(key)}


def unread(*sections: tuple[str, Mapping[str, Any]]) -> Unread:
    """Of what is left of each section, with the prefix of its names.

    Raises BadField for what may be a picture.
    """
    unknown: list[str] = []
    strays: list[Stray] = []
    for prefix, section in sections:
        if not section:  # as most are
            continue
        for stray in _unread(section, prefix, depth=1):
            if isinstance(stray, str):
                unknown.append(stray)
            else:
                strays.append(stray)
    return Unread(tuple(unknown), tuple(strays))


def _unread(section: Mapping[str, Any], prefix: str, *, depth: int) -> Iterator[Stray | str]:
    refuse_strange(section, prefix)
    for key, value in section.items():
        if says_nothing(value):
            continue
        param = prefix + key[:MOST_NAME_CHARS]
        name = _canonical(key)
        if name is not None:
            yield Stray(name, Given(param, value))
            continue
        yield param
        held = _held(value) if depth and key in _HOLDERS else {}
        inner = _unread(held, f"{param}.", depth=depth - 1)
        yield from (each for each in inner if isinstance(each, Stray))


def _canonical(key: str) -> str | None:
    if len(key) > _LONGEST_NAME:
        return None
    role = role_of(key)
    return _FOLDED.get(_folded(key)) if role is None else f"{role}_frame"


def _held(value: object) -> Mapping[str, Any]:
    """The fields of an object, also of one that a form has as JSON text."""
    if isinstance(value, str) and value.lstrip().startswith("{"):
        try:
            return msgspec.json.decode(value, type=dict[str, Any])
        except (msgspec.DecodeError, RecursionError):
            return {}
    return value if isinstance(value, dict) else {}
