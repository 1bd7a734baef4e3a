"""First and last frames under every documented name and in every documented shape.

Read the same way in each dialect: inside `input` for tasks, at top level for videos. What looks
like a picture and cannot be understood is an error, never a silent video without it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from unstill.dialects.picture_fields import (
    FIRST,
    LAST,
    LISTS,
    OPENAIS,
    is_name,
    may_be_a_picture,
    role_of,
)
from unstill.domain.errors import BadField
from unstill.domain.request import GivenFrame, Role, says_nothing

MOST_NAME_CHARS = 80  # a message quotes no more of a caller's own name
_OF_AN_OBJECT = frozenset({"content", "image_url", "url", "file_id", "type", "role"})
_ADDRESSES = ("image_url", "url", "file_id")
_SHAPES = "a URL, a data URL, base64, a file, or an object with image_url"


class Pictures(msgspec.Struct, frozen=True):
    """The frames of a request, and the caller's names of what stood among them and is not used.

    `unfilled`: the names of first frames that are there and empty, as of a form's unfilled input.
    """

    frames: tuple[GivenFrame, ...]
    left_out: tuple[str, ...]
    unfilled: tuple[str, ...] = ()

    @property
    def empty(self) -> Mapping[str, str]:
        """The caller's own name of a first frame that is unfilled, by its canonical one."""
        return {"first_frame": self.unfilled[0]} if self.unfilled else {}


class _LeftOut(msgspec.Struct, frozen=True):
    """A picture that no model here takes, or a text where pictures are."""

    param: str


class _Unfilled(msgspec.Struct, frozen=True):
    """A name of a first frame with nothing in it."""

    param: str


_Found = Iterator[GivenFrame | _LeftOut | _Unfilled]


def pictures_in(section: Mapping[str, Any], prefix: str) -> Pictures:
    """All the pictures under known names; raises BadField for one that cannot be understood.

    What else is in the section is for `strays.unread`, which refuses what may be a picture.
    """
    frames: list[GivenFrame] = []
    left_out: list[str] = []
    unfilled: list[str] = []
    for each in _pictures(section, prefix):
        match each:
            case GivenFrame():
                frames.append(each)
            case _LeftOut():
                left_out.append(each.param)
            case _Unfilled():
                unfilled.append(each.param)
    return Pictures(tuple(frames), tuple(left_out), tuple(unfilled))


def are_openais(section: Mapping[str, Any]) -> bool:
    """Whether a picture is there as OpenAI or a copy of its API documents it in JSON.

    That is a text or an object that holds one; a list in `content` is the unified document's.
    """
    given = [section[key] for key in OPENAIS if section.get(key) is not None]
    return bool(given) and not any(map(_is_unifieds, given))


def _is_unifieds(value: object) -> bool:
    return isinstance(value, list) or (isinstance(value, dict) and value.get("content") is not None)


def refuse_strange(section: Mapping[str, Any], prefix: str) -> None:
    """Raises BadField for what may be a picture under a name that is not known."""
    for key, value in section.items():
        if says_nothing(value) or is_name(key) or not may_be_a_picture(key, value):
            continue
        first, last = ", ".join((*FIRST, *LISTS)), ", ".join(LAST)
        allowed = f"one of the known picture fields (for the first frame {first}; the last {last})"
        raise BadField(prefix + key[:MOST_NAME_CHARS], allowed, value)


def _pictures(section: Mapping[str, Any], prefix: str) -> _Found:
    for key, value in section.items():
        role = role_of(key)
        if role is not None:
            yield from _shaped(value, prefix + key, role)
    if (images := section.get("images")) is not None:
        yield from _of_images(images, prefix + "images")
    if (media := section.get("media")) is not None:
        yield from _of_media(media, prefix + "media")


def _of_images(images: object, param: str) -> _Found:
    if says_nothing(images):
        yield _Unfilled(param)
    else:
        yield from _first_of(_listed(images, param), param)


def _of_media(media: object, param: str) -> _Found:
    if says_nothing(media):
        yield _Unfilled(param)
    else:
        for n, item in enumerate(_listed(media, param)):
            yield from _medium(item, f"{param}[{n}]")


