"""The answers of each operation in the description of the API: statuses, bodies and headers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from unstill.dialects.port import Described, GivesAdvice, able
from unstill.dialects.route import JSON, Response, Route
from unstill.dialects.verbs import EVENTS_TYPE
from unstill.domain.errors import UnstillError
from unstill.server.openapi.examples import examples, refusal_examples
from unstill.server.openapi.refusals import refusals
from unstill.server.verbs.events import FINAL_ID

REF = "#/components/schemas/{name}"

_TEXT: dict[str, Any] = {"type": "string"}
_COUNT: dict[str, Any] = {"type": "integer", "minimum": 0}

# What each header says; the components of the description.
HEADERS: dict[str, dict[str, Any]] = {
    "x-request-id": {
        "description": "Of this answer; the server's log has it where something failed.",
        "schema": {"type": "string", "pattern": "^[0-9a-f]{32}$"},
        "required": True,
    },
    "x-unstill-engine": {
        "description": "The operator's name of the engine behind the job; what else it says of"
        " itself follows after semicolons.",
        "schema": _TEXT,
    },
    "x-unstill-queue-position": {
        "description": "The place of a waiting job, from 1.",
        "schema": _COUNT,
    },
    "x-unstill-expected-end": {
        "description": "When the job is expected to end, in Unix seconds.",
        "schema": _COUNT,
    },
    "x-unstill-waiting": {
        "description": "Why a job is held up, as the body's `waiting`: a code, and since when.",
        "schema": {"type": "string", "pattern": r"^[\w.:-]+; since=[0-9]+$"},
    },
    "x-unstill-ignored": {
        "description": "Names of the fields that had no effect, comma-separated, at most 20"
        " and 1,024 bytes.",
        "schema": _TEXT,
    },
    "x-unstill-unheard": {
        "description": "The pieces of the prompt that had no effect, comma-separated; in each,"
        " what is not ASCII is percent-encoded, and so are a comma and a percent sign. At most"
        " 1,024 bytes: all are in `unheard` of GET /v1/jobs/{job_id}.",
        "schema": _TEXT,
    },
    "openai-poll-after-ms": {
        "description": "Milliseconds until it is worth while to ask again; in OpenAI's words only.",
        "schema": _COUNT,
    },
    "location": {"schema": _TEXT, "required": True},
    "retry-after": {"description": "Seconds.", "schema": _COUNT},
    "x-should-retry": {
        "description": "It may have been done: the SDK is not to send it again.",
        "schema": {"type": "string", "enum": ["false"]},
    },
    "www-authenticate": {"schema": {"type": "string", "enum": ["Bearer"]}, "required": True},
    "etag": {"schema": _TEXT, "required": True},
    "last-modified": {"schema": _TEXT, "required": True},
    "cache-control": {"schema": _TEXT, "required": True},
    "accept-ranges": {"schema": {"type": "string", "enum": ["bytes"]}, "required": True},
    "content-disposition": {"schema": _TEXT, "required": True},
    "x-content-type-options": {
        "description": "The bytes are what the type says.",
        "schema": {"type": "string", "enum": ["nosniff"]},
        "required": True,
    },
    "content-security-policy": {
        "description": "Nothing that may be in the bytes is run.",
        "schema": _TEXT,
        "required": True,
    },
    "content-range": {"description": "As RFC 9110 has it.", "schema": _TEXT},
}

_BINARY = {"schema": {"type": "string", "format": "binary"}}
_OF_JOB = (
    "x-unstill-engine",
    "x-unstill-queue-position",
    "x-unstill-expected-end",
    "x-unstill-waiting",
    "x-unstill-unheard",
)
_OF_STATUS: Mapping[int, tuple[str, ...]] = {
    401: ("www-authenticate",),
    416: ("content-range",),
    429: ("retry-after",),
    503: ("retry-after",),
}


def answers(dialect: Described, route: Route[Any]) -> dict[str, Any]:
    """Every answer of a route by its status."""
    found = {str(each.status): _response(dialect, route, each) for each in route.verb.responses}
    for status, kinds in refusals(dialect, route).items():
        found[str(status)] = _refusal(dialect, route, status, kinds)
    found["431"] = {"description": "More than 64 KiB of headers"}
    return found


def _response(dialect: Described, route: Route[Any], response: Response) -> dict[str, Any]:
    content = {each: _content(route, each, response.events) for each in response.media_types}
    if response.status == 200 and JSON in content and (shown := examples(dialect, route)):
        content[JSON]["examples"] = shown
    headers = ("x-request-id", *_headers(dialect, response))
    return _answer(response.about or route.summary, content, headers)


def _content(route: Route[Any], media_type: str, names: Sequence[str]) -> dict[str, Any]:
    if media_type == JSON:
        return {"schema": _schema(route.answers)}
    if media_type == EVENTS_TYPE:
        return {"schema": _event_schema(route, names)}
    return {"schema": _TEXT} if media_type.startswith("text/") else _BINARY


def _event_schema(route: Route[Any], names: Sequence[str]) -> dict[str, Any]:
    """Each event of a stream: OpenAPI 3.2 calls it itemSchema, for which 3.1 has no word."""
    data = {"contentMediaType": JSON, "contentSchema": _schema(route.answers)}
    if names:
        event = {"event": {"type": "string", "enum": list(names)}, "data": _TEXT | data}
        return {"type": "object", "properties": event, "required": list(event)}
    event = {"data": _TEXT | data, "id": {"type": "string", "enum": [FINAL_ID]}}
    return {"type": "object", "properties": event, "required": ["data"]}


def _headers(dialect: Described, response: Response) -> tuple[str, ...]:
    if not response.is_of_job:
        return response.headers
    advice = ("openai-poll-after-ms",) if able([dialect], GivesAdvice) else ()
    return (*_OF_JOB, *response.headers, *advice)


def _schema(types: Sequence[type]) -> dict[str, Any]:
    refs = [{"$ref": REF.format(name=each.__name__)} for each in types]
    if len(refs) == 1:
        return refs[0]
    return {"anyOf": refs} if refs else {"type": "object"}


def _refusal(
    dialect: Described, route: Route[Any], status: int, kinds: Sequence[type[UnstillError]]
) -> dict[str, Any]:
    codes = ", ".join(dict.fromkeys(dialect.error_code(kind) for kind in kinds))
    headers = ("x-request-id", *_OF_STATUS.get(status, ()))
    if route.is_sent_again and status >= 500:
        headers += ("x-should-retry",)
    content: dict[str, Any] = {"schema": _schema((dialect.refusal,))}
    if shown := refusal_examples(dialect, route, kinds):
        content["examples"] = shown
    return _answer(codes, {JSON: content}, headers)


def _answer(description: str, content: dict[str, Any], headers: Sequence[str]) -> dict[str, Any]:
    refs = {name: {"$ref": f"#/components/headers/{name}"} for name in headers}
    return {"description": description, "headers": refs} | ({"content": content} if content else {})
