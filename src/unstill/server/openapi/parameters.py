"""The parameters of each operation in the description of the API: paths, queries and headers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, get_args

from unstill.dialects.apis.dashscope.list_query import PAGE, STATUSES, USUAL_PAGE_SIZE
from unstill.dialects.apis.videos.dialect import ID, LIMIT, ORDERS, USUAL_LIMIT, USUAL_ORDER
from unstill.dialects.port import Route, Verb
from unstill.domain.errors import KeyReused
from unstill.domain.job import Variant
from unstill.models.catalogue import Catalogue
from unstill.server.idempotency_headers import KEY_SCHEMA
from unstill.server.long_poll import WAIT_SCHEMA

_TEXT: dict[str, Any] = {"type": "string"}
_MOMENT: dict[str, Any] = {"type": "string", "format": "moment"}
# Names of a job's id in paths and queries.
IDS = frozenset({"video_id", "task_id"})
# Parameters by name; any other is a text.
_SHAPES: dict[str, dict[str, Any]] = {
    "video_id": {"type": "string", "format": "uuid"},
    "job_id": {"type": "string", "format": "uuid"},
    "after": {"type": "string", "pattern": f"^({ID.pattern})?$"},
    "limit": LIMIT.schema() | {"default": USUAL_LIMIT},
    "wait": WAIT_SCHEMA,
    "order": {"type": "string", "enum": [*ORDERS], "default": USUAL_ORDER},
    "variant": {"type": "string", "enum": [*get_args(Variant)], "default": "video"},
    "expires": {"type": "integer"},
    "action": {"type": "string", "enum": ["getPolicy"]},
    "page_no": PAGE.schema() | {"default": 1},
    "page_size": PAGE.schema() | {"default": USUAL_PAGE_SIZE},
    "start_time": _MOMENT,
    "end_time": _MOMENT,
    "status": {"type": "string", "enum": list(STATUSES)},
    KeyReused.param: KEY_SCHEMA,
    "X-DashScope-Async": {"type": "string", "enum": ["enable"]},
}
_LINKED = {"variant": {"type": "string", "enum": ["video"]}}  # a signed link is to no picture
_OF_VERBS: Mapping[Verb, tuple[str, ...]] = {
    "submit": (KeyReused.param,),
    "events": ("Last-Event-ID",),
}
_ABOUT = {
    "video_id": "The video's id, as its create call answered it.",
    "job_id": "The id of the video.",
    "task_id": "The task's id, as its create call answered it.",
    "character_id": "Any: there are no characters.",
    "after": "The id of the last video that you have; without it the list begins at its beginning.",
    "limit": "How many videos at most.",
    "wait": "Seconds that the answer may wait for a change of itself.",
    "order": "`desc` is newest first.",
    "variant": "The mp4, a WebP of its middle, or a JPEG with frames from all over it.",
    "expires": "Until when the link holds, in Unix seconds.",
    "signature": "Of the link.",
    "action": "What is asked for: a policy to upload with.",
    "model": "A model's id or alias.",
    "model_name": "Only tasks of this model.",
    "status": "Only tasks in this state.",
    "page_no": "From 1.",
    "page_size": "Tasks on a page.",
    "start_time": "Only tasks made from then on; YYYYMMDDhhmmss in UTC+8.",
    "end_time": "Only tasks made until then; YYYYMMDDhhmmss in UTC+8.",
    KeyReused.param: "Sent again with the same fields, it gives the same job.",
    "Last-Event-ID": "The `id` of the last event: after the final one there is none, see 204.",
    "X-DashScope-Async": "Tasks are made asynchronously only.",
    "X-DashScope-OssResourceResolve": "`enable`, for pictures that were uploaded ahead.",
}


def parameters(route: Route, catalogue: Catalogue) -> list[dict[str, Any]]:
    """All that a call of the route says besides its body and its key."""
    shapes = _SHAPES | {"model": {"type": "string", "enum": list(catalogue.names)}}
    found = [
        _parameter(name, "path", (shapes | _LINKED).get(name, _TEXT), is_needed=True)
        for name in re.findall(r"\{(\w+)", route.path)
    ]
    for name in route.query:
        is_needed = name in route.needed
        schema = shapes.get(name, _TEXT)
        if is_needed and name in IDS:
            schema = schema | {"minLength": 1}
        found.append(_parameter(name, "query", schema, is_needed=is_needed))
    headers = (*_OF_VERBS.get(route.verb, ()), *route.switches)
    for name in headers:
        is_needed = name in route.switches[:1]
        found.append(_parameter(name, "header", shapes.get(name, _TEXT), is_needed=is_needed))
    return found


def _parameter(name: str, where: str, schema: dict[str, Any], *, is_needed: bool) -> dict[str, Any]:
    return {
        "name": name,
        "in": where,
        "required": is_needed,
        "description": _ABOUT[name],
        "schema": schema,
    }
