"""The description of the API, printed from the dialects' own route tables and the model cards."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, get_args

import msgspec

from unstill import __version__
from unstill.dialects import picture_schemas
from unstill.dialects.dashscope_wanted import MOST_PAGE_NO, STATUSES
from unstill.dialects.route import Described, Route
from unstill.errors import KeyReused
from unstill.job import Variant
from unstill.models import CARDS, Catalogue
from unstill.server.openapi_answers import HEADERS, REF, answers
from unstill.server.sending import KEY_SCHEMA
from unstill.server.waiting import WAIT_SCHEMA

_MOMENT: dict[str, Any] = {
    "type": "string",
    "format": "moment",
    "description": "YYYYMMDDhhmmss in UTC+8.",
}
_ID = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_IDS = frozenset({"video_id", "task_id"})
# Parameters of paths and queries by name; any other is a text.
_PARAMETERS: dict[str, dict[str, Any]] = {
    "video_id": {"type": "string", "format": "uuid"},
    "job_id": {"type": "string", "format": "uuid"},
    "after": {"type": "string", "pattern": f"^({_ID})?$"},
    "limit": {"type": "integer", "minimum": 0, "maximum": 100, "default": 20},
    "wait": WAIT_SCHEMA,
    "order": {"type": "string", "enum": ["desc", "asc"], "default": "desc"},
    "variant": {"type": "string", "enum": [*get_args(Variant)], "default": "video"},
    "expires": {"type": "integer"},
    "action": {"type": "string", "enum": ["getPolicy"]},
    "page_no": {"type": "integer", "minimum": 1, "maximum": MOST_PAGE_NO, "default": 1},
    "page_size": {"type": "integer", "minimum": 1, "maximum": MOST_PAGE_NO, "default": 10},
    "start_time": _MOMENT,
    "end_time": _MOMENT,
    "status": {"type": "string", "enum": list(STATUSES)},
}


def described(dialects: Sequence[Described], catalogue: Catalogue) -> bytes:
    """The whole API as OpenAPI 3.1, encoded."""
    types = {answer for dialect in dialects for route in dialect.routes for answer in route.answers}
    types |= {dialect.refusal for dialect in dialects}
    _, components = msgspec.json.schema_components(
        sorted(types, key=lambda each: each.__name__), ref_template=REF
    )
    components |= picture_schemas.COMPONENTS
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
            "headers": HEADERS,
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
        "operationId": _operation_id(dialect, route),
        "tags": [dialect.name],
        "summary": route.summary,
        "parameters": [
            *_path_parameters(route, catalogue),
            *_query_parameters(route, catalogue),
            *_header_parameters(route),
            *_switches(route),
        ],
        "responses": answers(dialect, route),
    }
    if route.job_id_at:
        operation["responses"]["200"]["links"] = _links(dialect, route)
    if route.is_open:
        operation["security"] = []
    if route.reads_body:
        operation["requestBody"] = {"required": True, "content": _bodies(route, catalogue)}
    return operation


def _bodies(route: Route, catalogue: Catalogue) -> dict[str, Any]:
    """What may be sent, by content type; the object store's form has a file in it."""
    content: dict[str, Any] = {}
    if route.body is not None:
        schema = route.body(CARDS)
        _name_likes(schema, catalogue)
        named = {name: {"value": example} for name, example in route.examples}
        content["application/json"] = {"schema": schema, "examples": named}
    if route.form is not None:
        schema = route.form(CARDS)
        _name_likes(schema, catalogue)
        content["multipart/form-data"] = {"schema": schema}
    return content


def _links(dialect: Described, route: Route) -> dict[str, Any]:
    """Where the same dialect takes the new job's id."""
    found: dict[str, Any] = {}
    for other in dialect.routes:
        names = {*re.findall(r"\{(\w+)", other.path), *other.needed} & _IDS
        for name in names:
            found[f"{other.verb}_{name}"] = {
                "operationId": _operation_id(dialect, other),
                "parameters": {name: f"$response.body#{route.job_id_at}"},
            }
    return found


def _name_likes(schema: dict[str, Any], catalogue: Catalogue) -> None:
    """Add the operator's own names to the models whose contract they have."""
    for one in schema.get("oneOf", []):
        names = [name for name, like in catalogue.likes.items() if like == one["title"]]
        one["properties"]["model"]["enum"] += names


def _operation_id(dialect: Described, route: Route) -> str:
    slug = re.sub(r"\W+", "_", route.path).strip("_")
    return f"{dialect.name}_{route.method.lower()}_{slug}"


def _path_parameters(route: Route, catalogue: Catalogue) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": _named(name, catalogue)}
        for name in re.findall(r"\{(\w+)", route.path)
    ]


def _query_parameters(route: Route, catalogue: Catalogue) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "in": "query",
            "required": name in route.needed,
            "schema": _named(name, catalogue)
            | ({"minLength": 1} if name in _IDS & {*route.needed} else {}),
        }
        for name in route.query
    ]


def _named(name: str, catalogue: Catalogue) -> dict[str, Any]:
    if name == "model":
        return {"type": "string", "enum": list(catalogue.names)}
    return _PARAMETERS.get(name, {"type": "string"})


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
    on = {"type": "string", "enum": ["enable"]}
    wish = {"type": "string", "description": "`enable`, for pictures that were uploaded ahead."}
    return [
        {"name": name, "in": "header", "required": n == 0, "schema": wish if n else on}
        for n, name in enumerate(route.switches)
    ]
