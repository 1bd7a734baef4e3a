"""What programs call a first and a last frame: the documented names, and their other spellings.

A name that is clear is taken; one that may be a picture's and is not clear is refused by the one
who reads the section, so that no picture is left out without a word.
"""

from __future__ import annotations

import re
from functools import lru_cache

from unstill.domain.request import Role
from unstill.media.picture_base64 import begins_as_a_picture

# wire name -> role. Modelverse: first_frame_url, last_frame_url, img_url, images. OpenAI:
# input_reference. vLLM-Omni: image_reference. SGLang: reference_url. new-api: image.
FIRST: tuple[str, ...] = (
    "first_frame_url",
    "img_url",
    "image_url",
    "image",
    "first_frame",
    "first_frame_image",
    "reference_url",
    "input_reference",
    "image_reference",
)
LAST: tuple[str, ...] = ("last_frame_url", "last_frame", "last_frame_image")
LISTS: tuple[str, ...] = ("images", "media")
OPENAIS = ("input_reference", "image_reference", "reference_url", "image")  # and its copies'
KEYS = (*FIRST, *LAST, *LISTS)

_DOCUMENTED: dict[str, Role] = {**dict.fromkeys(FIRST, "first"), **dict.fromkeys(LAST, "last")}
_LISTS = frozenset(LISTS)
# Kling: image_tail. Luma and Runway: first, last. fal: tail_image_url, end_image_url. MiniMax:
# last_frame_image. Veo: lastFrame. Vidu: start and end frames. And all of them in either case.
_THING = "(?:frame|image|img|picture|photo|pic)"
_BEGINNING = "(?:first|start|starting|head|initial|init|begin|beginning|input)"
_END = "(?:last|end|ending|tail|final)"
_FORM = "(?:url|uri|link|base64|b64|data|file)"
_LAST = re.compile(f"(?:{_END}{_THING}+|{_THING}{_END}){_FORM}*")
_FIRST = re.compile(
    f"(?:{_BEGINNING}{_THING}+|{_THING}{_BEGINNING}|(?:image|img|picture|photo|pic)){_FORM}*"
)
_NAME = re.compile(r"[\w\[\]. -]+", re.ASCII)
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_PICTORIAL = re.compile(
    r"(?:images?|imgs?|pictures?|photos?|media|references?|keyframes?|[a-z]+(?:image|img|picture|photo)s?)"
)
_PLACES = re.compile(f"{_BEGINNING}|{_END}")
# Words of what is said about a picture, with a value that is none.
_ABOUT = frozenset(
    {
        *(
            "size",
            "sizes",
            "width",
            "height",
            "ratio",
            "resolution",
            "count",
            "num",
            "number",
            "rate",
        ),
        *(
            "strength",
            "scale",
            "weight",
            "influence",
            "guidance",
            "cfg",
            "noise",
            "quality",
            "detail",
        ),
        *("format", "type", "mode", "style", "prompt", "description", "fidelity", "interpolation"),
        *("extend", "enhance", "upscale"),
    }
)
_LONGEST_NAME = 64  # longer ones are no spelling of these
_SHORTEST_TEXT = 64  # no picture is shorter as base64
# Requests have the same few names: measured on 2026-11-28, to read them anew each time would be a
# tenth of a submit. Of names that are made up none is remembered for long.
_REMEMBERED = 512


def role_of(key: str) -> Role | None:
    """Whose picture a name is without doubt, in any of its spellings."""
    documented = _DOCUMENTED.get(key)
    if documented is not None or len(key) > _LONGEST_NAME:
        return documented
    return _spelled(key)


@lru_cache(_REMEMBERED)
def _spelled(key: str) -> Role | None:
    flat = re.sub(r"[_-]", "", key).lower()
    if _LAST.fullmatch(flat):
        return "last"
    return "first" if _FIRST.fullmatch(flat) else None


def is_name(key: str) -> bool:
    """Whether a picture, or a list of them, is read under this name."""
    return key in _LISTS or role_of(key) is not None


def may_be_a_picture(key: str, value: object) -> bool:
    """Whether what stands under an unknown name may be a picture, by its name or by itself."""
    if is_pictorial(value):
        return True
    is_named, is_about = _read_name(key[:_LONGEST_NAME])
    return is_named and (not is_about or _holds_one(value))


@lru_cache(_REMEMBERED)
def _read_name(name: str) -> tuple[bool, bool]:
    """Whether it speaks of a picture, and whether it says something about one."""
    words = [word.lower() for word in _WORD.findall(name)] if _NAME.fullmatch(name) else []
    is_frame = not {"frame", "frames"}.isdisjoint(words)
    is_named = any(_PICTORIAL.fullmatch(word) for word in words) or (
        is_frame and any(_PLACES.fullmatch(word) for word in words)
    )
    return is_named, not _ABOUT.isdisjoint(words)


def is_pictorial(value: object) -> bool:
    """Whether it is a file or a text that is a picture whatever its name; an address may be."""
    match value:
        case bytes():
            return bool(value)
        case str():
            head = value[: 4 * _SHORTEST_TEXT].lstrip()
            is_picture = head[: len("data:image/")].lower() == "data:image/"
            return is_picture or (len(value) > _SHORTEST_TEXT and begins_as_a_picture(head))
        case list():
            return any(isinstance(each, str | bytes) and is_pictorial(each) for each in value)
        case _:
            return False


def _holds_one(value: object) -> bool:
    match value:
        case str():
            return "://" in value[:8]
        case dict():
            return any(key in value for key in ("url", "image_url", "base64"))
        case list():
            return any(map(_holds_one, value))
        case _:
            return False
