"""A new model is its card: with one that stands in this file alone, the real server has it.

What a new model touches elsewhere:

    models/cards/NEW.py     its card, as `TOY` here
    models/catalogue.py     one line: its name in `CARDS`, which is `(*CARDS, TOY)` here
    engines/*/              a row in each engine that has it; the camera takes every model
    emulators/              a row in the emulator of each such engine

No dialect, no step, no description and no command has to know it, nor its field `ink`, which no
other model has.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import httpx2
import pytest

from support.in_process import PHOTO, served, settings_of
from unstill.dialects.apis.tasks import Tasks
from unstill.dialects.call import Call
from unstill.domain.request import Frame, Role
from unstill.models.card import CallExample, Card, Field, FrameRule
from unstill.models.catalogue import CARDS, resolve
from unstill.models.field_kinds import Exact, Tier, Whole
from unstill.models.field_texts import FieldLabel
from unstill.models.shared_fields import FIRST_FRAME, PROMPT
from unstill.product import Product

TOY = Card(
    id="toy/ink-1",
    title="Ink 1",
    created=1_796_000_000,
    aliases=("ink",),
    fields=(
        FIRST_FRAME,
        PROMPT,
        Field("resolution", Tier(("480P",)), default="480P", source="here"),
        Field("size", Exact(("480P",)), source="here"),
        Field("duration", Whole(least=1, most=3), default=1, source="here"),
        Field(
            "ink",
            Whole(least=1, most=9),
            default=3,
            source="here",
            own_label=FieldLabel("Ink", "How much ink the pen has."),
        ),
    ),
    frame_rate=12,
    frame_rule=FrameRule(least_side_px=64, most_side_px=4000, most_ratio=4.0, source="here"),
    usage=("duration",),
    own_usage={"dashscope": ("duration", "SR", "video_count")},
    examples={"tasks": CallExample("Ink", {"model": "toy/ink-1", "parameters": {"ink": 5}})},
    source="here",
)
PICTURE = base64.b64encode(PHOTO.read_bytes()).decode()
DASHSCOPE = {"x-dashscope-async": "enable"}


class Told(NamedTuple):
    """How one API is told of a job, and asked for it."""

    path: str
    body: dict[str, Any]
    ink: str  # where its body has the toy's own field
    status: str  # `{}` is the job's id
    is_form: bool = False


SECTIONED = {
    "input": {"prompt": "push in", "first_frame_url": PICTURE},
    "parameters": {"size": "256*256", "ink": 5},
}
FLAT = {"prompt": "push in", "size": "256x256", "input_reference": PICTURE, "ink": 5}
APIS = {
    "tasks": Told(
        "/v1/tasks/submit", SECTIONED, "parameters.ink", "/v1/tasks/status?task_id={}&wait=5"
    ),
    "videos": Told("/v1/videos", FLAT, "ink", "/v1/videos/{}?wait=5"),
    "form": Told("/v1/videos", FLAT, "ink", "/v1/videos/{}?wait=5", is_form=True),
    "openai": Told("/openai/v1/videos", FLAT, "ink", "/openai/v1/videos/{}?wait=5"),
    "dashscope": Told(
        "/api/v1/services/aigc/video-generation/video-synthesis",
        SECTIONED,
        "parameters.ink",
        "/api/v1/tasks/{}?wait=5",
    ),
}


@pytest.fixture
async def http(tmp_path: Path) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of the real server, which has the toy beside its own models."""
    toml = '[models."my-ink"]\nlike = "wan2.7-i2v"\n'
    product = Product(settings_of(tmp_path, toml), cards=(*CARDS, TOY))
    async with served(product) as http:
        yield http


async def create(
    http: httpx2.AsyncClient, api: str, *, model: str = TOY.id, **fields: object
) -> httpx2.Response:
    told = APIS[api]
    body: dict[str, Any] = {"model": model} | told.body
    if "parameters" in body:
        body |= {"parameters": body["parameters"] | fields}
    else:
        body |= fields
    if told.is_form:
        texts = {k: str(v) for k, v in body.items() if k != "input_reference"}
        photo = {"input_reference": ("photo.jpg", PHOTO.read_bytes(), "image/jpeg")}
        return await http.post(told.path, data=texts, files=photo)
    return await http.post(told.path, json=body, headers=DASHSCOPE)


