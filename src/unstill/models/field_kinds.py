"""The kinds of values that a model's fields have, what each allows, and the reading of a value.

A value is read leniently where the vendors' documents spell it in several ways (`720P` and `720p`,
`"5"` and 5) and refused, in the caller's words, where it is out of range.

Each kind is described twice in JSON Schema: `schema()` is its one plain spelling, for a form to be
built from; `wire_schema()` is every spelling that `read()` takes, and null and the empty text,
which say nothing.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from unstill.domain.errors import BadField
from unstill.domain.request import GivenValue, Ratio, Size, TierName
from unstill.models.aspect import COMMON, OWN, WORDS, ratio_of

# Our own limits of an exact size: what the engines and players take (docs/decisions/003-sizes.md).
SIZE_LEAST_SIDE_PX = 256
SIZE_STEP_PX = 2  # H.264 with 4:2:0 colour has no odd sides
SIZE_MOST_RATIO = 4.0

NOTHING = (None, "")  # what stands for a field that was not filled in
NOT_BLANK = r"\S"
_MOST_LISTED = 100  # numbers in a pattern
_EXAMPLES = ("1280x720", "720x1280")  # possible for every model

_SIZE = re.compile(r"(\d{1,5})\s*([xX*\u00d7:\uff1a/])\s*(\d{1,5})")
_WHOLE = re.compile(r"\s*(-?\d{1,20})(?:\.0{1,9})?\s*", re.ASCII)  # a float in a form: 5.0
_OF_A_RATIO = frozenset(":\uff1a/")
# What forms, PHP (http_build_query) and YAML make of a boolean.
_TRUE = frozenset({"true", "1", "on", "yes"})
_FALSE = frozenset({"false", "0", "off", "no"})


class SizeLimits(msgspec.Struct, frozen=True):
    """How large an exact size may be."""

    most_side_px: int
    most_pixels: int
    long_sides: str  # a pattern of the even sides from 1000 to `most_side_px`

    @property
    def side(self) -> str:
        """A pattern of the sides."""
        return f"(25[68]|2[6-9][02468]|[3-9][0-9][02468]|{self.long_sides})"


_USUAL_LIMITS = SizeLimits(2048, 1920 * 1088, "1[0-9]{2}[02468]|20[0-4][02468]")
# What a model with the tier has; the largest first.
_LIMITS_OF_TIERS: dict[TierName, SizeLimits] = {
    "4K": SizeLimits(
        3840, 3840 * 2160, "[12][0-9]{2}[02468]|3[0-7][0-9][02468]|38[0-3][02468]|3840"
    ),
    "2K": SizeLimits(2560, 2560 * 1440, "1[0-9]{2}[02468]|2[0-4][0-9][02468]|25[0-5][02468]|2560"),
}


class Text(msgspec.Struct, frozen=True):
    """Text of at most `most_chars` characters."""

    most_chars: int

    @property
    def allowed(self) -> str:
        return f"text of at most {self.most_chars} characters"

    def read(self, given: GivenValue) -> str:
        if not isinstance(given.value, str):
            raise BadField(given.param, "text", given.value)
        if len(given.value) > self.most_chars:
            found = f"{len(given.value)} characters"
            raise BadField(given.param, self.allowed, given.value, found=found)
        return given.value

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "maxLength": self.most_chars}

    def wire_schema(self) -> dict[str, Any]:
        return {"type": ["string", "null"], "maxLength": self.most_chars}


class Whole(msgspec.Struct, frozen=True):
    """A whole number: one of `choices`, or from `least` to `most`.

    `otherwise`: what to do for what no number stands for.
    """

    choices: tuple[int, ...] = ()
    least: int = 0
    most: int = 0
    otherwise: str = ""

    @property
    def allowed(self) -> str:
        if self.choices:
            return _or(tuple(str(choice) for choice in self.choices))
        return f"a whole number from {self.least} to {self.most}"

    def read(self, given: GivenValue) -> int:
        number = whole(given.value)
        fits = number in self.choices if self.choices else self._spans(number)
        if number is None or not fits:
            raise BadField(given.param, self.allowed, given.value, found=self.otherwise)
        return number

    def _spans(self, number: int | None) -> bool:
        return number is not None and self.least <= number <= self.most

    def schema(self) -> dict[str, Any]:
        if self.choices:
            return {"type": "integer", "enum": list(self.choices)}
        return {"type": "integer", "minimum": self.least, "maximum": self.most}

    def wire_schema(self) -> dict[str, Any]:
        """A number or, as OpenAI has it, a text of digits."""
        if self.choices:
            return {"enum": [*self.choices, *map(str, self.choices), *NOTHING]}
        return {
            "type": ["integer", "string", "null"],
            "minimum": self.least,
            "maximum": self.most,
            "pattern": f"^({self._digits()})?$",
        }

    def _digits(self) -> str:
        """A pattern of the numbers' digits; of a long range, without its longest numbers."""
        if self.most - self.least < _MOST_LISTED:
            return "|".join(map(str, range(self.least, self.most + 1)))
        digits = f"[0-9]{{1,{len(str(self.most)) - 1}}}"
        return digits if self.least >= 0 else f"{self.least}|{digits}"


