"""The parameters of each operation in the description of the API: paths, queries and headers."""

from __future__ import annotations

from typing import Any

from unstill.dialects.route import Parameter, Route
from unstill.models.catalogue import Catalogue


def parameters(route: Route[Any], catalogue: Catalogue) -> list[dict[str, Any]]:
    """All that a call of the route says besides its body and its key."""
    listed = (
        *route.in_place("path"),
        *route.in_place("query"),
        *route.verb.parameters,
        *route.in_place("header"),
    )
    return [_parameter(each, catalogue) for each in listed]


def _parameter(parameter: Parameter, catalogue: Catalogue) -> dict[str, Any]:
    names = {"enum": list(catalogue.names)} if parameter.is_model else {}
    return {
        "name": parameter.name,
        "in": parameter.place,
        "required": parameter.is_needed or parameter.place == "path",
        "description": parameter.about,
        "schema": parameter.schema | names,
    }
