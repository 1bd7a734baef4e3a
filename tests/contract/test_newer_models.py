"""The newer models through the real server, each by another API; nothing renders but the camera."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from support.in_process import PHOTO, served, settings_of
from support.requests import HAPPYHORSE11, KLING, MINIMAX, SEEDANCE20, SEEDANCE25, WAN27
from unstill.product import Product

PICTURE = base64.b64encode(PHOTO.read_bytes()).decode()
SYNTHESIS = "/api/v1/services/aigc/video-generation/video-synthesis"
DASHSCOPE = {"x-dashscope-async": "enable"}
TASK, VIDEO = "/v1/tasks/status?task_id={}&wait=10", "/v1/videos/{}?wait=10"
DURATIONS_S = {HAPPYHORSE11: 3, SEEDANCE20: 4, SEEDANCE25: 4, KLING: 3, MINIMAX: 4}


@pytest.fixture
async def http(tmp_path: Path) -> AsyncIterator[httpx2.AsyncClient]:
    async with served(Product(settings_of(tmp_path))) as http:
        yield http


def sectioned(model: str, **parameters: object) -> dict[str, Any]:
    small = {"size": "320x256", "duration": DURATIONS_S[model]}
    given = {"prompt": "push in", "first_frame_url": PICTURE}
    return {"model": model, "input": given, "parameters": small | parameters}


def flat(model: str, **fields: object) -> dict[str, Any]:
    body = {"model": model, "prompt": "push in", "size": "320x256", "input_reference": PICTURE}
    return body | {"seconds": str(DURATIONS_S[model])} | fields


def frame(role: str) -> dict[str, Any]:
    url = {"url": f"data:image/jpeg;base64,{PICTURE}"}
    return {"type": "image_url", "role": role, "image_url": url}


async def ended(http: httpx2.AsyncClient, path: str) -> dict[str, Any]:
    async with asyncio.timeout(120):
        while True:
            told: dict[str, Any] = (await http.get(path)).json()
            word = told["status"] if "status" in told else told["output"]["task_status"]
            if word.casefold() not in {"pending", "running", "queued", "in_progress"}:
                return told


@pytest.mark.slow
async def test_every_newer_model_is_made_by_the_camera(http: httpx2.AsyncClient) -> None:
    frames = {"input_reference": {"content": [frame("first_frame"), frame("last_frame")]}}
    by_dashscope = await http.post(SYNTHESIS, json=sectioned(HAPPYHORSE11), headers=DASHSCOPE)
    unified = await http.post("/v1/videos", json=flat(SEEDANCE20, ratio="adaptive", **frames))
    openais = await http.post("/openai/v1/videos", json=flat(SEEDANCE25, generate_audio=False))
    by_tasks = await http.post("/v1/tasks/submit", json=sectioned(KLING, audio="on"))
    form = await http.post("/v1/videos", data=flat(MINIMAX))
    answers = (by_dashscope, unified, openais, by_tasks, form)
    assert [answer.status_code for answer in answers] == [200] * 5, [a.text for a in answers]
    ends = [
        await ended(http, f"/api/v1/tasks/{by_dashscope.json()['output']['task_id']}?wait=10"),
        *[await ended(http, VIDEO.format(each.json()["id"])) for each in (unified, openais, form)],
        await ended(http, TASK.format(by_tasks.json()["output"]["task_id"])),
    ]

    assert ends[0]["output"]["task_status"] == "SUCCEEDED"
    assert [each["status"] for each in ends[1:4]] == ["SUCCESS", "completed", "completed"]
    assert ends[4]["output"]["task_status"] == "Success"
    assert ends[4]["usage"] == {"duration": 3}


async def test_a_tier_that_the_camera_does_not_make_is_refused_before_anything_is_stored(
    http: httpx2.AsyncClient,
) -> None:
    large = {"size": None, "resolution": "4k"}
    sent = {
        "/v1/tasks/submit": sectioned(KLING, **large),
        "/v1/videos": flat(SEEDANCE20, **large),
        "/openai/v1/videos": flat(MINIMAX, size="2k"),
        SYNTHESIS: sectioned(SEEDANCE20, **large),
    }
    refused = {
        path: await http.post(path, json=body, headers=DASHSCOPE) for path, body in sent.items()
    }
    exact = await http.post("/v1/videos", json=flat(KLING, size="3840x2160"))

    assert {answer.status_code for answer in (*refused.values(), exact)} == {400}
    said = "must be a tier of at most 1920x1088, which is as much as engines of this machine make"
    assert f"parameters.resolution {said}" in refused["/v1/tasks/submit"].text
    assert f"resolution {said}" in refused["/v1/videos"].text
    assert f"parameters.resolution {said}" in refused[SYNTHESIS].text
    assert "1920x1088" in refused["/openai/v1/videos"].text
    assert "size must be at most as many pixels as 1920x1088" in exact.text
    assert (await http.get("/v1/videos")).json()["data"] == []


async def test_a_model_is_listed_with_what_its_engines_make_of_it(tmp_path: Path) -> None:
    toml = (
        '[engines.bailian]\nkind = "dashscope"\nbase_url = "http://127.0.0.1:9/api/v1"\n'
        '[engines.bailian.models]\n"wan2.7-i2v" = "wan2.5-i2v-preview"\n'
        '[models."wan2.7-i2v"]\nengines = ["bailian"]\n'
        '[models."mine"]\nlike = "wan2.7-i2v"\nengines = ["camera", "bailian"]\n'
    )
    async with served(Product(settings_of(tmp_path, toml))) as http:
        listed = {each["id"]: each for each in (await http.get("/v1/models")).json()["data"]}
        alone = (await http.get("/v1/models/wan2.7-i2v-2026-04-25")).json()
    at_bailian, by_both = listed[WAN27]["capabilities"], listed["mine"]["capabilities"]

    assert alone["capabilities"] == at_bailian
    assert [tier["name"] for tier in listed[KLING]["capabilities"]["tiers"]] == ["720P", "1080P"]
    assert listed[KLING]["capabilities"]["exact_size"]["most_pixels"] == 1920 * 1088
    assert at_bailian["input_schema"]["properties"]["duration"]["enum"] == [5, 10]
    assert "last_frame" not in at_bailian["input_schema"]["properties"]
    assert {each["name"]: each["allowed"] for each in at_bailian["fields"]}["duration"] == "5 or 10"
    assert all("last_frame" not in post["names"] for post in at_bailian["posts"])
    assert by_both["input_schema"]["properties"]["duration"]["maximum"] == 15
    assert "last_frame" in by_both["input_schema"]["properties"]


async def test_a_tier_that_a_model_does_not_have_is_refused_with_those_that_it_has(
    http: httpx2.AsyncClient,
) -> None:
    refused = await http.post("/v1/videos", json=flat(MINIMAX, size=None, resolution="720p"))

    assert "resolution must be 768P or 2K, got '720p'" in refused.text
