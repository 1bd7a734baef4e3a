"""A quote tells what the create call of the same fields becomes, and leaves nothing behind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import httpx2
import pytest

from support.admin_team import ProductMaker, by, team_of
from support.in_process import create_body, settings_of
from support.quote_calls import (
    HAPPYHORSE,
    MONEY,
    PHOTO,
    SORA,
    WAN27,
    asked,
    create_call,
    quote,
    told_in,
)
from support.servers import Serving
from support.waits import hold_until
from unstill.models.card import Card
from unstill.models.catalogue import CARDS
from unstill.models.field_kinds import Whole
from unstill.models.served import served_card
from unstill.models.sizes import too_large_for_here
from unstill.product import Product

SHAPES = ((800, 600), (640, 640), (600, 800), (1280, 720), (722, 1280), (1201, 500), (499, 1001))
MADE_HERE = [served_card(card, [too_large_for_here]) for card in CARDS]
SIZES = ("320x256", "720x1280", "1280x720", "16:9", "1:1", "portrait")


@pytest.fixture
def toml() -> str:
    return MONEY


@pytest.fixture(scope="module")
def http(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx2.Client]:
    with Serving(tmp_path_factory.mktemp("quotes"), config=MONEY) as server:
        yield server.http


async def quote_to(http: httpx2.AsyncClient, body: object, key: str) -> dict[str, Any]:
    return told_in(await http.post("/v1/quotes", json=body, headers=by(key)))


# --- what it tells is what comes of it -----------------------------------------------------------


def drawn(random: Random, card: Card) -> tuple[dict[str, Any], dict[str, Any]]:
    """Fields of a model, some left out, and the sides of pictures that it takes."""
    duration = card.by_name["duration"].kind
    assert isinstance(duration, Whole)
    lengths = duration.choices or (duration.least, duration.most)
    fields: dict[str, Any] = {"prompt": "push in"}
    if random.random() < 0.8:
        fields["duration"] = random.choice(lengths)
    kind = random.choice(("tier", "size", "ratio", "default"))
    if kind == "tier":
        fields["resolution"] = random.choice(card.tiers)
    elif kind == "size":
        fields["size"] = random.choice(SIZES)
    elif kind == "ratio":
        fields |= {"resolution": random.choice(card.tiers), "aspect_ratio": "9:16"}
    fits = [each for each in SHAPES if max(each) <= card.frame_rule.most_ratio * min(each)]
    roles = ("first", "last") if card.field("last_frame") and random.random() < 0.4 else ("first",)
    return fields, {
        role: dict(zip(("width", "height"), random.choice(fits), strict=True)) for role in roles
    }


def sized(http: httpx2.Client, job_id: str) -> dict[str, Any]:
    """The job as operators see it, once its picture is known."""
    path = f"/admin/jobs/{job_id}"
    hold_until(lambda: told_in(http.get(path))["size"] is not None)
    return told_in(http.get(path))


@pytest.mark.slow
def test_a_quote_is_what_the_job_of_the_same_fields_becomes(
    http: httpx2.Client,
) -> None:
    random, seen = Random(20261129), set[str]()
    http.post("/v1/tasks/submit", json=create_body(SORA, resolution="1080P", duration=12))
    for card in MADE_HERE * 3:
        fields, frames = drawn(random, card)
        told = quote(http, asked(card.id, frames, **fields))
        body = create_call(http, card.id, fields, frames)
        submitted = http.post("/v1/tasks/submit", json=body)
        assert submitted.status_code == 200, submitted.text
        job = sized(http, submitted.json()["output"]["task_id"])

        case = f"{card.id} {fields} {frames}"
        assert told["model"] == job["model"], case
        assert told["size"] == job["size"], case
        assert told["engine"]["name"] == job["engine"], case
        assert told["duration_s"] == job["request"]["duration_s"], case
        assert told["frame_rate"] == job["request"]["frame_rate"], case
        charge, money = told["charge"], job["money"]
        assert charge["amount"] == money["reserved"], case
        assert (charge["basis"], charge["currency"]) == (money["basis"], money["currency"]), case
        seen.add(charge["basis"])
        http.post(f"/admin/jobs/{job['id']}/cancel")

    assert seen == {"price", "cost", "free"}


def test_the_engine_is_told_as_it_is(http: httpx2.Client) -> None:
    camera, bailian = quote(http, asked(SORA)), quote(http, asked(WAN27))

    assert camera["engine"] == {
        "name": "camera",
        "kind": "camera",
        "label": "camera",
        "description": "a 2.5D camera move over the photo, not a generative model",
        "is_generative": False,
        "refusing_until": None,
    }
    assert (bailian["engine"]["kind"], bailian["engine"]["is_generative"]) == ("dashscope", True)


def test_the_part_of_the_picture_that_is_kept_has_the_videos_ratio(
    http: httpx2.Client,
) -> None:
    wide = quote(http, asked(size="640x320"))
    upright = quote(http, asked(size="320x640"))
    whole = quote(http, asked(size="640x480"))

    assert wide["crop"] == {"x": 0, "y": 100, "width": 800, "height": 400}
    assert upright["crop"] == {"x": 250, "y": 0, "width": 300, "height": 600}
    assert whole["crop"] == {"x": 0, "y": 0, "width": 800, "height": 600}


def test_without_money_nothing_is_told_of_it(server: Serving) -> None:
    told = quote(server.http, asked(HAPPYHORSE))

    assert (told["charge"], told["budgets"]) == (None, None)


def test_what_has_no_effect_is_named(http: httpx2.Client) -> None:
    both = PHOTO | {"last": PHOTO["first"]}
    told = quote(http, asked(HAPPYHORSE, both, style="noir", last_frame="x", seed=None))
    exact = quote(http, asked(WAN27, size="320x256", resolution="720P"))

    assert told["ignored"] == ["style", "last_frame", "last_frame"]
    assert exact["ignored"] == ["resolution"]


@pytest.mark.slow
async def test_the_jobs_that_wait_before_it_are_counted_by_the_owners_turns(
    tmp_path: Path,
) -> None:
    async with team_of(Product(settings_of(tmp_path, MONEY))) as team:
        ann, bob = by(team.keys["ann"]), by(team.keys["bob"])
        long = create_body(SORA, resolution="1080P", duration=12)
        for _ in range(3):
            await team.http.post("/v1/tasks/submit", json=long, headers=ann)
        await team.until(lambda told: told["lanes"] != [], "/admin/queues")
        told = {
            owner: (await quote_to(team.http, asked(SORA), team.keys[owner]))["waiting"]
            for owner in ("ann", "bob")
        }
        places = {}
        for owner, headers in (("ann", ann), ("bob", bob)):
            made = await team.http.post("/v1/tasks/submit", json=long, headers=headers)
            places[owner] = int(made.headers["x-unstill-queue-position"]) - 1

    assert told["bob"] < told["ann"]
    assert told == places


# --- what it leaves behind -----------------------------------------------------------------------


async def test_a_quote_stores_reserves_and_counts_nothing_and_tells_what_is_left(
    make_product: ProductMaker,
) -> None:
    async with team_of(make_product()) as team:
        limits = {"budget_day": "0.17", "queue": 0, "submits_per_minute": 0, "bytes": 0}
        await team.told("PATCH", "/admin/owners/ann", limits)
        ann = by(team.keys["ann"])
        body = asked(size="320x256", duration=2)
        over = [await quote_to(team.http, body, team.keys["ann"]) for _ in range(3)]
        others = await quote_to(team.http, body, team.keys["bob"])
        jobs = await team.told("GET", "/admin/jobs")
        account = (await team.http.get("/v1/account", headers=ann)).json()
        await team.told("PATCH", "/admin/owners/ann", {"requests_per_minute": 5})
        answers = [
            (await team.http.post("/v1/quotes", json=body, headers=ann)).status_code
            for _ in range(6)
        ]

    assert {each["charge"]["amount"] for each in over} == {"0.18"}
    (budget,) = over[-1]["budgets"]
    assert (budget["span"], budget["used"], budget["left"]) == ("day", "0", "0.17")
    assert others["budgets"] == []
    assert jobs["data"] == []
    assert account["money"]["budgets"] == over[-1]["budgets"]
    assert answers == [200] * 5 + [429]


async def test_a_key_is_quoted_its_own_models_alone_and_nobody_without_a_key(
    make_product: ProductMaker,
) -> None:
    async with team_of(make_product()) as team:
        narrow = await team.told("POST", "/admin/keys", {"owner": "ann", "models": [SORA]})
        own = await team.http.post(
            "/v1/quotes", json=asked("sora-2-pro"), headers=by(narrow["key"])
        )
        other = await team.http.post("/v1/quotes", json=asked(WAN27), headers=by(narrow["key"]))
        without = await team.http.post("/v1/quotes", content=b"{")

    assert (own.status_code, own.json()["model"]) == (200, "sora-2-pro")
    assert (other.status_code, other.json()["error"]["code"]) == (403, "model_not_found")
    assert without.status_code == 401
