"""Usage over HTTP: owners are told of their own jobs alone, in the figures of the command line."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from support.api_keys import a_key, adding
from support.books import a_book_in
from support.in_process import served, settings_of
from unstill.domain.api_key import ApiKey
from unstill.domain.caller import Scope
from unstill.domain.owner import Owner
from unstill.domain.usage import FIGURES, UsageAsked, figures_of
from unstill.product import Product
from unstill.store.embedded.keys_beside import change_key_in
from unstill.store.embedded.usage_beside import usage_of

ANN = a_key("key_ann", name="ann", owner=Owner("ann"))
BOB = a_key("key_bob", name="bob", owner=Owner("bob"))
CID = a_key("key_cid", name="cid", owner=Owner("cid"))
OPERATOR = a_key("key_ops", name="ops", owner=Owner("ops"), scope=Scope.ADMIN)
OF_BOB = {
    "settled_price": "0.45",
    "reserved_price": "0",
    "settled_cost": "0.45",
    "currency": "EUR",
    "jobs": 3,
    "videos": 2,
    "billed_seconds": "11",
}


@pytest.fixture
async def http(tmp_path: Path) -> AsyncIterator[httpx2.AsyncClient]:
    """A server over the book of `support.books`, with a key for each of its owners."""
    settings = settings_of(tmp_path)
    folder = await a_book_in(Path(settings.server.data_dir), is_over=True)
    for key in (ANN, BOB, CID, OPERATOR):
        change_key_in(folder, adding(key))
    async with served(Product(settings)) as http:
        yield http


async def usage(http: httpx2.AsyncClient, key: ApiKey, **query: str) -> dict[str, Any]:
    answer = await http.get("/v1/usage", params=query, headers=sent_by(key))
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def sent_by(key: ApiKey) -> dict[str, str]:
    return {"authorization": f"Bearer unstill_{key.id}"}


async def test_an_owner_is_told_of_its_own_jobs(http: httpx2.AsyncClient) -> None:
    assert await usage(http, BOB) == {
        "by": ["owner"],
        "since": None,
        "until": None,
        "data": [{"owner": "bob", **OF_BOB}],
    }
    assert (await usage(http, CID))["data"] == []


async def test_whatever_is_asked_for_nothing_of_another_owner_is_told(
    http: httpx2.AsyncClient,
) -> None:
    for key in (BOB, CID, OPERATOR):
        for by in ("owner", "key", "model", "engine", "day", "day,engine,model,key,owner"):
            told = await usage(http, key, by=by, owner="ann", key_id="key_ann", user="ann")
            owners = {line.get("owner", key.owner) for line in told["data"]}
            assert owners <= {key.owner}
            assert sum(line["jobs"] for line in told["data"]) == (3 if key is BOB else 0)


async def test_usage_is_told_by_what_is_named_and_for_the_days_that_are_named(
    http: httpx2.AsyncClient,
) -> None:
    by_key = await usage(http, BOB, by="key,day", since="2025-11-20", until="2025-11-20")
    later = await usage(http, BOB, since="2025-11-21")

    assert by_key == {
        "by": ["key", "day"],
        "since": "2025-11-20",
        "until": "2025-11-20",
        "data": [{"key": "k1", "day": "2025-11-20", **OF_BOB}],
    }
    assert later["data"] == []


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ({"by": "colour"}, "by"),
        ({"by": ""}, "by"),
        ({"since": "yesterday"}, "since"),
        ({"until": "2025-13-01"}, "until"),
    ],
)
async def test_what_cannot_be_asked_is_refused_by_its_name(
    http: httpx2.AsyncClient, query: dict[str, str], param: str
) -> None:
    answer = await http.get("/v1/usage", params=query, headers=sent_by(BOB))

    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == param


async def test_operators_are_told_of_all_owners_and_nobody_else_is(
    http: httpx2.AsyncClient,
) -> None:
    answers = {
        key.id: await http.get("/admin/usage", params={"by": "owner,key"}, headers=sent_by(key))
        for key in (OPERATOR, ANN, BOB, CID)
    }
    refused = await http.get("/admin/usage", params={"by": "colour"}, headers=sent_by(OPERATOR))
    told = answers.pop("key_ops").json()

    assert {answer.status_code for answer in answers.values()} == {403}
    assert told["by"] == ["owner", "key"]
    assert [(line["owner"], line["key"]) for line in told["data"]] == [("ann", ""), ("bob", "k1")]
    assert told["data"][1] == {"owner": "bob", "key": "k1", **OF_BOB}
    assert told["data"][0]["settled_price"] == "0.54"
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "by")


async def test_without_a_key_nothing_is_told_once_there_is_one(http: httpx2.AsyncClient) -> None:
    for path in ("/v1/usage", "/admin/usage"):
        assert (await http.get(path)).status_code == 401


async def test_the_figures_are_those_of_the_command_line(
    http: httpx2.AsyncClient, tmp_path: Path
) -> None:
    (beside,) = usage_of(tmp_path / "data", UsageAsked(owner=Owner("bob")))
    (own,) = (await usage(http, BOB))["data"]
    of_all = await http.get("/admin/usage", headers=sent_by(OPERATOR))

    assert tuple(f"{own[name]}" for name in FIGURES) == figures_of(beside)
    assert of_all.json()["data"][1] == own