class Flag(msgspec.Struct, frozen=True):
    """True or false; forms send the words. `only`: the one that may be chosen; None: both."""

    only: bool | None = None

    @property
    def allowed(self) -> str:
        return "true or false" if self.only is None else str(self.only).lower()

    def read(self, given: GivenValue) -> bool:
        match given.value:
            case bool():
                value = given.value
            case str() if (word := given.value.strip().lower()) in _TRUE | _FALSE:
                value = word in _TRUE
            case _:
                raise BadField(given.param, self.allowed, given.value)
        if self.only is not None and value is not self.only:
            raise BadField(given.param, self.allowed, given.value)
        return value

    def schema(self) -> dict[str, Any]:
        return {"type": "boolean"} | ({} if self.only is None else {"enum": [self.only]})

    def wire_schema(self) -> dict[str, Any]:
        words = sorted((_TRUE | _FALSE) if self.only is None else _TRUE if self.only else _FALSE)
        flags = [True, False] if self.only is None else [self.only]
        return {"enum": [*flags, *words, *NOTHING]}


class Tier(msgspec.Struct, frozen=True):
    """A resolution tier: an area in pixels under a name, spelt with either p."""

    choices: tuple[TierName, ...]

    @property
    def allowed(self) -> str:
        return _or(self.choices)

    def read(self, given: GivenValue) -> TierName:
        spelt = given.value.strip().upper() if isinstance(given.value, str) else None
        for tier in self.choices:
            if spelt == tier:
                return tier
        raise BadField(given.param, self.allowed, given.value)

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "enum": list(self.choices)}

    def wire_schema(self) -> dict[str, Any]:
        return {"enum": [*self.choices, *(tier.lower() for tier in self.choices), *NOTHING]}


class Exact(msgspec.Struct, frozen=True):
    """An output size as WxH, or one of the model's tiers."""

    tiers: tuple[TierName, ...]

    @property
    def limits(self) -> SizeLimits:
        """The largest tier's, as far as it is larger than what every model takes."""
        found = (limits for tier, limits in _LIMITS_OF_TIERS.items() if tier in self.tiers)
        return next(found, _USUAL_LIMITS)

    @property
    def allowed(self) -> str:
        limits = self.limits
        sides = f"even sides from {SIZE_LEAST_SIDE_PX} to {limits.most_side_px}"
        return (
            f"a size such as 1280x720 ({sides}, ratio 1:4 to 4:1, at most "
            f"{limits.most_pixels} pixels) or {_or(self.tiers)}"
        )

    def read(self, given: GivenValue) -> Size | TierName | Ratio | None:
        """A ratio is the tier's area in that ratio; None is the frame's own."""
        text = given.value.strip() if isinstance(given.value, str) else ""
        size = _size_of(text)
        if size is None:
            ratio = ratio_of(text)
            if ratio is None and text.lower() not in OWN:
                return self._tier(given)
            return AspectRatio().read(given)
        if not _is_possible(size, self.limits):
            raise BadField(given.param, self.allowed, given.value)
        return size

    def _tier(self, given: GivenValue) -> TierName:
        try:
            return Tier(self.tiers).read(given)
        except BadField:
            raise BadField(given.param, self.allowed, given.value) from None

    def schema(self) -> dict[str, Any]:
        """The size alone: a tier is the business of the field `resolution`."""
        side = self.limits.side
        return {"type": "string", "pattern": f"^{side}x{side}$", "examples": list(_EXAMPLES)}

    def wire_schema(self) -> dict[str, Any]:
        tiers = Tier(self.tiers).wire_schema()
        side = self.limits.side
        size = {
            "type": "string",
            "format": "video-size",
            "pattern": f"^{side} *[xX*] *{side}$",
            "description": self.allowed,
        }
        return {"anyOf": [size, tiers, {"enum": list(COMMON)}]}


