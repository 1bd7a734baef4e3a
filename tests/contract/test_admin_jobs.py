"""Jobs of all owners over HTTP: what operators are told of them, and may do with them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from support.admin_team import LONG, UNKNOWN, ProductMaker, by, ended_by, settings_of_file, team_of
from support.in_process import settings_of
from unstill.product import Product
from unstill.server.admin.jobs import MOST_RELEASED


@pytest.mark.slow
async def test_jobs_of_all_owners_are_listed_by_pages_and_filters_without_their_prompts(
    make_product: ProductMaker,
) -> None:
    async with team_of(make_product()) as team:
        ids = [await team.submitted(owner) for owner in ("ann", "bob", "ann")]
        await team.until(
            lambda told: all(each["state"] == "succeeded" for each in told["data"]), "/admin/jobs"
        )
        whole = await team.ask("GET", "/admin/jobs")
        first = await team.told("GET", "/admin/jobs?limit=2")
        second = await team.told("GET", f"/admin/jobs?limit=2&after={first['next']}")

        async def found(query: str) -> list[str]:
            data = (await team.told("GET", f"/admin/jobs?{query}"))["data"]
            return [each["id"] for each in data]

        anns, failed = await found("owner=ann"), await found("state=failed,cancelled")
        done = await found("state=succeeded&engine=camera&model=wan2.7-i2v&owner=bob")
        others = [await found(each) for each in ("model=sora-2", "engine=far", "owner=cid")]

    newest_first = ids[::-1]
    assert [each["id"] for each in whole.json()["data"]] == newest_first
    assert {each["owner"] for each in whole.json()["data"]} == {"ann", "bob"}
    assert all(re.fullmatch("key_[0-9a-f]{12}", each["key_id"]) for each in whole.json()["data"])
    assert "push in" not in whole.text
    assert [each["id"] for each in first["data"] + second["data"]] == newest_first
    assert (first["next"], second["next"]) == (newest_first[1], None)
    assert (anns, failed, done) == ([ids[2], ids[0]], [], [ids[1]])
    assert others == [[], [], []]


NO_FILTERS = [
    ("limit=0", "limit must be a whole number from 1 to 100"),
    ("limit=101", "limit must be"),
    ("limit=x", "limit must be"),
    ("state=ended", "state must be some of queued, ready"),
    ("owner=a%20b", "owner must be"),
    ("after=;drop", "after must be the `next` of a page"),
    (f"after={'a' * 37}", "after must be"),
    (f"model={'m' * 201}", "model must be 1 to 200 characters"),
    ("engine=", "engine must be 1 to 200 characters"),
]


async def test_a_filter_that_means_nothing_is_refused_by_its_name(tmp_path: Path) -> None:
    async with team_of(Product(settings_of(tmp_path))) as team:
        for query, told in NO_FILTERS:
            status, _, message = await team.refused("GET", f"/admin/jobs?{query}")
            assert status == 400
            assert message.startswith(told)
        good = [f"limit={limit}" for limit in (1, 100)]
        good += [f"model={'m' * 200}", f"after={'a' * 36}", "after="]
        edges = [await team.ask("GET", f"/admin/jobs?{query}") for query in good]

    assert {each.status_code for each in edges} == {200}


@pytest.mark.slow
async def test_the_whole_life_of_a_job_is_told_also_after_its_owner_has_deleted_it(
    tmp_path: Path,
) -> None:
    async with team_of(Product(settings_of(tmp_path))) as team:
        job = await team.submitted("ann")
        path = f"/admin/jobs/{job}"
        told = await team.until(lambda told: told["state"] == "succeeded", path)
        await team.http.delete(f"/v1/videos/{job}", headers=by(team.keys["ann"]))
        after = await team.told("GET", path)
        listed = await team.told("GET", "/admin/jobs")
        unknown = [await team.refused("GET", f"/admin/jobs/{each}") for each in (UNKNOWN, "x")]

    assert told["created_ms"] <= told["started_ms"] <= told["ended_ms"]
    assert told["moves"][-1] == {"state": "succeeded", "at_ms": told["ended_ms"]}
    assert told["request"]["prompt"] == "push in"
    assert len(told["request"]["first_frame"]["sha256"]) == 64
    assert told["size"] == {"width": 320, "height": 256}
    assert told["video"]["frame_count"] == 60
    assert told["usage"]["duration_s"] == 2
    assert (told["attempts"], told["delivery"], told["failure"]) == ([], None, None)
    assert told["money"] is None
    assert (told["made_by"], told["attempt"], told["is_held"]) == ("camera", 1, False)
    assert (told["is_deleted"], after["is_deleted"]) == (False, True)
    assert listed["data"] == []
    assert [each[:2] for each in unknown] == [(404, "task_not_found")] * 2


@pytest.mark.slow
async def test_what_a_job_is_charged_with_and_has_cost_is_told_in_its_view(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    file = tmp_path / "unstill.toml"
    money = (
        '[money]\ncurrency = "EUR"\n'
        '[engines.camera]\nkind = "camera"\n'
        '[engines.camera.costs."wan2.7-i2v"]\nper_video = "0.05"\n'
        '[models."wan2.7-i2v".prices]\n"720P" = { per_second = "0.09" }\n'
        '"1080P" = { per_second = "0.09" }\n'
    )
    file.write_text(f'[server]\ndata_dir = "{settings.server.data_dir}"\n{money}')
    async with team_of(Product(settings_of_file(file))) as team:
        job = await team.submitted("ann", **LONG)
        before = await team.told("GET", f"/admin/jobs/{job}")
        await team.told("DELETE", f"/admin/jobs/{job}")
        gone = await team.told("GET", f"/admin/jobs/{job}")
        done = await team.submitted("ann")
        await ended_by(team, done)
        after = await team.told("GET", f"/admin/jobs/{done}")

    told = {"basis": "price", "currency": "EUR"}
    assert before["money"] == told | {"reserved": "1.35", "price": None, "cost": "0"}
    assert gone["money"] == told | {"reserved": "0", "price": "0", "cost": "0"}
    assert after["money"] == told | {"reserved": "0", "price": "0.18", "cost": "0.05"}


async def test_an_operator_cancels_and_deletes_whoever_made_the_job(
    make_product: ProductMaker,
) -> None:
    async with team_of(make_product()) as team:
        ids = [await team.submitted("ann", **LONG) for _ in range(2)]
        cancelled = await team.told("POST", f"/admin/jobs/{ids[0]}/cancel")
        too_late = await team.refused("POST", f"/admin/jobs/{ids[0]}/cancel")
        deleted = await team.told("DELETE", f"/admin/jobs/{ids[1]}")
        seen = [
            (await team.http.get(f"/v1/videos/{each}", headers=by(team.keys["ann"]))).status_code
            for each in ids
        ]
        again = await team.refused("DELETE", f"/admin/jobs/{ids[1]}")
        unknown = await team.refused("POST", f"/admin/jobs/{UNKNOWN}/cancel")

    assert cancelled == {"id": ids[0], "state": "cancelled", "is_deleted": False}
    assert deleted == {"id": ids[1], "state": "cancelled", "is_deleted": True}
    assert too_late[:2] == (400, "too_late_to_cancel")
    assert seen == [200, 404]
    assert again[:2] == unknown[:2] == (404, "task_not_found")


NO_LISTS: list[tuple[object, str]] = [
    ({"job_ids": []}, "job_ids must be a list of ids, or left out for all"),
    ({"job_ids": "all"}, "job_ids must be a list"),
    ({"job_ids": [5]}, "job_ids must be a list"),
    ({"job_ids": ["x"] * (MOST_RELEASED + 1)}, f"job_ids must be at most {MOST_RELEASED} ids"),
    ({"jobs": ["x"]}, "jobs must be absent: there are job_ids"),
]


async def test_what_is_no_list_of_jobs_releases_nothing(make_product: ProductMaker) -> None:
    async with team_of(make_product()) as team:
        for body, told in NO_LISTS:
            status, _, message = await team.refused("POST", "/admin/held-jobs/release", body)
            assert status == 400
            assert message.startswith(told)
        many = {"job_ids": ["x"] * MOST_RELEASED}
        most = await team.told("POST", "/admin/held-jobs/release", many)
        held = await team.told("GET", "/admin/held-jobs")

    assert most == {"released": [], "sent": {}, "not_held": ["x"]}
    assert held == {"data": []}
