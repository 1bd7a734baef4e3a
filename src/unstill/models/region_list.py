"""The field `region`: parts of the first frame that the caller wants to move, as sent and as read.

    [{"kind": "water", "boxes": [[0, 0.6, 1, 1]]}, {"kind": "smoke", "mask": "https://..."}]

A form has the same as JSON text. No document of these models has it: docs/decisions/091.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from unstill.domain.errors import BadField
from unstill.domain.request import (
    MASK_ROLES,
    GivenFrame,
    GivenValue,
    MarkedRegion,
    RegionKind,
    says_nothing,
)

MOST_REGIONS: Final = len(MASK_ROLES)
MOST_BOXES: Final = 8  # a region has no more; what they do not say a mask does
SIDES: Final = 4  # a box has so many
MOST_KEY_CHARS: Final = 80  # a message quotes no more of a caller's own name
_KEYS: Final = ("kind", "boxes", "mask")
_BOX: Final = (
    "four numbers from 0 to 1, [left, top, right, bottom] in shares of the picture,"
    " left before right and top before bottom"
)
_MASK: Final = "a picture as http(s) URL, data URL or base64 text"

Box = tuple[float, float, float, float]


class RegionList(msgspec.Struct, frozen=True):
    """A list of regions, each with a kind, and boxes or a mask or both."""

    allowed: str = (
        f"a list of at most {MOST_REGIONS} regions, each"
        f' {{"kind": {", ".join(RegionKind)}; "boxes": [[left, top, right, bottom]] and "mask":'
        " a picture, one or both}"
    )

    def read(self, given: GivenValue) -> tuple[MarkedRegion, ...]:
        """Raises BadField, naming the part that is wrong."""
        return tuple(
            _region(value, f"{given.param}[{n}]", n) for n, value in enumerate(_listed(self, given))
        )

    def masks(self, given: GivenValue) -> tuple[GivenFrame, ...]:
        """The masks, by the numbers of their regions. Raises BadField as `read` does."""
        self.read(given)
        return tuple(
            GivenFrame(MASK_ROLES[n], f"{given.param}[{n}].mask", value["mask"])
            for n, value in enumerate(_listed(self, given))
            if value.get("mask") is not None
        )

    def schema(self) -> dict[str, Any]:
        number = {"type": "number", "minimum": 0, "maximum": 1}
        box = {
            "type": "array",
            "items": number,
            "minItems": SIDES,
            "maxItems": SIDES,
            "format": "region-box",
            "description": _BOX,
        }
        boxes = {"type": ["array", "null"], "items": box, "minItems": 1, "maxItems": MOST_BOXES}
        mask = {"type": ["string", "null"], "format": "picture", "description": _MASK}
        region = {
            "type": "object",
            "properties": {"kind": {"enum": list(RegionKind)}, "boxes": boxes, "mask": mask},
            "required": ["kind"],
            "anyOf": [
                {"required": [name], "properties": {name: {"type": kind}}}
                for name, kind in (("boxes", "array"), ("mask", "string"))
            ],
            "additionalProperties": False,
        }
        return {"type": "array", "items": region, "maxItems": MOST_REGIONS}

    def wire_schema(self) -> dict[str, Any]:
        """The list or, as a form has it, its JSON text."""
        text = {"type": "string", "format": "region-list", "contentMediaType": "application/json"}
        return {"anyOf": [self.schema(), text, {"enum": [None, ""]}]}


def _listed(kind: RegionList, given: GivenValue) -> list[Any]:
    value = given.value
    if isinstance(value, str):
        try:
            value = msgspec.json.decode(value)
        except (msgspec.DecodeError, RecursionError):
            raise BadField(given.param, f"{kind.allowed}, as JSON", given.value) from None
    if not isinstance(value, list):
        raise BadField(given.param, kind.allowed, given.value)
    if len(value) > MOST_REGIONS:
        allowed = f"a list of at most {MOST_REGIONS} regions"
        raise BadField(given.param, allowed, found=f"{len(value)} of them")
    return value


def _region(value: object, param: str, place: int) -> MarkedRegion:
    if not isinstance(value, dict):
        raise BadField(param, "an object with kind, and boxes or mask", value)
    for key in value:
        if key not in _KEYS:
            allowed = f"absent: a region has {_spoken(_KEYS)}"
            raise BadField(f"{param}.{key[:MOST_KEY_CHARS]}", allowed, value[key])
    boxes = _boxes(value, f"{param}.boxes")
    mask = value.get("mask")
    if not isinstance(mask, str | bytes | None) or (isinstance(mask, str) and says_nothing(mask)):
        raise BadField(f"{param}.mask", _MASK, mask)
    if mask is None and not boxes:
        raise BadField(param, "a kind with boxes or a mask, or both", found="neither of them")
    role = None if mask is None else MASK_ROLES[place]
    return MarkedRegion(kind=_kind(value, f"{param}.kind"), boxes=boxes, mask=role)


def _kind(value: Mapping[str, Any], param: str) -> RegionKind:
    given = value.get("kind")
    kind = next((each for each in RegionKind if each == given), None)
    if kind is None:
        raise BadField(param, _spoken(tuple(RegionKind), "or"), given)
    return kind


def _boxes(value: Mapping[str, Any], param: str) -> tuple[Box, ...]:
    given = value.get("boxes")
    if given is None:
        return ()
    if not isinstance(given, list) or not given:
        raise BadField(param, "a list of boxes", given, found="" if given != [] else "none in it")
    if len(given) > MOST_BOXES:
        allowed = f"a list of at most {MOST_BOXES} boxes"
        raise BadField(param, allowed, found=f"{len(given)} of them")
    return tuple(_box(each, f"{param}[{n}]") for n, each in enumerate(given))


def _box(value: object, param: str) -> Box:
    if not (isinstance(value, list) and len(value) == SIDES and all(map(_is_number, value))):
        raise BadField(param, _BOX, value)
    left, top, right, bottom = (float(side) for side in value)
    if not (0 <= left < right <= 1 and 0 <= top < bottom <= 1):
        raise BadField(param, _BOX, found=f"[{left:g}, {top:g}, {right:g}, {bottom:g}]")
    return left, top, right, bottom


def _is_number(value: object) -> bool:
    return isinstance(value, float) or (type(value) is int and abs(value) < 10**9)


def _spoken(words: tuple[str, ...], link: str = "and") -> str:
    return f"{', '.join(words[:-1])} {link} {words[-1]}"
