"""An owner's own jobs over HTTP, in unstill's own words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from support.admin_team import ProductMaker, Team, by, ended_by, team_of
from support.in_process import settings_of
from unstill.product import Product


async def asked(team: Team, owner: str, path: str) -> dict[str, Any]:
    answer = await team.http.get(path, headers=by(team.keys[owner]))
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def ids_of(team: Team, owner: str, query: str) -> list[str]:
    return [each["id"] for each in (await asked(team, owner, f"/v1/jobs?{query}"))["data"]]


async def test_an_owner_lists_its_own_jobs_of_all_dialects_by_pages_and_filters(
    make_product: ProductMaker,
) -> None:
    async with team_of(make_product()) as team:
        ids = [await team.submitted(owner) for owner in ("ann", "bob", "ann")]
        for each in ids:
            await ended_by(team, each)
        whole = await asked(team, "ann", "/v1/jobs")
        first = await asked(team, "ann", "/v1/jobs?limit=1")
        second = await asked(team, "ann", f"/v1/jobs?limit=1&after={first['next']}")
        made_ms = whole["data"][0]["created_ms"]
        found = [
            await ids_of(team, "ann", query)
            for query in (
                "state=succeeded&engine=camera&model=wan2.7-i2v&prompt=PUSH",
                f"since_ms={made_ms}",
                f"until_ms={made_ms}",
                "state=queued,failed",
                "prompt=pull",
                "owner=bob",  # nothing that is read
            )
        ]
        operators = await asked(team, "ops", "/v1/jobs")

    newest, _, oldest = ids[::-1]
    assert [each["id"] for each in whole["data"]] == [newest, oldest]
    assert whole["next"] is None
    assert [each["prompt"] for each in whole["data"]] == ["push in"] * 2
    assert [each["video"]["duration_s"] for each in whole["data"]] == [2.0] * 2
    assert [first["data"], second["data"]] == [[each] for each in whole["data"]]
    assert (first["next"], second["next"]) == (newest, None)
    both = [newest, oldest]
    assert found == [both, [newest], [oldest], [], [], both]
    assert operators == {"data": [], "next": None}  # an operator has none of its own


NO_FILTERS = [
    ("limit=0", "limit must be a whole number from 1 to 500"),
    ("limit=501", "limit must be"),
    ("state=ended", "state must be some of queued, ready"),
    ("after=;drop", "after must be the `next` of a page"),
    (f"model={'m' * 201}", "model must be 1 to 200 characters"),
    ("engine=", "engine must be 1 to 200 characters"),
    (f"prompt={'p' * 201}", "prompt must be 1 to 200 characters"),
    ("prompt=", "prompt must be 1 to 200 characters"),
    ("since_ms=-1", "since_ms must be a whole number from 0 to 281474976710655"),
    (f"until_ms={2**48}", "until_ms must be"),
    ("until_ms=today", "until_ms must be"),
]
EDGES = [
    "limit=1",
    "limit=500",
    f"prompt={'p' * 200}",
    f"prompt={'咖' * 200}",
    "prompt=%25_%5C%27%22%00",
    "since_ms=0",
    f"until_ms={2**48 - 1}",
    f"model={'m' * 200}",
    "after=",
]


async def test_a_filter_that_means_nothing_is_refused_by_its_name(tmp_path: Path) -> None:
    async with team_of(Product(settings_of(tmp_path))) as team:
        headers = by(team.keys["ann"])
        refused = [
            await team.http.get(f"/v1/jobs?{each}", headers=headers) for each, _ in NO_FILTERS
        ]
        edges = [await team.http.get(f"/v1/jobs?{each}", headers=headers) for each in EDGES]

    assert {each.status_code for each in refused} == {400}
    for answer, (query, told) in zip(refused, NO_FILTERS, strict=True):
        error = answer.json()["error"]
        assert error["param"] == query.partition("=")[0]
        assert error["message"].startswith(told)
    assert [(each.status_code, each.json()) for each in edges] == [
        (200, {"data": [], "next": None})
    ] * len(EDGES)
