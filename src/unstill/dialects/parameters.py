"""Parameters that mean the same in every dialect."""

from __future__ import annotations

from typing import Any

from unstill.dialects.route import Parameter
from unstill.domain.errors import KeyReused

MOST_WAIT_S = 60  # nginx, proxy_read_timeout: it gives up on an answer after as long by default
MOST_KEY_CHARS = 255

UUID_SCHEMA: dict[str, Any] = {"type": "string", "format": "uuid"}

WAIT = Parameter(
    "query",
    "wait",
    "Seconds that the answer may wait for a change of itself.",
    {"type": "number", "minimum": 0, "maximum": MOST_WAIT_S, "default": 0},
)
IDEMPOTENCY_KEY = Parameter(
    "header",
    KeyReused.param,
    "Sent again with the same fields, it gives the same job.",
    {"type": "string", "minLength": 1, "maxLength": MOST_KEY_CHARS, "pattern": "^[ -~]+$"},
)
TICKET = Parameter(
    "query",
    "ticket",
    "In place of a key, where none can be sent: what POST /v1/tickets answered to it.",
)
LAST_EVENT_ID = Parameter(
    "header",
    "Last-Event-ID",
    "The `id` of the last event: after the final one there is none, see 204.",
)
