"""The description of the API, printed from the dialects' own route tables and the model cards."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, get_args

import msgspec

from unstill import __version__
from unstill.dialects import dashscope_wanted, pictures
from unstill.dialects.route import Described, Route, Verb
from unstill.dialects.videos_lacking import LACKING
from unstill.errors import KeyReused
from unstill.job import Variant
from unstill.models import CARDS, Catalogue
from unstill.server.sending import KEY_SCHEMA
from unstill.server.video_file import MEDIA_TYPES
from unstill.server.waiting import WAIT_SCHEMA

_REF = "#/components/schemas/{name}"
_QUERY_SCHEMAS: dict[str, dict[str, Any]] = {
    "limit": {"type": "integer", "minimum": 0, "maximum": 100, "default": 20},
    "wait": WAIT_SCHEMA,
    "order": {"type": "string", "enum": ["desc", "asc"], "default": "desc"},
    "variant": {"type": "string", "enum": [*get_args(Variant)], "default": "video"},
    "expires": {"type": "integer"},
    "action": {"type": "string", "enum": ["getPolicy"]},
    "page_no": {"type": "integer", "minimum": 1, "default": 1},
    "page_size": {"type": "integer", "minimum": 1, "default": 10},
    "start_time": {"type": "string", "pattern": "^[0-9]{14}$"},
    "end_time": {"type": "string", "pattern": "^[0-9]{14}$"},
    "status": {"type": "string", "enum": list(dashscope_wanted.STATUSES)},
}


def described(dialects: Sequence[Described], catalogue: Catalogue) -> bytes:
    """The whole API as OpenAPI 3.1, encoded."""
    types = {answer for dialect in dialects for route in dialect.routes for answer in route.answers}
    types |= {dialect.refusal for dialect in dialects}
    _, components = msgspec.json.schema_components(
        sorted(types, key=lambda each: each.__name__), ref_template=_REF
    )
    components["Picture"] = pictures.SCHEMA
    paths: dict[str, dict[str, Any]] = {}
    for dialect in dialects:
        for route in dialect.routes:
            path = re.sub(r":path\}", "}", route.path)
            paths.setdefault(path, {})[route.method.lower()] = _operation(dialect, route, catalogue)
    document = {
        "openapi": "3.1.0",
        "info": {
            "title": "unstill",
            "version": __version__,
            "description": "Image to video through the APIs you already write against.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "key": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "Authorization",
                    "description": "The key alone, or after `Bearer `.",
                }
            },
        },
        "security": [{"key": []}],
    }
    return msgspec.json.format(msgspec.json.encode(document), indent=1)


def _operation(dialect: Described, route: Route, catalogue: Catalogue) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": f"{dialect.name}_{route.method.lower()}_{_slug(route.path)}",
        "tags": [dialect.name],
        "summary": route.summary,
        "parameters": [
            *_path_parameters(route),
            *_query_parameters(route),
            *_header_parameters(route),
            *_switches(route),
        ],
        "responses": _responses(dialect, route),
    }
    if route.is_open:
        operation["security"] = []
    if route.body is not None:
        named = {name: {"value": example} for name, example in route.examples}
        schema = route.body(CARDS)
        _name_likes(schema, catalogue)
        content: dict[str, Any] = {
            "application/json": {"schema": schema, "examples": named},
            "multipart/form-data": {"schema": {"type": "object"}},
        }
        if route.verb == "upload":
            content = {"multipart/form-data": {"schema": schema}}
        operation["requestBody"] = {"required": True, "content": content}
    return operation


def _name_likes(schema: dict[str, Any], catalogue: Catalogue) -> None:
    """Add the operator's own names to the models whose contract they have."""
    for one in schema.get("oneOf", []):
        names = [name for name, like in catalogue.likes.items() if like == one["title"]]
        one["properties"]["model"]["enum"] += names


def _slug(path: str) -> str:
    return re.sub(r"\W+", "_", path).strip("_")


def _path_parameters(route: Route) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in re.findall(r"\{(\w+)", route.path)
    ]


def _query_parameters(route: Route) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "in": "query",
            "required": name in route.needed,
            "schema": _QUERY_SCHEMAS.get(name, {"type": "string"}),
        }
        for name in route.query
    ]


def _header_parameters(route: Route) -> list[dict[str, Any]]:
    match route.verb:
        case "submit":
            name, schema = KeyReused.param, KEY_SCHEMA
            description = "Sent again with the same fields, it gives the same job."
        case "events":
            name, schema = "Last-Event-ID", {"type": "string"}
            description = "The `id` of the last event: after the final one there is none, see 204."
        case _:
            return []
    header = {"in": "header", "name": name, "required": False, "schema": schema}
    return [header | {"description": description}]


def _switches(route: Route) -> list[dict[str, Any]]:
    schema = {"type": "string", "enum": ["enable"]}
    return [
        {"name": name, "in": "header", "required": n == 0, "schema": schema}
        for n, name in enumerate(route.switches)
    ]


def _responses(dialect: Described, route: Route) -> dict[str, Any]:
    ref = {"$ref": _REF.format(name=dialect.refusal.__name__)}
    refused = {"content": {"application/json": {"schema": ref}}}
    responses: dict[str, Any] = {} if route.verb in LACKING else {"200": _success(route)}
    if route.verb in _FILES:
        responses["206"] = {"description": "The part of the file asked for", **_FILES[route.verb]}
        responses["304"] = {"description": "The caller has the file already"}
        responses["416"] = {"description": "The range lies outside the file", **refused}
    if route.verb == "events":
        responses["204"] = {"description": "The caller has the final event already"}
    if not route.is_open:
        responses["401"] = {"description": "No API key, or an unknown one", **refused}
    responses["4XX"] = {"description": "What is wrong with the request", **refused}
    responses["5XX"] = {"description": "The server cannot do it now", **refused}
    return responses


def _binary(*media_types: str) -> dict[str, Any]:
    schema = {"schema": {"type": "string", "format": "binary"}}
    return {"content": dict.fromkeys(media_types, schema)}


_FILES: dict[Verb, dict[str, Any]] = {
    "content": _binary(*MEDIA_TYPES.values()),
    "link": _binary("video/mp4"),
}


def _success(route: Route) -> dict[str, Any]:
    if route.verb in _FILES:
        return {"description": "The file", **_FILES[route.verb]}
    if route.verb == "upload":
        return {"description": "The picture is stored"}
    if route.verb == "docs":
        return {"description": "A page", "content": {"text/html": {"schema": {"type": "string"}}}}
    refs = [{"$ref": _REF.format(name=answer.__name__)} for answer in route.answers]
    if route.verb == "events":
        # OpenAPI 3.1 has no word for the events of a stream; 3.2 calls it itemSchema.
        stream = {"schema": {"type": "string"}, "x-event-data": refs[0]}
        return {"description": "Events", "content": {"text/event-stream": stream}}
    schema = refs[0] if len(refs) == 1 else {"anyOf": refs} if refs else {"type": "object"}
    return {"description": route.summary, "content": {"application/json": {"schema": schema}}}
