"""The answers of each operation in the description of the API: statuses, bodies and headers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from unstill.dialects.apis.videos.answers import OpenAIVideo
from unstill.dialects.apis.videos.unsupported import LACKING
from unstill.dialects.port import Described, Route, Verb
from unstill.domain.errors import UnstillError
from unstill.server.openapi.examples import examples, refusal_examples
from unstill.server.openapi.refusals import refusals
from unstill.server.verbs.events import FINAL_ID
from unstill.server.video_file import MEDIA_TYPES

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
        "description": "The operator's name of the engine behind the job.",
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
        "description": "Names of the fields that had no effect, comma-separated, at most 20.",
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
    "content-range": {"description": "As RFC 9110 has it.", "schema": _TEXT},
}

_FILE = (
    "x-request-id",
    "etag",
    "last-modified",
    "cache-control",
    "accept-ranges",
    "content-disposition",
)
_BINARY = {"schema": {"type": "string", "format": "binary"}}
_VIDEO = {"video/mp4": _BINARY}
_PAGE = {"text/html": {"schema": _TEXT}}

# What a verb answers that is no JSON: its media types, and the headers that it has.
_FILES: Mapping[Verb, tuple[dict[str, Any], tuple[str, ...]]] = {
    "content": (dict.fromkeys(MEDIA_TYPES.values(), _BINARY), _FILE),
    "link": (_VIDEO, _FILE),
    "docs": (_PAGE, ("x-request-id",)),
    "upload": ({}, ("x-request-id",)),
}
_WITH_ENGINE: frozenset[Verb] = frozenset({"submit", "status", "query"})
_IN_PARTS: frozenset[Verb] = frozenset({"content", "link"})
_OF_STATUS: Mapping[int, tuple[str, ...]] = {
    401: ("www-authenticate",),
    416: ("content-range",),
    503: ("retry-after",),
}


def answers(dialect: Described, route: Route) -> dict[str, Any]:
    """Every answer of a route by its status."""
    found: dict[str, Any] = {} if route.verb in LACKING else {"200": _success(dialect, route)}
    if route.verb in _IN_PARTS:
        content, headers = _FILES[route.verb]
        known = ("x-request-id", "etag", "last-modified", "cache-control")
        part = (*headers, "content-range")
        found["206"] = _answer("The part of the file asked for", content, part)
        found["304"] = _answer("The caller has the file already", {}, known)
    if route.verb == "events":
        headers = ("x-request-id", "x-unstill-engine", "cache-control")
        found["200"] = _answer("Events", _stream(route), headers)
        found["204"] = _answer("The caller has the final event already", {}, headers)
    if route.verb in ("health", "ready"):
        stopping = {"application/json": {"schema": _schema(route.answers)}}
        meaning = "The server is about to end, or cannot store"
        found["503"] = _answer(meaning, stopping, ("x-request-id",))
    if route.verb == "home":
        found = {"307": _answer("What there is, as a page", {}, ("x-request-id", "location"))}
    for status, kinds in refusals(dialect, route).items():
        found[str(status)] = _refusal(dialect, route, status, kinds)
    found["431"] = {"description": "More than 64 KiB of headers"}
    return found


def _stream(route: Route) -> dict[str, Any]:
    """Each event of a stream: OpenAPI 3.2 calls it itemSchema, for which 3.1 has no word."""
    data = {"contentMediaType": "application/json", "contentSchema": _schema(route.answers)}
    event = {"data": _TEXT | data, "id": {"type": "string", "enum": [FINAL_ID]}}
    schema = {"type": "object", "properties": event, "required": ["data"]}
    return {"text/event-stream": {"schema": schema}}


def _success(dialect: Described, route: Route) -> dict[str, Any]:
    content, headers = _FILES.get(route.verb, (None, ()))
    if content is not None:
        answer = _answer(route.summary, content, headers)
    else:
        shown = examples(dialect, route)
        content = {"application/json": {"schema": _schema(route.answers)}}
        if shown:
            content["application/json"]["examples"] = shown
        answer = _answer(route.summary, content, _headers(route))
    return answer


def _headers(route: Route) -> tuple[str, ...]:
    names = ["x-request-id"]
    if route.verb in _WITH_ENGINE:
        names += (
            "x-unstill-engine",
            "x-unstill-queue-position",
            "x-unstill-expected-end",
            "x-unstill-waiting",
        )
    if route.verb == "submit":
        names.append("x-unstill-ignored")
    if OpenAIVideo in route.answers:
        names.append("openai-poll-after-ms")
    return tuple(names)


def _schema(types: Sequence[type]) -> dict[str, Any]:
    refs = [{"$ref": REF.format(name=each.__name__)} for each in types]
    if len(refs) == 1:
        return refs[0]
    return {"anyOf": refs} if refs else {"type": "object"}


def _refusal(
    dialect: Described, route: Route, status: int, kinds: Sequence[type[UnstillError]]
) -> dict[str, Any]:
    codes = ", ".join(dict.fromkeys(dialect.error_code(kind) for kind in kinds))
    headers = ("x-request-id", *_OF_STATUS.get(status, ()))
    if route.is_sent_again and status >= 500:
        headers += ("x-should-retry",)
    content: dict[str, Any] = {"schema": _schema((dialect.refusal,))}
    if shown := refusal_examples(dialect, route, kinds):
        content["examples"] = shown
    return _answer(codes, {"application/json": content}, headers)


def _answer(description: str, content: dict[str, Any], headers: Sequence[str]) -> dict[str, Any]:
    refs = {name: {"$ref": f"#/components/headers/{name}"} for name in headers}
    return {"description": description, "headers": refs} | ({"content": content} if content else {})
