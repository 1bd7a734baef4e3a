"""Which errors each route can answer: its verb's, its own, and those of every call."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from unstill.dialects.port import Described
from unstill.dialects.route import Kinds, Route
from unstill.domain.access_errors import AdminOnly, ForeignHost, ForeignOrigin, OverLimit
from unstill.domain.errors import (
    BadBody,
    BadKey,
    BodyTooLarge,
    MissingField,
    Overloaded,
    OwnError,
    UnstillError,
    UnsupportedBody,
)

_OF_BODIES: Kinds = (BadBody, BodyTooLarge, UnsupportedBody, Overloaded)


def refusals(dialect: Described, route: Route[Any]) -> dict[int, list[type[UnstillError]]]:
    """The errors that a route can answer, by the status that its dialect documents for each."""
    by_status: dict[int, list[type[UnstillError]]] = {}
    for kind in dict.fromkeys(_kinds(route)):
        by_status.setdefault(dialect.error_status(kind), []).append(kind)
    return dict(sorted(by_status.items()))


def _kinds(route: Route[Any]) -> Iterator[type[UnstillError]]:
    yield from route.verb.errors
    if any(each.is_needed for each in route.in_place("query")):
        yield MissingField
    if route.reads_body:
        yield from _OF_BODIES
    yield from route.errors
    if not route.is_open:
        yield BadKey
        yield OverLimit  # on calls; of one about a job, where there is none
    if route.is_admin:
        yield AdminOnly
    # Only servers without keys say these.
    yield ForeignHost
    if route.method != "GET":
        yield ForeignOrigin
    yield OwnError
