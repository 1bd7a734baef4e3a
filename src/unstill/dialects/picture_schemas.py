"""Pictures in the description of the API: each shape that pictures.py reads, as JSON Schema.

What JSON Schema cannot say stands in words: of one picture under two names both must be the same.
"""

from __future__ import annotations

from typing import Any

from unstill.dialects.picture_fields import FIRST, LAST, LISTS

_TEXT = {"$ref": "#/components/schemas/PictureText"}
_ADDRESSES = ("image_url", "url")
_PICTURE = {"$ref": "#/components/schemas/Picture"}
_LISTED = {"$ref": "#/components/schemas/PictureList"}
_MEDIA = {"$ref": "#/components/schemas/MediaList"}


def _given(name: str, schema: dict[str, Any] | None = None) -> dict[str, Any]:
    """That an object has a value under a name, and that there is something in it."""
    shape = schema or {"type": ["string", "object", "array"], "minItems": 1}
    return {"required": [name], "properties": {name: shape}}


def _or_nothing(schema: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [schema, {"type": "null"}, {"type": "array", "maxItems": 0}]}


_ADDRESS: dict[str, Any] = {
    "type": "object",
    "properties": {
        **{
            name: {"anyOf": [_TEXT, {"$ref": "#/components/schemas/PictureUrl"}, {"type": "null"}]}
            for name in _ADDRESSES
        },
        "file_id": {"type": "null", "description": "Stored files are not taken."},
    },
    "anyOf": [_given(name, {"type": ["string", "object"]}) for name in _ADDRESSES],
}
_ITEM: dict[str, Any] = _ADDRESS | {
    "properties": _ADDRESS["properties"]
    | {
        "type": {"enum": ["image_url"], "default": "image_url"},
        "role": {
            "description": "`first_frame` or `last_frame`; without one the first is the first frame"
        },
    },
}
_TEXT_ITEM: dict[str, Any] = {
    "type": "object",
    "properties": {"type": {"enum": ["text"]}},
    "required": ["type"],
    "description": "Left out.",
}
# At least one item that is a first frame.
_OF_FIRST: dict[str, Any] = {
    "anyOf": [
        {"type": "string"},
        {
            "type": "object",
            "properties": {
                "type": {"not": {"enum": ["text"]}},
                "role": {"not": {"enum": ["last_frame"]}},
            },
        },
    ]
}
_MEDIUM: dict[str, Any] = {
    "type": "object",
    "properties": {"type": {"enum": ["first_frame", "last_frame"]}, "url": _TEXT},
    "required": ["type", "url"],
}

COMPONENTS: dict[str, dict[str, Any]] = {
    "PictureText": {
        "type": "string",
        "format": "picture",
        "description": (
            "A picture as text: an http(s) URL of at most 8192 characters, a data URL"
            " (`data:...;base64,...`), or base64 alone"
        ),
    },
    "PictureUrl": {"type": "object", "properties": {"url": _TEXT}, "required": ["url"]},
    "PictureItems": {
        "type": "array",
        "items": {"anyOf": [_TEXT, _ITEM, _TEXT_ITEM]},
        "minItems": 1,
        "contains": _OF_FIRST,
        "description": "Pictures after the first frame, other than a last one, are left out.",
    },
    "Picture": {
        "description": (
            "A text; or an object or a list that holds one, such as"
            ' {"image_url": "..."} or'
            ' {"content": [{"type": "image_url", "image_url": {"url": "..."}}]}'
        ),
        "anyOf": [
            _TEXT,
            _ADDRESS | {"properties": _ADDRESS["properties"] | {"content": {"type": "null"}}},
            {
                "type": "object",
                "properties": {"content": {"$ref": "#/components/schemas/PictureItems"}}
                | {name: {"type": "null"} for name in (*_ADDRESSES, "file_id")},
                "required": ["content"],
            },
            {"$ref": "#/components/schemas/PictureItems"},
        ],
    },
    "PictureList": {
        "type": "array",
        "prefixItems": [_PICTURE],
        "minItems": 1,
        "description": "The first is the first frame; the others are left out.",
    },
    "MediaList": {
        "type": "array",
        "items": _MEDIUM,
        "minItems": 1,
        "contains": {"properties": {"type": {"enum": ["first_frame"]}}},
        "description": "DashScope's list of frames, each with its role as `type`.",
    },
}


def describe(section: dict[str, Any]) -> None:
    """Add to a section's JSON Schema every name of a picture; a first frame must be there."""
    names = dict.fromkeys((*FIRST, *LAST), _or_nothing(_PICTURE))
    lists = {"images": _or_nothing(_LISTED), "media": _or_nothing(_MEDIA)}
    section["properties"] |= names | lists
    section["anyOf"] = [_given(name) for name in (*FIRST, *LISTS)]


def in_object(spell: str) -> str:
    """The field of a form that is a picture in an object, as OpenAI's SDKs spell it."""
    return spell.format("input_reference") + "[image_url]"


def describe_form(fields: dict[str, Any], spell: str) -> list[str]:
    """Add the pictures to the fields of a form; the names of first frames. `spell` has a `{}`."""
    one = _TEXT | {"description": "A file, or the text of a picture."}
    names = [*map(spell.format, FIRST), in_object(spell)]
    fields |= dict.fromkeys((*names, *map(spell.format, LAST)), one)
    return names
