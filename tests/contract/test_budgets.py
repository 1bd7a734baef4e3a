"""Prices and budgets of a served product: told in each dialect, and refused in its words."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from support.in_process import PHOTO, create_body, served, settings_of
from support.openai_clients import async_sdk, openai
from unstill.domain.errors import BadSetting
from unstill.domain.limits import Limits
from unstill.domain.owner import Owner
from unstill.product import Product
from unstill.store.embedded.owners_beside import change_owner_in

MONEY = """
[money]
currency = "USD"

[money.rates]
CNY = "0.125"

[engines.bailian]
kind = "dashscope"
base_url = "http://127.0.0.1:9/api/v1"
currency = "CNY"

[engines.bailian.costs."wan2.7-i2v"]
per_second = "0.6"
tiers = { "1080P" = { per_video = 8 } }

[models."wan2.7-i2v".prices]
"720P" = { per_second = "0.09" }

[models.mine]
like = "wan2.7-i2v"
engines = ["camera", "bailian"]
prices = { "1080P" = { per_second = 1 } }
"""
PICTURE = base64.b64encode(PHOTO.read_bytes()).decode()
DATA_URL = f"data:image/jpeg;base64,{PICTURE}"
# At 320x256, of 720P, two seconds are 0.18.
VIDEOS: dict[str, Any] = {
    "model": "wan2.7-i2v",
    "prompt": "push in",
    "seconds": "2",
    "size": "320x256",
    "input_reference": {"image_url": DATA_URL},
}
DASHSCOPE: dict[str, Any] = {
    "model": "wan2.7-i2v",
    "input": {"prompt": "push in", "media": [{"type": "first_frame", "url": DATA_URL}]},
    "parameters": {"size": "320*256", "duration": 2},
}
SUBMITS = {
    "/v1/tasks/submit": create_body(),
    "/v1/videos": VIDEOS,
    "/openai/v1/videos": VIDEOS,
    "/api/v1/services/aigc/video-generation/video-synthesis": DASHSCOPE,
}
ASYNC = {"X-DashScope-Async": "enable"}


@pytest.fixture
async def http(tmp_path: Path) -> AsyncIterator[httpx2.AsyncClient]:
    """Everyone has a budget of 0.30 a day, of which a job of 0.18 is spent."""
    settings = settings_of(tmp_path, MONEY)
    limits = Limits(budget_day=300_000, budget_month=10**9)
    await asyncio.to_thread(change_owner_in, tmp_path / "data", Owner("everyone"), lambda _: limits)
    async with served(Product(settings)) as client:
        answer = await client.post("/v1/tasks/submit", json=create_body())
        assert answer.status_code == 200, answer.text
        yield client


async def test_a_job_over_the_budget_is_refused_in_each_dialects_words(
    http: httpx2.AsyncClient,
) -> None:
    answers = {}
    for path, body in SUBMITS.items():
        answer = await http.post(path, json=body, headers=ASYNC)
        assert (answer.status_code, answer.headers.get("retry-after")) == (402, None), path
        answers[path] = answer.json()
    listed = (await http.get("/v1/videos")).json()

    tasks, videos, openai_videos, dashscope = answers.values()
    message = tasks["error"]["message"]
    assert message.startswith(
        "the budget of the day of your jobs has no room for this one: 0.18 of 0.3 USD are spent "
        "or reserved, 0.12 USD are left, this needs 0.18 USD; the next day begins at "
    )
    words = (tasks["error"]["type"], tasks["error"]["code"])
    assert words == ("invalid_request_error", "budget_exceeded")
    assert videos["error"] == openai_videos["error"]
    assert videos["error"] == {
        "type": "invalid_request_error",
        "code": "budget_exceeded",
        "param": None,
        "message": message,
    }
    assert (dashscope["code"], dashscope["message"]) == ("BudgetExceeded", message)
    assert len(listed["data"]) == 1


async def test_an_sdk_does_not_send_a_refused_job_again(http: httpx2.AsyncClient) -> None:
    sent: list[str] = []

    async def note(request: Any) -> None:
        sent.append(str(request.url))

    counting = openai.DefaultAsyncHttpxClient(event_hooks={"request": [note]})
    async with async_sdk(str(http.base_url), max_retries=3) as plain:
        client = plain.with_options(http_client=counting)
        with pytest.raises(openai.APIStatusError, match="budget") as refused:
            await client.videos.create(
                model="wan2.7-i2v",
                prompt="push in",
                seconds="2",  # type: ignore[arg-type]
                size="320x256",  # type: ignore[arg-type]
                input_reference=PHOTO,
            )
    await counting.aclose()

    assert refused.value.status_code == 402
    assert len(sent) == 1


async def test_what_fits_the_rest_of_the_budget_is_taken(http: httpx2.AsyncClient) -> None:
    free = await http.post("/v1/tasks/submit", json=create_body("happyhorse-1.0-i2v", duration=3))

    assert free.status_code == 200, free.text


async def test_callers_are_told_what_each_tier_is_charged_with(http: httpx2.AsyncClient) -> None:
    models = {each["id"]: each for each in (await http.get("/v1/models")).json()["data"]}
    alone = (await http.get("/v1/models/mine")).json()

    def charge(model: str, tier: str) -> Any:
        tiers = {each["name"]: each for each in models[model]["capabilities"]["tiers"]}
        return tiers[tier]["charge"]

    assert charge("wan2.7-i2v", "720P") == {
        "basis": "price",
        "currency": "USD",
        "rates": [{"per": "second", "amount": "0.09", "engine": None}],
    }
    # By the camera, which costs nothing.
    assert charge("wan2.7-i2v", "1080P") == {"basis": "free", "currency": "USD", "rates": []}
    assert charge("mine", "720P") == {
        "basis": "cost",
        "currency": "USD",
        "rates": [
            {"per": "video", "amount": "0", "engine": "camera"},
            {"per": "second", "amount": "0.075", "engine": "bailian"},
        ],
    }
    assert charge("mine", "1080P")["rates"] == [{"per": "second", "amount": "1", "engine": None}]
    assert alone == models["mine"]


async def test_a_server_without_money_in_its_settings_tells_none(tmp_path: Path) -> None:
    async with served(Product(settings_of(tmp_path))) as http:
        models = (await http.get("/v1/models")).json()["data"]

    charges = [each["charge"] for model in models for each in model["capabilities"]["tiers"]]
    assert charges
    assert set(charges) == {None}


async def test_a_book_keeps_its_currency_for_as_long_as_jobs_of_it_count(tmp_path: Path) -> None:
    async def start(toml: str) -> int:
        async with served(Product(settings_of(tmp_path, toml))) as http:
            answer = await http.post("/v1/tasks/submit", json=create_body())
            return answer.status_code

    first = await start(MONEY)
    product = Product(settings_of(tmp_path, MONEY.replace('"USD"', '"EUR"')))
    with pytest.raises(BadSetting, match=r"money\.currency: must stay USD for now, got EUR: jobs"):
        await product.startup()
    await product.shutdown()

    assert [first, await start(MONEY), await start("")] == [200, 200, 200]