def _first_of(images: list[Any], param: str) -> _Found:
    """The first one that is filled in; the others are left out."""
    is_found = False
    for n, image in enumerate(images):
        where = f"{param}[{n}]"
        if _is_unfilled(image):
            yield _Unfilled(where)
        elif is_found:
            yield _LeftOut(where)
        elif image is None or image == []:
            raise BadField(where, _SHAPES, image)
        else:
            is_found = True
            yield from _shaped(image, where, "first")


def _is_unfilled(value: object) -> bool:
    """Whether it is the text of an unfilled input."""
    return isinstance(value, str) and says_nothing(value)


def _listed(value: object, param: str) -> list[Any]:
    if isinstance(value, list) and value:
        return value
    raise BadField(param, "a list of at least one picture", value)


def _medium(item: object, param: str) -> _Found:
    """DashScope's `{"type": "first_frame", "url": ...}`."""
    if not isinstance(item, dict):
        raise BadField(param, "an object with type and url", item)
    role = _role(item.get("type"))
    if role is None:
        raise BadField(f"{param}.type", "first_frame or last_frame", item.get("type"))
    if item.get("url") is None:
        raise BadField(f"{param}.url", _SHAPES, found="nothing")
    _refuse_others(item, param)
    yield from _filled(item["url"], f"{param}.url", role)


def _filled(value: Any, param: str, role: Role) -> _Found:
    if not says_nothing(value):
        yield GivenFrame(role, param, value)
    elif role == "first":
        yield _Unfilled(param)


def _refuse_others(value: Mapping[str, Any], param: str) -> None:
    """Raises BadField for a further picture in an object that is one."""
    refuse_strange({k: v for k, v in value.items() if k not in _OF_AN_OBJECT}, f"{param}.")
    for key, other in value.items():
        if key not in _OF_AN_OBJECT and is_name(key) and not says_nothing(other):
            raise BadField(f"{param}.{key[:MOST_NAME_CHARS]}", f"beside {param}, not in it", other)


def _role(word: object) -> Role | None:
    """The role that a word gives a picture: `first_frame`, `lastFrame`, `tail`, `end_image`."""
    if not isinstance(word, str):
        return None
    return role_of(word) or role_of(f"{word}_frame")


def _shaped(value: object, param: str, role: Role) -> _Found:
    match value:
        case None:
            return
        case _ if says_nothing(value):
            if role == "first":
                yield _Unfilled(param)
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
        _refuse_others(value, param)
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
    _refuse_others(value, param)
    for key in given:
        match value[key]:
            case {"url": url} if url is not None:
                yield from _filled(url, f"{param}.{key}.url", role)
            case str() | bytes() as picture:
                yield from _filled(picture, f"{param}.{key}", role)
            case other:
                raise BadField(f"{param}.{key}", _SHAPES, other)


def _in_full(item: object, param: str) -> object:
    """A picture alone, or the JSON of an object, as the object that it stands for."""
    match item:
        case str() if item.lstrip().startswith("{"):
            return _from_text(item, param)
        case str() | bytes():
            return {"image_url": item}
        case _:
            return item


def _from_content(items: list[Any], param: str, role: Role) -> _Found:
    """`[{"type": "image_url", "role": ..., "image_url": {"url": ...}}]`.

    A picture without a role of its own has `role` if it is the first such; any other is left out,
    as the unified document has it, and so is a text.
    """
    taken: set[Role] = set()
    for n, item in enumerate(items):
        where = f"{param}[{n}]"
        if _is_unfilled(item):
            yield _Unfilled(where)
            continue
        item = _in_full(item, where)  # noqa: PLW2901  - the same item in its longer shape
        if not isinstance(item, dict):
            raise BadField(where, _SHAPES, item)
        kind = item.get("type", "image_url")
        if kind not in ("image_url", "text"):
            raise BadField(f"{where}.type", "image_url", kind)
        own = _role(item.get("role"))
        if kind == "text" or (own is None and role in taken):
            yield _LeftOut(where)
            continue
        taken.add(own or role)
        yield from _from_address(item, where, own or role)
