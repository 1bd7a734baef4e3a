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
_FIRST: tuple[str, ...] = (
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
_LAST: tuple[str, ...] = ("last_frame_url", "last_frame", "last_frame_image")
_LISTS: tuple[str, ...] = ("images", "media")
KEYS = frozenset((*_FIRST, *_LAST, *_LISTS))

_LOOKS_LIKE_A_PICTURE = re.compile(
    r"(input_reference|(image|img|media|reference)s?(_|$|\[)|(first|last|start|end)_?(frame|image))"
)
_ROLES: dict[str, Role] = {"first_frame": "first", "last_frame": "last"}
_SHAPES = "a URL, a data URL, base64, a file, or an object with image_url"


def frames_in(section: Mapping[str, Any], prefix: str) -> tuple[GivenFrame, ...]:
    """All the pictures of a section; raises BadField for one that cannot be understood."""
    _refuse_strange(section, prefix)
    return tuple(_frames(section, prefix))


def extra_pictures(section: Mapping[str, Any], prefix: str) -> tuple[str, ...]:
    """Names of pictures that no model here takes: all of `images` past the first."""
    images = section.get("images")
    if not isinstance(images, list):
        return ()
    return tuple(f"{prefix}images[{n}]" for n in range(1, len(images)))


def _refuse_strange(section: Mapping[str, Any], prefix: str) -> None:
    for key, value in section.items():
        if key not in KEYS and value is not None and _LOOKS_LIKE_A_PICTURE.match(key):
            known = ", ".join((*_FIRST, *_LAST, *_LISTS))
            raise BadField(prefix + key, f"one of the known picture fields ({known})", value)


def _frames(section: Mapping[str, Any], prefix: str) -> Iterator[GivenFrame]:
    for key in _FIRST:
        yield from _shaped(section.get(key), prefix + key, "first")
    for key in _LAST:
        yield from _shaped(section.get(key), prefix + key, "last")
    images = section.get("images")
    if images is not None:
        yield from _shaped(_listed(images, prefix + "images")[0], prefix + "images[0]", "first")
    media = section.get("media")
    if media is not None:
        for n, item in enumerate(_listed(media, prefix + "media")):
            yield from _medium(item, f"{prefix}media[{n}]")


def _listed(value: object, param: str) -> list[Any]:
    if isinstance(value, list) and value:
        return value
    raise BadField(param, "a list of at least one picture", value)


def _medium(item: object, param: str) -> Iterator[GivenFrame]:
    """DashScope's `{"type": "first_frame", "url": ...}`."""
    if not isinstance(item, dict):
        raise BadField(param, "an object with type and url", item)
    role = _ROLES.get(str(item.get("type")))
    if role is None:
        raise BadField(f"{param}.type", "first_frame or last_frame", item.get("type"))
    if item.get("url") is None:
        raise BadField(f"{param}.url", _SHAPES, None)
    yield GivenFrame(role, f"{param}.url", item["url"])


def _shaped(value: object, param: str, role: Role) -> Iterator[GivenFrame]:
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
            yield from _from_content(value, param)
        case _:
            raise BadField(param, _SHAPES, value)


def _from_text(text: str, param: str) -> dict[str, Any]:
    """A form field that holds JSON, as some clients send an object in multipart."""
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError):
        raise BadField(param, f"{_SHAPES} (as JSON)", text) from None


def _from_object(value: Mapping[str, Any], param: str, role: Role) -> Iterator[GivenFrame]:
    if value.get("file_id") is not None:
        raise BadField(f"{param}.file_id", "absent: send the picture, not a stored file's id", "it")
    if value.get("content") is not None:
        content = _listed(value["content"], f"{param}.content")
        yield from _from_content(content, f"{param}.content")
        return
    for key in ("image_url", "url"):
        inner = value.get(key)
        if isinstance(inner, dict) and inner.get("url") is not None:
            yield GivenFrame(role, f"{param}.{key}.url", inner["url"])
            return
        if isinstance(inner, str | bytes):
            yield GivenFrame(role, f"{param}.{key}", inner)
            return
    raise BadField(param, _SHAPES, value)


def _from_content(items: list[Any], param: str) -> Iterator[GivenFrame]:
    """`[{"type": "image_url", "role": ..., "image_url": {"url": ...}}]`.

    Without roles the first picture is the first frame and any other is left out, as the unified
    document has it.
    """
    has_first = False
    for n, item in enumerate(items):
        where = f"{param}[{n}]"
        if isinstance(item, str | bytes):
            item = {"image_url": item}  # noqa: PLW2901  - the same item in its longer shape
        if not isinstance(item, dict):
            raise BadField(where, _SHAPES, item)
        kind = item.get("type", "image_url")
        if kind == "text":
            continue
        if kind != "image_url":
            raise BadField(f"{where}.type", "image_url", kind)
        role = _ROLES.get(str(item.get("role")))
        if role is None and has_first:
            continue
        has_first = has_first or role != "last"
        yield from _from_object(item, where, role or "first")
