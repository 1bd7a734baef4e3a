"""What callers are told of themselves: whose they are, what they may, and what is left to them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest

from support.admin_team import ProductMaker, Team, by, team_of
from support.in_process import served, settings_of
from unstill.domain.limits import OF_KEYS
from unstill.product import Product
from unstill.server.admin.limits import name_of
from unstill.settings.reader import read_settings

NO_LIMITS: dict[str, Any] = dict.fromkeys(name_of(each) for each in OF_KEYS)
# At 320x256, of 720P, two seconds are 0.18.
MONEY = """
[money]
currency = "USD"

[models."wan2.7-i2v".prices]
"720P" = { per_second = "0.09" }
"""


@pytest.fixture
def toml() -> str:
    return MONEY


async def account(http: httpx2.AsyncClient, **headers: str) -> dict[str, Any]:
    answer = await http.get("/v1/account", headers=headers)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def own(team: Team, owner: str) -> dict[str, Any]:
    return await account(team.http, **by(team.keys[owner]))


async def test_without_keys_a_caller_at_the_machine_is_everyone_and_an_operator(
    tmp_path: Path,
) -> None:
    async with served(Product(settings_of(tmp_path))) as http:
        here = await account(http)
        through = await account(http, **{"x-forwarded-for": "127.0.0.1"})
        of_page = await account(http, **{"sec-fetch-site": "cross-site"})

    assert here == {
        "owner": "everyone",
        "key": None,
        "is_operator": True,
        "asks_for_key": False,
        "limits": NO_LIMITS,
        "money": None,
    }
    assert through == of_page == here | {"is_operator": False}


async def test_each_key_is_told_of_itself_and_of_its_own_owner(make_product: ProductMaker) -> None:
    async with team_of(make_product()) as team:
        wanted = {"owner": "ann", "name": "narrow", "models": ["sora-2-pro"], "expires": "90d"}
        narrow = await team.told("POST", "/admin/keys", wanted)
        told = {owner: await own(team, owner) for owner in ("ann", "bob", "ops")}
        of_narrow = await account(team.http, **by(narrow["key"]))
        without = await team.http.get("/v1/account")
        wrong = await team.http.get("/v1/account", headers=by("sk-nobodys"))

    assert {owner: each["owner"] for owner, each in told.items()} == {
        "ann": "ann",
        "bob": "bob",
        "ops": "ops",
    }
    assert [each["is_operator"] for each in told.values()] == [False, False, True]
    assert {each["asks_for_key"] for each in told.values()} == {True}
    assert told["ops"]["key"]["scope"] == "admin"
    assert of_narrow["owner"] == "ann"
    assert of_narrow["key"] == {
        "id": narrow["id"],
        "name": "narrow",
        "scope": "user",
        "models": ["openai/sora-2/image-to-video-pro"],
        "expires_ms": narrow["expires_ms"],
    }
    assert (without.status_code, wrong.status_code) == (401, 401)


async def test_a_key_from_the_settings_is_told_as_none(tmp_path: Path) -> None:
    settings_of(tmp_path)
    keys = {"UNSTILL_API_KEYS": "ann:sk-ann"}
    settings = read_settings(file=tmp_path / "unstill.toml", environment=keys, command_line={})
    async with served(Product(settings)) as http:
        told = await account(http, **by("sk-ann"))

    assert (told["owner"], told["key"], told["is_operator"]) == ("ann", None, False)
    assert told["asks_for_key"]


async def test_of_an_owners_limits_and_its_keys_the_stricter_ones_are_told(
    make_product: ProductMaker,
) -> None:
    async with team_of(make_product()) as team:
        key_id = (await own(team, "ann"))["key"]["id"]
        of_owner = {"queue": 5, "in_flight": 3, "submits_per_minute": 7, "weight": 2}
        await team.told("PATCH", "/admin/owners/ann", of_owner)
        of_key = {"queue": 9, "in_flight": 0, "requests_per_minute": 60, "bytes": 1000}
        await team.told("PATCH", f"/admin/keys/{key_id}", of_key)
        ann, bob = await own(team, "ann"), await own(team, "bob")

    assert ann["limits"] == {
        "queue": 5,
        "in_flight": 0,
        "submits_per_minute": 7,
        "requests_per_minute": 60,
        "bytes": 1000,
    }
    assert bob["limits"] == NO_LIMITS


async def test_a_call_about_the_account_is_one_of_the_calls_by_the_minute(
    make_product: ProductMaker,
) -> None:
    async with team_of(make_product()) as team:
        await team.told("PATCH", "/admin/owners/ann", {"requests_per_minute": 2})
        headers = by(team.keys["ann"])
        answers = [await team.http.get("/v1/account", headers=headers) for _ in range(3)]

    assert [each.status_code for each in answers] == [200, 200, 429]


async def test_budgets_tell_what_is_used_and_left_of_the_owner_alone(
    make_product: ProductMaker,
) -> None:
    async with team_of(make_product()) as team:
        unset = await own(team, "ann")
        await team.told("PATCH", "/admin/owners/ann", {"budget_day": "0.3", "budget_month": 20})
        before = await own(team, "ann")
        await team.submitted("ann")
        after, others = await own(team, "ann"), await own(team, "bob")
        await team.told("PATCH", "/admin/owners/ann", {"budget_day": "0.1"})
        lowered = await own(team, "ann")

    assert unset["money"] == others["money"] == {"currency": "USD", "budgets": []}
    assert [figures(each) for each in before["money"]["budgets"]] == [
        ("day", "0.3", "0", "0.3"),
        ("month", "20", "0", "20"),
    ]
    assert [figures(each) for each in after["money"]["budgets"]] == [
        ("day", "0.3", "0.18", "0.12"),
        ("month", "20", "0.18", "19.82"),
    ]
    assert figures(lowered["money"]["budgets"][0]) == ("day", "0.1", "0.18", "0")


async def test_operators_are_told_of_each_owners_budgets_what_the_owner_is(
    make_product: ProductMaker,
) -> None:
    async with team_of(make_product()) as team:
        set_now = await team.told("PATCH", "/admin/owners/ann", {"budget_day": "0.3"})
        await team.told("PATCH", "/admin/owners/bob", {"budget_month": "5"})
        await team.submitted("ann")
        listed = {each["owner"]: each for each in (await team.told("GET", "/admin/owners"))["data"]}
        again = await team.told("PATCH", "/admin/owners/ann", {"weight": 2})
        told = {owner: await own(team, owner) for owner in ("ann", "bob", "ops")}

    assert [figures(each) for each in set_now["budgets"]] == [("day", "0.3", "0", "0.3")]
    assert [figures(each) for each in again["budgets"]] == [("day", "0.3", "0.18", "0.12")]
    assert [figures(each) for each in listed["bob"]["budgets"]] == [("month", "5", "0", "5")]
    for owner, each in told.items():
        assert listed[owner]["budgets"] == each["money"]["budgets"]


async def test_a_budget_tells_when_the_next_day_and_month_begin(tmp_path: Path) -> None:
    now_ms = int(datetime(2028, 2, 28, 12, tzinfo=UTC).timestamp() * 1000)
    product = Product(settings_of(tmp_path, MONEY), wall_ms=lambda: now_ms)
    async with served(product) as http:
        await http.patch("/admin/owners/everyone", json={"budget_day": 1, "budget_month": 1})
        budgets = (await account(http))["money"]["budgets"]

    begin = (datetime(2028, 2, 29, tzinfo=UTC), datetime(2028, 3, 1, tzinfo=UTC))
    assert [each["resets_ms"] for each in budgets] == [
        int(each.timestamp() * 1000) for each in begin
    ]


def figures(budget: dict[str, Any]) -> tuple[str, ...]:
    return tuple(budget[name] for name in ("span", "budget", "used", "left"))
