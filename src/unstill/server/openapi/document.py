"""The description of the API, printed from the dialects' own route tables and the model cards."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from unstill import __version__
from unstill.dialects import picture_schemas
from unstill.dialects.parameters import TICKET
from unstill.dialects.port import Described
from unstill.dialects.route import Route
from unstill.domain.delivery import WebhookEvent
from unstill.models.catalogue import Catalogue
from unstill.server.openapi.answers import HEADERS, REF, answers
from unstill.server.openapi.parameters import parameters
from unstill.server.openapi.samples import sdk_samples
from unstill.server.openapi.webhooks import webhooks


def described(dialects: Sequence[Described], catalogue: Catalogue) -> bytes:
    """The whole API as OpenAPI 3.1, encoded."""
    types = {answer for dialect in dialects for route in dialect.routes for answer in route.answers}
    types |= {dialect.refusal for dialect in dialects} | {WebhookEvent}
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
        "webhooks": webhooks(),
        "components": {
            "schemas": components,
            "headers": HEADERS,
            "securitySchemes": {
                "key": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "Authorization",
                    "description": "The key alone, or after `Bearer `.",
                },
                "ticket": {
                    "type": "apiKey",
                    "in": "query",
                    "name": TICKET.name,
                    "description": TICKET.about,
                },
            },
        },
        "security": [{"key": []}],
    }
    return msgspec.json.format(msgspec.json.encode(document), indent=1)


def _operation(dialect: Described, route: Route[Any], catalogue: Catalogue) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": _operation_id(dialect, route),
        "tags": [dialect.name],
        "summary": route.summary,
        "parameters": parameters(route, catalogue),
        "responses": answers(dialect, route),
    }
    if route.verb.unsupported:
        operation["description"] = route.verb.unsupported
    if samples := sdk_samples(dialect, route, catalogue):
        operation["x-codeSamples"] = samples
    if route.makes_job:
        operation["responses"]["200"]["links"] = _links(dialect, route)
    if route.is_open:
        operation["security"] = []
    if route.takes_ticket:
        operation["security"] = [{"key": []}, {"ticket": []}]
    if route.reads_body:
        operation["requestBody"] = {"required": True, "content": _bodies(dialect, route, catalogue)}
    return operation


def _bodies(dialect: Described, route: Route[Any], catalogue: Catalogue) -> dict[str, Any]:
    """What may be sent, by content type; the object store's form has a file in it."""
    content: dict[str, Any] = {}
    if route.body is not None:
        schema = route.body(catalogue.cards)
        _name_likes(schema, catalogue)
        shown = [each for card in catalogue.cards if (each := card.examples.get(dialect.name))]
        bodies = {each.about: each.body for each in shown} | dict(route.shown_bodies)
        named = {about: {"value": body} for about, body in bodies.items()}
        content["application/json"] = {"schema": schema, "examples": named}
    if route.form is not None:
        schema = route.form(catalogue.cards)
        _name_likes(schema, catalogue)
        content["multipart/form-data"] = {"schema": schema}
    return content


def _links(dialect: Described, route: Route[Any]) -> dict[str, Any]:
    """Where the same dialect takes the new job's id."""
    found: dict[str, Any] = {}
    for other in dialect.routes:
        for each in other.parameters:
            if each.is_job_id and (each.is_needed or each.place == "path"):
                found[f"{other.verb.name}_{each.name}"] = {
                    "operationId": _operation_id(dialect, other),
                    "parameters": {each.name: f"$response.body#{route.job_id_at}"},
                }
    return found


def _name_likes(schema: dict[str, Any], catalogue: Catalogue) -> None:
    """Add the operator's own names to the models whose contract they have."""
    for one in schema.get("oneOf", []):
        names = [name for name, like in catalogue.likes.items() if like == one["title"]]
        one["properties"]["model"]["enum"] += names


def _operation_id(dialect: Described, route: Route[Any]) -> str:
    slug = re.sub(r"\W+", "_", route.path).strip("_")
    return f"{dialect.name}_{route.method.lower()}_{slug}"