class AspectRatio(msgspec.Struct, frozen=True):
    """The ratio of the video's sides, for the area of its tier."""

    allowed: str = (
        f"a ratio such as {', '.join(COMMON[:3])}, from 1:4 to 4:1, or"
        " portrait, landscape or square"
    )

    def read(self, given: GivenValue) -> Ratio | None:
        """None: the first frame's own."""
        text = given.value.strip() if isinstance(given.value, str) else ""
        sides = _SIZE.fullmatch(text)  # 16x9 too, and a size that has it
        ratio = ratio_of(text if sides is None else f"{sides[1]}:{sides[3]}")
        if ratio is None:
            if text.lower() in OWN:
                return None
            raise BadField(given.param, self.allowed, given.value)
        if max(ratio.width, ratio.height) > SIZE_MOST_RATIO * min(ratio.width, ratio.height):
            raise BadField(given.param, self.allowed, given.value)
        return ratio

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "enum": list(COMMON)}

    def wire_schema(self) -> dict[str, Any]:
        return {"enum": [*COMMON, *WORDS, *sorted(OWN), *NOTHING]}


class PictureField(msgspec.Struct, frozen=True):
    """A first or last frame; read by the intake, listed here so that the card is complete."""

    allowed: str = "a picture as http(s) URL, data URL, base64 text or uploaded file"

    def schema(self) -> dict[str, Any]:
        """An address or, from a form's file, a data URL."""
        address = {"title": "Address", "type": "string", "format": "uri", "pattern": "^https?://"}
        upload = {
            "title": "File",
            "type": "string",
            "format": "data-url",
            "pattern": "^data:[^,]*;base64,",
            "contentMediaType": "image/*",
        }
        return {"anyOf": [address, upload]}

    def wire_schema(self) -> dict[str, Any]:
        """Told by the dialects, each of which knows more shapes."""
        return {}


def whole(value: object) -> int | None:
    """The whole number that a value is, however it is written; None of any other."""
    match value:
        case bool():
            return None
        case int():
            return value
        case float() if value.is_integer():
            return int(value)
        case str() if match := _WHOLE.fullmatch(value):
            return int(match[1])
        case _:
            return None


def _size_of(text: str) -> Size | None:
    """1280x720, and 1280:720 too: no ratio is written in numbers that large."""
    match = _SIZE.fullmatch(text)
    if match is None:
        return None
    size = Size(int(match[1]), int(match[3]))
    is_ratio = match[2] in _OF_A_RATIO and min(size.width, size.height) < SIZE_LEAST_SIDE_PX
    return None if is_ratio else size


def _is_possible(size: Size, limits: SizeLimits) -> bool:
    low, high = SIZE_LEAST_SIDE_PX, limits.most_side_px
    sides = (size.width, size.height)
    return (
        all(low <= side <= high and side % SIZE_STEP_PX == 0 for side in sides)
        and max(sides) <= SIZE_MOST_RATIO * min(sides)
        and size.area <= limits.most_pixels
    )


def _or(words: tuple[str, ...]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"
