"""The bodies of operators: one object of JSON, with known fields alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from unstill.dialects.body_fields import body_of
from unstill.dialects.call import Call
from unstill.domain.errors import BadField, UnsupportedBody

_MOST_NAME_CHARS = 80


def body_with(call: Call, names: Sequence[str]) -> dict[str, Any]:
    """The object that was sent. Raises BadBody, UnsupportedBody, BadField."""
    if call.is_form:
        raise UnsupportedBody("the request body must be JSON: send Content-Type: application/json")
    body = body_of(call)
    check_names(body, names)
    return body


def check_names(given: Iterable[str], names: Sequence[str]) -> None:
    """Raises BadField for another one, which would else be overlooked."""
    other = next((name for name in given if name not in names), None)
    if other is not None:
        allowed = f"absent: there are {', '.join(names)}"
        raise BadField(other[:_MOST_NAME_CHARS], allowed, found="a value")
