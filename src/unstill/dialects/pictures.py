"""First and last frames under every documented name and in every documented shape.

Read the same way in each dialect: inside `input` for tasks, at top level for videos. What looks
like a picture and cannot be understood is an error, never a silent video without it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from unstill.errors import BadField
from unstill.request import GivenFrame, Role

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
MOST_NAME_CHARS = 80  # of a caller's own name in a message
KEYS = (*FIRST, *LAST, *LISTS)
NAMES = frozenset(KEYS)  # the same, to look one up

_LOOKS_LIKE_A_PICTURE = re.compile(
    r"(input_reference|(image|img|media|reference)s?(_|$|\[)|(first|last|start|end)_?(frame|image))"
)
_ROLES: dict[str, Role] = {"first_frame": "first", "last_frame": "last"}
_SINGLE: tuple[tuple[str, Role], ...] = (
    *((key, "first") for key in FIRST),
    *((key, "last") for key in LAST),
)
_ADDRESSES = ("image_url", "url", "file_id")
_SHAPES = "a URL, a data URL, base64, a file, or an object with image_url"


class Pictures(msgspec.Struct, frozen=True):
    """The frames of a request, and the caller's names of what stood among them and is not used."""

    frames: tuple[GivenFrame, ...]
    left_out: tuple[str, ...]


class _LeftOut(msgspec.Struct, frozen=True):
    """A picture that no model here takes, or a text where pictures are."""

    param: str


_Found = Iterator[GivenFrame | _LeftOut]


def pictures_in(section: Mapping[str, Any], prefix: str) -> Pictures:
    """All the pictures of a section; raises BadField for one that cannot be understood."""
    _refuse_strange(section, prefix)
    found = list(_pictures(section, prefix))
    frames = [each for each in found if isinstance(each, GivenFrame)]
    left_out = [each.param for each in found if isinstance(each, _LeftOut)]
    return Pictures(tuple(frames), tuple(left_out))


def are_openais(section: Mapping[str, Any]) -> bool:
    """Whether a picture is there as OpenAI or a copy of its API documents it in JSON.

    That is a text or an object that holds one; a list in `content` is the unified document's.
    """
    given = [section[key] for key in OPENAIS if section.get(key) is not None]
    return bool(given) and not any(map(_is_unifieds, given))


def _is_unifieds(value: object) -> bool:
    return isinstance(value, list) or (isinstance(value, dict) and value.get("content") is not None)


def _refuse_strange(section: Mapping[str, Any], prefix: str) -> None:
    for key, value in section.items():
        if key not in NAMES and value is not None and _LOOKS_LIKE_A_PICTURE.match(key):
            allowed = f"one of the known picture fields ({', '.join(KEYS)})"
            raise BadField(prefix + key[:MOST_NAME_CHARS], allowed, value)


def _pictures(section: Mapping[str, Any], prefix: str) -> _Found:
    for key, role in _SINGLE:
        value = section.get(key)
        if value is not None:
            yield from _shaped(value, prefix + key, role)
    images = section.get("images")
    if images is not None:
        first, *others = _listed(images, prefix + "images")
        if first is None:
            raise BadField(prefix + "images[0]", _SHAPES, None)
        yield from _shaped(first, prefix + "images[0]", "first")
        yield from (_LeftOut(f"{prefix}images[{n}]") for n in range(1, len(others) + 1))
    media = section.get("media")
    if media is not None:
        for n, item in enumerate(_listed(media, prefix + "media")):
            yield from _medium(item, f"{prefix}media[{n}]")


def _listed(value: object, param: str) -> list[Any]:
    if isinstance(value, list) and value:
        return value
    raise BadField(param, "a list of at least one picture", value)


def _medium(item: object, param: str) -> _Found:
    """DashScope's `{"type": "first_frame", "url": ...}`."""
    if not isinstance(item, dict):
        raise BadField(param, "an object with type and url", item)
    role = _ROLES.get(str(item.get("type")))
    if role is None:
        raise BadField(f"{param}.type", "first_frame or last_frame", item.get("type"))
    if item.get("url") is None:
        raise BadField(f"{param}.url", _SHAPES, None)
    yield GivenFrame(role, f"{param}.url", item["url"])


def _shaped(value: object, param: str, role: Role) -> _Found:
    match value:
        case None:
            return
        case bytes():
            yield GivenFrame(role, param, value)
        case str():
            if value.lstrip().startswith("{"):
                yield from _shaped(_from_text(value, param), param, role)
            else:
                yield GivenFrame(role, param, value)
        case dict():
            yield from _from_object(value, param, role)
        case list():
            yield from _from_content(_listed(value, param), param, role)
        case _:
            raise BadField(param, _SHAPES, value)


def _from_text(text: str, param: str) -> dict[str, Any]:
    """A form field that holds JSON, as some clients send an object in multipart."""
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError):
        raise BadField(param, f"{_SHAPES} (as JSON)", text) from None


def _from_object(value: Mapping[str, Any], param: str, role: Role) -> _Found:
    content = value.get("content")
    if content is not None:
        where = f"{param}.content"
        yield from _from_content(_listed(content, where), where, role)
    if content is None or any(value.get(key) is not None for key in _ADDRESSES):
        yield from _from_address(value, param, role)


def _from_address(value: Mapping[str, Any], param: str, role: Role) -> _Found:
    """`{"image_url": "..."}`, `{"image_url": {"url": "..."}}`, `{"url": "..."}`."""
    if value.get("file_id") is not None:
        allowed = "absent: send the picture, not a stored file's id"
        raise BadField(f"{param}.file_id", allowed, value["file_id"])
    given = [key for key in _ADDRESSES if value.get(key) is not None]
    if not given:
        raise BadField(param, _SHAPES, value)
    for key in given:
        match value[key]:
            case {"url": url} if url is not None:
                yield GivenFrame(role, f"{param}.{key}.url", url)
            case str() | bytes() as picture:
                yield GivenFrame(role, f"{param}.{key}", picture)
            case other:
                raise BadField(f"{param}.{key}", _SHAPES, other)


def _from_content(items: list[Any], param: str, role: Role) -> _Found:
    """`[{"type": "image_url", "role": ..., "image_url": {"url": ...}}]`.

    A picture without a role of its own has `role` if it is the first such; any other is left out,
    as the unified document has it, and so is a text.
    """
    taken: set[Role] = set()
    for n, item in enumerate(items):
        where = f"{param}[{n}]"
        if isinstance(item, str | bytes):
            item = {"image_url": item}  # noqa: PLW2901  - the same item in its longer shape
        if not isinstance(item, dict):
            raise BadField(where, _SHAPES, item)
        kind = item.get("type", "image_url")
        if kind not in ("image_url", "text"):
            raise BadField(f"{where}.type", "image_url", kind)
        own = _ROLES.get(str(item.get("role")))
        if kind == "text" or (own is None and role in taken):
            yield _LeftOut(where)
            continue
        taken.add(own or role)
        yield from _from_address(item, where, own or role)
