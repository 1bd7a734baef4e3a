"""GET /v1/models is enough to build a form from: nothing here knows a model, a field or a route."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from httpx2 import Response
from jsonschema import Draft202012Validator

from support.blank_picture import HEADER_ONLY
from support.resolved_requests import EVERY
from support.servers import Serving

FILE = f"data:image/png;base64,{base64.b64encode(HEADER_ONLY).decode()}"
ADDRESS = "http://127.0.0.1:1/frame.png"  # nothing listens there: the job ends at once
Schema = Mapping[str, Any]


@pytest.fixture(scope="module")
def models(server: Serving) -> dict[str, dict[str, Any]]:
    return {model["id"]: model for model in server.http.get("/v1/models").json()["data"]}


def filled(schema: Schema) -> dict[str, Any]:
    """What a form holds when it is shown, and its required fields are filled in."""
    values = {}
    for name, field in schema["properties"].items():
        if "default" in field:
            values[name] = field["default"]
        elif name in schema["required"]:
            values[name] = next(possible(field))
    return values


def possible(field: Schema) -> Iterator[object]:
    """The values at each bound of a field, or each of its choices."""
    match field:
        case {"enum": choices}:
            yield from choices
        case {"type": "boolean"}:
            yield from (True, False)
        case {"type": "integer", "minimum": least, "maximum": most}:
            yield from (least, most)
        case {"anyOf": kinds}:
            for kind in kinds:
                yield FILE if kind["format"] == "data-url" else ADDRESS
        case {"type": "string", "examples": examples}:
            yield from examples
        case {"type": "string", "maxLength": most}:
            yield from ("a", "猫" * most)


def impossible(field: Schema) -> Iterator[object]:
    """Values beyond each bound of a field, and of another type."""
    match field:
        case {"type": "integer", "enum": choices}:
            yield from (min(choices) - 1, max(choices) + 1)
        case {"enum": _}:
            yield "none of these"
        case {"type": "boolean"}:
            yield "perhaps"
        case {"type": "integer", "minimum": least, "maximum": most}:
            yield from (least - 1, most + 1, least + 0.5)
        case {"anyOf": _}:
            yield from ("no address", 5)
        case {"type": "string", "maxLength": most}:
            yield from ("a" * (most + 1), 5)
        case {"type": "string"}:
            yield from ("none of these", 5)


def post(server: Serving, model: Mapping[str, Any], to: Schema, values: Schema) -> Response:
    """Send a form where the model's description says, under the names that it says."""
    body: dict[str, Any] = {}
    for field, value in {"model": model["id"], **values}.items():
        *sections, name = to["names"][field].split(".")
        holder = body
        for section in sections:
            holder = holder.setdefault(section, {})
        holder[name] = value
    return server.http.post(to["path"], json=body, headers=to["headers"])


@pytest.fixture(params=EVERY)
def model(request: pytest.FixtureRequest, models: dict[str, dict[str, Any]]) -> dict[str, Any]:
    return models[request.param]


def test_a_form_can_be_built_for_every_model(models: dict[str, Any]) -> None:
    assert tuple(models) == EVERY


def test_every_field_says_what_a_form_has_to_show(model: dict[str, Any]) -> None:
    schema = model["capabilities"]["input_schema"]

    Draft202012Validator.check_schema(schema)
    for place, field in enumerate(schema["properties"].values()):
        assert field["title"]
        assert field["description"].endswith(".")
        assert field["x-order"] == place
        assert list(possible(field))
        assert list(impossible(field))
        if "default" in field:
            assert Draft202012Validator(field).is_valid(field["default"])


def test_a_form_knows_as_much_as_the_server(model: dict[str, Any]) -> None:
    schema = model["capabilities"]["input_schema"]
    form = Draft202012Validator(schema)
    values = filled(schema)

    assert form.is_valid(values)
    for name, field in schema["properties"].items():
        assert all(form.is_valid(values | {name: value}) for value in possible(field))
        assert not any(form.is_valid(values | {name: value}) for value in impossible(field))
        is_missed = form.is_valid({k: v for k, v in values.items() if k != name})
        assert is_missed is (name not in schema["required"])


def test_a_form_as_it_is_shown_makes_a_job_in_every_dialect(
    server: Serving, model: dict[str, Any]
) -> None:
    known = model["capabilities"]

    assert {to["dialect"] for to in known["posts"]} == {"tasks", "videos", "dashscope"}
    for to in known["posts"]:
        answer = post(server, model, to, filled(known["input_schema"]))
        assert answer.status_code == 200, answer.text
        assert answer.headers["x-unstill-engine"]
        assert "x-unstill-ignored" not in answer.headers


def test_each_choice_and_each_bound_makes_a_job_in_every_dialect(
    server: Serving, model: dict[str, Any]
) -> None:
    known = model["capabilities"]
    values = filled(known["input_schema"])

    for to in known["posts"]:
        for name, field in known["input_schema"]["properties"].items():
            for value in possible(field):
                answer = post(server, model, to, values | {name: value})
                assert answer.status_code == 200, answer.text


def test_what_is_beyond_a_bound_is_refused_with_the_fields_name(
    server: Serving, model: dict[str, Any]
) -> None:
    known = model["capabilities"]
    values = filled(known["input_schema"])

    for to in known["posts"]:
        for name, field in known["input_schema"]["properties"].items():
            if name == "seed" and to["dialect"] == "videos":
                continue  # free there
            for value in impossible(field):
                answer = post(server, model, to, values | {name: value})
                assert answer.status_code == 400, (to["path"], name, value)
                assert f"{to['names'][name]}" in answer.text


def test_what_is_required_is_missed_by_its_name(server: Serving, model: dict[str, Any]) -> None:
    known = model["capabilities"]
    values = filled(known["input_schema"])

    for to in known["posts"]:
        for name in known["input_schema"]["required"]:
            rest = {field: value for field, value in values.items() if field != name}
            answer = post(server, model, to, rest)
            assert answer.status_code == 400
            assert " is required: " in answer.text


def test_every_tier_and_every_bound_of_an_exact_size_is_said(
    server: Serving, model: dict[str, Any]
) -> None:
    known = model["capabilities"]
    bounds, to = known["exact_size"], known["posts"][0]
    least, most = bounds["least_side_px"], bounds["most_side_px"]
    step = bounds["step_px"]
    far = int(least * bounds["most_ratio"])
    values = filled(known["input_schema"])
    statuses = {
        size: post(server, model, to, values | {"size": f"{size[0]}x{size[1]}"}).status_code
        for size in (
            (least, least),
            (least - step, least),
            (far, least),
            (far + step, least),
            (least + step // 2, least),
            (most, bounds["most_pixels"] // most // step * step),
            (most, most),
        )
    }

    assert [tier["name"] for tier in known["tiers"]] == known["input_schema"]["properties"][
        "resolution"
    ]["enum"]
    assert list(statuses.values()) == [200, 400, 200, 400, 400, 200, 400]
