"""The description of the API is valid, whole, and true of what the server answers."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from support.described_api import (
    FILM,
    SERVED,
    SUBMITS,
    VIDEO,
    body_flaws,
    flaws,
    operation,
)
from support.servers import Serving
from unstill.dialects.apis.dashscope.dialect import OBJECTS
from unstill.dialects.port import Described
from unstill.models.catalogue import CARDS, Catalogue
from unstill.server.openapi.document import described
from unstill.server.openapi.refusals import refusals


def test_the_description_is_valid_openapi_31(api: dict[str, Any]) -> None:
    assert api["openapi"].startswith("3.1")
    assert list(OpenAPIV31SpecValidator(api).iter_errors()) == []


def test_every_served_route_is_described_and_nothing_else(api: dict[str, Any]) -> None:
    served = {
        (route.path.replace(":path}", "}"), route.method.lower())
        for dialect in SERVED
        for route in dialect.routes
    }

    assert {
        (path, method) for path, methods in api["paths"].items() for method in methods
    } == served


def test_every_answer_is_named_by_its_status_and_says_how_to_ask_after_it(
    api: dict[str, Any],
) -> None:
    for operations in api["paths"].values():
        for each in operations.values():
            for status, answer in each["responses"].items():
                assert status.isdecimal()
                assert answer["description"]
                assert "x-request-id" in answer.get("headers", {}) or status == "431"


@pytest.mark.parametrize("served", SERVED, ids=lambda served: str(served.name))
def test_the_statuses_of_a_dialects_errors_are_its_own(served: Described) -> None:
    for route in served.routes:
        for status, kinds in refusals(served, route).items():
            assert {served.error_status(kind) for kind in kinds} == {status}
            assert 400 <= status < 600


FORM = {"model": "wan2.7-i2v", "input_reference": "https://example.com/a.png"}


@pytest.mark.parametrize(
    ("form", "is_allowed"),
    [
        (FORM | {"seconds": "5", "size": "1280x720", "generate_audio": "true"}, True),
        (FORM | {"resolution": "720p", "seed": "123456789", "style": "noir"}, True),
        (FORM | {"resolution": "720p", "size": "1280x720"}, True),
        ({"input_reference": "https://example.com/a.png"}, True),  # a form's default model
        ({"input_reference[image_url]": "https://example.com/a.png"}, True),
        (FORM | {"input_reference[image_url]": "https://example.com/a.png"}, False),
        ({"model": "wan2.7-i2v"}, False),
        (FORM | {"seconds": "16"}, False),
        (FORM | {"seconds": "5", "duration": "8"}, False),
        (FORM | {"resolution": "720p", "size": "1080P"}, False),
        (FORM | {"generate_audio": "1", "watermark": "off"}, True),
        (FORM | {"generate_audio": "2"}, False),
        (FORM | {"a]b": "c"}, False),
    ],
)
def test_what_a_form_may_hold_is_described_as_it_is(
    api: dict[str, Any], server: Serving, form: dict[str, str], *, is_allowed: bool
) -> None:
    content = operation(api, "/v1/videos", "post")["requestBody"]["content"]
    answer = server.http.post("/v1/videos", data=form)

    assert (flaws(api, content["multipart/form-data"]["schema"], form) == []) is is_allowed
    assert answer.status_code == (200 if is_allowed else 400), answer.text
    server.http.delete(f"/v1/videos/{answer.json().get('id')}")


def test_every_component_that_is_named_is_used_and_every_used_one_is_there(
    api: dict[str, Any],
) -> None:
    used = set(re.findall(r'"#/components/(schemas|headers)/([^"]+)"', json.dumps(api)))
    named = {(kind, name) for kind in ("schemas", "headers") for name in api["components"][kind]}

    assert used == named
    for schema in api["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


def test_every_create_call_and_no_other_takes_an_idempotency_key(api: dict[str, Any]) -> None:
    takers = {
        (path, method): parameter["schema"]
        for path, operations in api["paths"].items()
        for method, operation in operations.items()
        for parameter in operation["parameters"]
        if parameter["name"] == "Idempotency-Key"
    }

    assert takers.keys() == {(path, "post") for path in SUBMITS}
    assert {schema["maxLength"] for schema in takers.values()} == {255}


def test_every_status_route_and_no_other_takes_a_wait(api: dict[str, Any]) -> None:
    takers = {
        path: parameter["schema"]
        for path, operations in api["paths"].items()
        for operation in operations.values()
        for parameter in operation["parameters"]
        if parameter["name"] == "wait"
    }
    azure = f"/openai{VIDEO}"

    assert takers.keys() == {"/v1/tasks/status", VIDEO, azure, "/api/v1/tasks/{task_id}"}
    assert {schema["maximum"] for schema in takers.values()} == {60}


def test_the_events_of_a_job_keep_to_their_schema(api: dict[str, Any], server: Serving) -> None:
    body = {"model": "wan2.7-i2v", "input_reference": "http://nobody.invalid/a.png"}
    video = server.http.post("/v1/videos", json=body).json()["id"]
    answer = server.http.get(f"/v1/videos/{video}/events")
    told = [line[6:] for line in answer.text.splitlines() if line.startswith("data: ")]
    responses = operation(api, f"{VIDEO}/events")["responses"]
    schema = responses["200"]["content"]["text/event-stream"]["schema"]
    data = schema["properties"]["data"]["contentSchema"]

    assert answer.headers["content-type"] == "text/event-stream"
    assert told
    for each in told:
        assert flaws(api, data, json.loads(each)) == []
    assert "content" not in responses["204"]


def test_only_open_routes_ask_for_no_key(api: dict[str, Any]) -> None:
    is_open = {
        path
        for path, methods in api["paths"].items()
        if any(operation.get("security") == [] for operation in methods.values())
    }

    assert is_open == {
        "/",
        "/console/{version}/{path}",
        "/health",
        "/ready",
        "/v1/callbacks/{engine}/{job_id}",
        "/openapi.json",
        "/docs",
        "/files/{job_id}/{variant}.mp4",
        OBJECTS,
    }
    assert api["security"] == [{"key": []}]


@pytest.mark.parametrize("path", SUBMITS)
def test_the_examples_keep_to_the_schemas_that_they_explain(api: dict[str, Any], path: str) -> None:
    content = operation(api, path, "post")["requestBody"]["content"]["application/json"]

    assert content["examples"]
    for example in content["examples"].values():
        assert body_flaws(api, path, example["value"]) == []


def test_the_operators_own_names_are_models_of_the_schema() -> None:
    catalogue = Catalogue({"my-sora": "openai/sora-2/image-to-video-pro"})
    api = json.loads(described(SERVED, catalogue))

    assert body_flaws(api, "/v1/videos", FILM | {"model": "my-sora"}) == []
    assert body_flaws(api, "/v1/videos", FILM | {"model": "your-sora"})


def test_a_body_without_a_model_is_described_where_openais_default_holds() -> None:
    api = json.loads(described(SERVED, Catalogue({})))
    bare = {name: value for name, value in FILM.items() if name != "model"}

    assert body_flaws(api, "/openai/v1/videos", bare | {"seconds": "4"}) == []
    assert body_flaws(api, "/v1/videos", bare | {"seconds": "4"})


@pytest.mark.parametrize("card", CARDS, ids=lambda card: str(card.id))
def test_a_models_own_schema_is_in_the_list_of_models(server: Serving, card: Any) -> None:
    shown = server.http.get(f"/v1/models/{card.id}").json()
    schema = shown["capabilities"]["input_schema"]

    Draft202012Validator.check_schema(schema)
    assert list(schema["properties"]) == [each["name"] for each in shown["capabilities"]["fields"]]
    for field in shown["capabilities"]["fields"]:
        if field["default"] is not None:
            one = Draft202012Validator(schema["properties"][field["name"]])
            assert one.is_valid(field["default"])


def shown(api: dict[str, Any]) -> list[tuple[str, dict[str, Any], object]]:
    """Each answer that the description shows, with the schema that it has to keep."""
    return [
        (f"{method} {path} {status}", content["schema"], example["value"])
        for path, methods in api["paths"].items()
        for method, operation in methods.items()
        for status, answer in operation["responses"].items()
        for content in answer.get("content", {}).values()
        for example in content.get("examples", {}).values()
    ]


def test_every_answer_that_is_shown_keeps_its_schema(api: dict[str, Any]) -> None:
    answers = shown(api)

    assert len(answers) > 30
    assert {place: flaws(api, schema, value) for place, schema, value in answers} == {
        place: [] for place, _, _ in answers
    }


def test_every_call_with_a_json_answer_shows_one_but_the_long_ones(
    api: dict[str, Any],
) -> None:
    without = {
        path
        for path, methods in api["paths"].items()
        for operation in methods.values()
        if "application/json" in operation["responses"].get("200", {}).get("content", {})
        and "examples" not in operation["responses"]["200"]["content"]["application/json"]
    }

    models = [f"{at}/v1/models{one}" for at in ("", "/openai") for one in ("", "/{model}")]
    assert without == {*models, "/openapi.json"}


def test_what_is_not_possible_says_what_to_do_instead(api: dict[str, Any]) -> None:
    edit = operation(api, "/v1/videos/edits", "post")

    assert "send a frame of it" in edit["description"]
