"""Fields at another place than their dialect has them: one level off, or under another API's name.

The vendors' own samples send fields that their models do not have, so what is unknown is ignored.
What is known is not: left out without a word, it would make another video than was asked for.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import msgspec

from unstill.dialects.picture_fields import KEYS, is_name, role_of
from unstill.dialects.pictures import MOST_NAME_CHARS, refuse_strange
from unstill.domain.request import GivenValue, Stray, says_nothing

# Every name of a field in the dialects here; Sora on Azure: n_seconds.
_NAMES = {
    "prompt": "prompt",
    "negative_prompt": "negative_prompt",
    "resolution": "resolution",
    "size": "size",
    "aspect_ratio": "aspect_ratio",
    "ratio": "aspect_ratio",
    "orientation": "aspect_ratio",
    "region": "region",
    "regions": "region",
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

    unknown: tuple[str, ...] = ()
    strays: tuple[Stray, ...] = ()


class Known(msgspec.Struct, frozen=True):
    """The names that a section is read by: those of fields and, where they are, of pictures."""

    names: frozenset[str]
    has_pictures: bool

    def left_of(self, section: Mapping[str, Any]) -> Mapping[str, Any]:
        """What of it is not read: nothing, of most."""
        if self.names.issuperset(section):
            return _NOTHING
        return {key: value for key, value in section.items() if not self._has(key)}

    def _has(self, key: str) -> bool:
        return key in self.names or (self.has_pictures and is_name(key))


def known(*names: str) -> Known:
    """The names of a section without pictures."""
    return Known(frozenset(names), has_pictures=False)


def known_with_pictures(*names: str) -> Known:
    """The names of a section that pictures stand in, in whatever spelling."""
    return Known(frozenset((*names, *KEYS)), has_pictures=True)


_NOTHING: Mapping[str, Any] = {}
_ALL_READ = Unread()


def unread(*sections: tuple[str, Mapping[str, Any]], own: Collection[str] = ()) -> Unread:
    """What is not read of all that is left of each section, with the prefix of its names.

    own: names of fields that one model has, and no table.

    Raises BadField for what may be a picture.
    """
    unknown: list[str] = []
    strays: list[Stray] = []
    for prefix, section in sections:
        if not section:  # as mostly
            continue
        for stray in _unread(section, prefix, own, depth=1):
            if isinstance(stray, str):
                unknown.append(stray)
            else:
                strays.append(stray)
    return Unread(tuple(unknown), tuple(strays)) if unknown or strays else _ALL_READ


def _unread(
    section: Mapping[str, Any], prefix: str, own: Collection[str], *, depth: int
) -> Iterator[Stray | str]:
    refuse_strange(section, prefix)
    for key, value in section.items():
        if says_nothing(value):
            continue
        param = prefix + key[:MOST_NAME_CHARS]
        name = key if key in own else _canonical(key)
        if name is not None:
            yield Stray(name, GivenValue(param, value))
            continue
        yield param
        held = _held(value) if depth and key in _HOLDERS else {}
        inner = _unread(held, f"{param}.", own, depth=depth - 1)
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
