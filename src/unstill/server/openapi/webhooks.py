"""What the server sends by itself, in the description of the API: the ends of jobs, as webhooks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

from unstill.domain.delivery import TIMEOUT_S, EventType, WebhookEvent
from unstill.server.openapi.answers import REF

_SUMMARIES: Mapping[EventType, str] = {
    "video.completed": "A video is there",
    "video.failed": "A job has failed or was cancelled: there will be no video",
}
_TAKEN = f"Taken; after any other answer, or none within {TIMEOUT_S:g} s, it is sent again"
_ID = "evt_01a1f880-06ed-7225-b4bc-05c8ac57834b"
# Source: Standard Webhooks, "webhook headers" (read 2026-11-20).
_HEADERS: Mapping[str, tuple[str, dict[str, Any]]] = {
    "webhook-id": (
        "The same at every try: whoever knows it already has the event.",
        {"type": "string", "pattern": "^evt_"},
    ),
    "webhook-timestamp": ("Of this try, in Unix seconds.", {"type": "string", "pattern": "^\\d+$"}),
    "webhook-signature": (
        "For each secret `v1,` and the base64 of an HMAC-SHA256 over `id.timestamp.body`.",
        {"type": "string", "pattern": "^v1,"},
    ),
}


def webhooks() -> dict[str, Any]:
    """Each type of event, as it is posted to a `webhook_url` or to an address of the operator's."""
    return {kind: {"post": _posted(kind)} for kind in get_args(EventType)}


def _posted(kind: EventType) -> dict[str, Any]:
    event = {
        "id": _ID,
        "object": "event",
        "created_at": 1795170502,
        "type": kind,
        "data": {"id": _ID.removeprefix("evt_")},
    }
    schema = {
        "allOf": [{"$ref": REF.format(name=WebhookEvent.__name__)}],
        "properties": {"type": {"const": kind}},
    }
    return {
        "operationId": f"webhook_{kind.replace('.', '_')}",
        "tags": ["webhooks"],
        "summary": _SUMMARIES[kind],
        "security": [],
        "parameters": [
            {"name": name, "in": "header", "required": True, "description": about, "schema": shape}
            for name, (about, shape) in _HEADERS.items()
        ],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": schema, "example": event}},
        },
        "responses": {"2XX": {"description": _TAKEN}},
    }