async def ended(http: httpx2.AsyncClient, api: str, answer: Mapping[str, Any]) -> dict[str, Any]:
    """What its API says of the job once it has ended."""
    job_id = answer["id"] if "id" in answer else answer["output"]["task_id"]
    async with asyncio.timeout(120):
        while True:
            status = await http.get(APIS[api].status.format(job_id))
            assert status.status_code == 200, status.text
            told = dict(status.json())
            word = told["status"] if "status" in told else told["output"]["task_status"]
            if word.casefold() not in {"pending", "running", "queued", "in_progress", "submitted"}:
                return told


@pytest.mark.slow
async def test_a_toy_model_is_made_through_every_api(http: httpx2.AsyncClient) -> None:
    answers = {api: await create(http, api) for api in APIS}
    assert {answer.status_code for answer in answers.values()} == {200}, answers
    ends = {api: await ended(http, api, answer.json()) for api, answer in answers.items()}

    assert [each["output"]["task_status"] for each in (ends["tasks"], ends["dashscope"])] == [
        "Success",
        "SUCCEEDED",
    ]
    assert {ends[api]["status"] for api in ("videos", "form", "openai")} == {"completed"}
    assert ends["videos"]["model"] == TOY.id
    assert ends["tasks"]["usage"] == {"duration": 1}
    assert ends["dashscope"]["usage"] == {"duration": 1, "SR": 256, "video_count": 1}


async def test_its_own_field_is_read_where_each_api_has_plain_fields(
    http: httpx2.AsyncClient,
) -> None:
    refused = {api: await create(http, api, ink=12) for api in APIS}
    without_ink = {api: await create(http, api, model="wan2.7-i2v", duration=2) for api in APIS}

    assert {answer.status_code for answer in refused.values()} == {400}
    for api, answer in refused.items():
        assert f"{APIS[api].ink} must be a whole number from 1 to 9, got " in answer.text
    ignored = {api: each.headers["x-unstill-ignored"] for api, each in without_ink.items()}
    assert ignored == {api: told.ink for api, told in APIS.items()}


async def test_its_own_field_at_another_place_is_told_where_it_belongs(
    http: httpx2.AsyncClient,
) -> None:
    path, body = APIS["tasks"].path, {"model": TOY.id} | SECTIONED | {"ink": 7}
    sectioned = await http.post(path, json=body)
    held = await create(http, "videos", metadata={"ink": 7})

    assert "ink must be absent: ink belongs into parameters, got 7" in sectioned.text
    assert "metadata.ink must be absent: ink belongs to the top level" in held.text


def test_engines_get_its_own_field_as_an_option() -> None:
    call = Call("r", {}, {}, {}, {"model": TOY.id} | SECTIONED)
    frames: dict[Role, Frame] = {"first": Frame("first", "input.first_frame_url")}
    request, ignored = resolve(TOY, Tasks((TOY,)).parse(call), frames, random_seed=1)

    assert (request.options, ignored) == ({"ink": 5}, ())


async def test_it_is_listed_with_its_fields_and_engines(http: httpx2.AsyncClient) -> None:
    models = {each["id"]: each for each in (await http.get("/v1/models")).json()["data"]}
    by_alias = (await http.get("/v1/models/ink")).json()

    assert list(models) == [*(card.id for card in CARDS), TOY.id, "my-ink"]
    assert by_alias["capabilities"] == models[TOY.id]["capabilities"]
    shown = by_alias["capabilities"]["input_schema"]["properties"]["ink"]
    assert (shown["title"], shown["default"]) == ("Ink", 3)
    places = {post["dialect"]: post["names"]["ink"] for post in by_alias["capabilities"]["posts"]}
    assert places == {"tasks": "parameters.ink", "videos": "ink", "dashscope": "parameters.ink"}


async def test_it_is_described_wherever_a_job_is_made(http: httpx2.AsyncClient) -> None:
    paths = json.loads((await http.get("/openapi.json")).content)["paths"]
    described = {
        api: {kind: toy_in(content["schema"]) for kind, content in contents.items()}
        for api, told in APIS.items()
        if (contents := paths[told.path]["post"]["requestBody"]["content"])
    }

    for api, kinds in described.items():
        for kind, schema in kinds.items():
            inner = schema["properties"]
            if kind == "application/json" and "parameters" in inner:
                inner = inner["parameters"]["properties"]
            name = "parameters[ink]" if "parameters[ink]" in inner else "ink"
            assert inner[name]["description"] == "How much ink the pen has.", (api, kind)
    examples = paths["/v1/tasks/submit"]["post"]["requestBody"]["content"]["application/json"]
    assert examples["examples"]["Ink"] == {"value": TOY.examples["tasks"].body}


def toy_in(schema: Mapping[str, Any]) -> dict[str, Any]:
    return next(dict(one) for one in schema["oneOf"] if one["title"] == TOY.id)
