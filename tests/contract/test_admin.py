"""What operators ask and change over HTTP: who may, owners' limits, and the server itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from support.admin_team import LONG, UNKNOWN, ProductMaker, by, ended_by, settings_of_file, team_of
from support.in_process import served, settings_of
from unstill.domain.limits import MOST, SETTABLE
from unstill.domain.owner_turns import MOST_WEIGHT
from unstill.product import Product
from unstill.server.admin.limits import name_of
from unstill.server.admin.routes import AdminRoutes

# --- who may -------------------------------------------------------------------------------------


def calls(job_id: str) -> list[tuple[str, str]]:
    paths = {"job_id": job_id, "owner": "ann", "key": "ann"}
    return [(route.method, route.path.format(**paths)) for route in AdminRoutes().routes]


async def test_every_route_is_for_admin_keys_alone_whatever_there_is_at_it(tmp_path: Path) -> None:
    async with team_of(Product(settings_of(tmp_path))) as team:
        mine = await team.submitted("ann")
        answers: dict[str, set[tuple[int, str]]] = {"": set(), "ann": set(), "bob": set()}
        for job_id in (mine, UNKNOWN, "no-id"):
            for method, path in calls(job_id):
                for owner, seen in answers.items():
                    headers = by(team.keys[owner]) if owner else {}
                    answer = await team.http.request(method, path, headers=headers, content=b"{")
                    seen.add((answer.status_code, answer.text))
        keys = await team.told("GET", "/admin/keys")

    assert {status for status, _ in answers[""]} == {401}
    assert {status for status, _ in answers["ann"] | answers["bob"]} == {403}
    assert answers["ann"] == answers["bob"]
    assert len(answers["ann"]) == 1  # whatever is asked for
    assert "admin_key_required" in str(answers["ann"])
    assert {key["state"] for key in keys["data"]} == {"good"}


async def test_without_keys_whoever_sits_at_the_machine_is_the_operator_and_nobody_else(
    tmp_path: Path,
) -> None:
    beside: list[dict[str, str]] = [{}, {"authorization": "anything"}, {"sec-fetch-site": "none"}]
    outside: list[dict[str, str]] = [
        {"x-forwarded-for": "127.0.0.1"},
        {"x-forwarded-host": "localhost"},
        {"x-real-ip": "127.0.0.1"},
        {"forwarded": "for=127.0.0.1"},
        {"sec-fetch-site": "cross-site"},
    ]
    paths = ["/admin/keys", "/admin/jobs", "/metrics"]
    async with served(Product(settings_of(tmp_path))) as http:
        own = str(http.base_url).rstrip("/")
        beside.append({"origin": own, "sec-fetch-site": "same-origin"})
        good = [
            (await http.get(path, headers=each)).status_code for each in beside for path in paths
        ]
        bad = [
            (await http.get(path, headers=each)).status_code for each in outside for path in paths
        ]

    assert set(good) == {200}
    assert set(bad) == {403}


async def test_without_keys_no_other_name_and_no_page_of_elsewhere_changes_anything(
    tmp_path: Path,
) -> None:
    seen = set()
    async with served(Product(settings_of(tmp_path))) as http:
        for method, path in calls(UNKNOWN):
            for headers in ({"origin": "https://evil.example"}, {"host": "evil.example"}):
                answer = await http.request(method, path, headers=headers, json={"owner": "ann"})
                seen.add((method == "GET", answer.status_code, answer.json()["error"]["code"]))
        keys = (await http.get("/admin/keys")).json()

    assert seen == {
        (False, 403, "foreign_origin"),
        (False, 403, "foreign_host"),
        (True, 403, "admin_key_required"),
        (True, 403, "foreign_host"),
    }
    assert keys == {"data": []}


async def test_a_page_that_may_call_is_no_operator_without_a_key_and_with_one_is(
    tmp_path: Path,
) -> None:
    page = {"origin": "http://localhost:3000"}
    settings = settings_of(tmp_path)
    file = tmp_path / "unstill.toml"
    origins = 'cors_origins = ["http://localhost:3000"]\n'
    file.write_text(f'[server]\ndata_dir = "{settings.server.data_dir}"\n{origins}')
    async with served(Product(settings_of_file(file))) as http:
        without = [
            await http.get("/admin/keys", headers=page),
            await http.post("/admin/keys", headers=page, json={"owner": "ann"}),
        ]
        key = (await http.post("/admin/keys", json={"owner": "ops", "scope": "admin"})).json()
        with_key = await http.get("/admin/keys", headers=page | by(key["key"]))
        asked = {"access-control-request-method": "PATCH"}
        preflight = await http.request("OPTIONS", "/admin/owners/ann", headers=page | asked)

    assert [each.status_code for each in without] == [403, 403]
    assert with_key.status_code == 200
    assert preflight.status_code == 204
    assert "PATCH" in preflight.headers["access-control-allow-methods"]


# --- owners --------------------------------------------------------------------------------------


async def test_a_limit_that_is_set_holds_at_once_and_until_it_is_taken_away(
    make_product: ProductMaker,
) -> None:
    async with team_of(make_product()) as team:
        before = await team.told("GET", "/admin/owners")
        first = await team.told("PATCH", "/admin/owners/ann", {"queue": 0, "weight": 3})
        refused = await team.submit("ann")
        others = await team.submit("bob")
        second = await team.told("PATCH", "/admin/owners/ann", {"queue": None, "bytes": MOST})
        taken = await team.submit("ann", **LONG)
        waiting = await team.until(
            lambda told: sum(o["jobs_waiting"] + o["jobs_begun"] for o in told["data"]) > 0,
            "/admin/owners",
        )

    unset = {"owner": "ann", "jobs_waiting": 0, "jobs_begun": 0, "budgets": None}
    none = dict.fromkeys(name_of(each) for each in SETTABLE)
    assert [each["owner"] for each in before["data"]] == ["ann", "bob", "everyone", "ops"]
    assert first == unset | {"limits": none | {"queue": 0, "weight": 3}}
    assert (refused.status_code, others.status_code) == (429, 200)
    assert second == unset | {"limits": none | {"bytes": MOST, "weight": 3}}
    assert taken.status_code == 200
    assert [each["owner"] for each in waiting["data"]] == ["ann", "bob", "everyone", "ops"]


NO_LIMITS: list[tuple[object, str]] = [
    ({"queue": -1}, "queue must be a whole number from 0 or null, got -1"),
    ({"in_flight": MOST + 1}, "in_flight must be"),
    ({"bytes": "7"}, "bytes must be a whole number from 0 or null, got '7'"),
    ({"submits_per_minute": 1.5}, "submits_per_minute must be"),
    ({"weight": 0}, f"weight must be a whole number from 1 to {MOST_WEIGHT}, got 0"),
    ({"weight": MOST_WEIGHT + 1}, "weight must be"),
    ({"stored_bytes": 1}, "stored_bytes must be absent: there are in_flight"),
    ({}, "in_flight is required"),
    ([], "the request body must be a JSON object"),
]


async def test_what_is_no_limit_is_refused_by_its_field_and_changes_nothing(
    tmp_path: Path,
) -> None:
    async with team_of(Product(settings_of(tmp_path))) as team:
        await team.told("PATCH", "/admin/owners/ann", {"weight": MOST_WEIGHT, "queue": MOST})
        for body, told in NO_LIMITS:
            status, _, message = await team.refused("PATCH", "/admin/owners/ann", body)
            assert status == 400
            assert message.startswith(told)
        wrong = await team.refused("PATCH", "/admin/owners/an%20owner", {"queue": 1})
        owners = {each["owner"]: each for each in (await team.told("GET", "/admin/owners"))["data"]}

    assert wrong[0] == 400
    assert wrong[2].startswith("owner must be 1 to 64 letters")
    limits = owners["ann"]["limits"]
    assert (limits["weight"], limits["queue"]) == (MOST_WEIGHT, MOST)


async def test_a_form_is_no_change(tmp_path: Path) -> None:
    async with team_of(Product(settings_of(tmp_path))) as team:
        headers = by(team.keys["ops"])
        answer = await team.http.patch("/admin/owners/ann", data={"queue": "1"}, headers=headers)

    assert answer.status_code == 415
    assert answer.json()["error"]["code"] == "unsupported_content_type"


async def test_a_budget_is_set_and_told_in_decimals(tmp_path: Path) -> None:
    async with team_of(Product(settings_of(tmp_path))) as team:
        told = []
        for given in ("12.50", 3, 0.09, None):
            body = {"budget_day": given, "budget_month": "200"}
            told.append((await team.told("PATCH", "/admin/owners/ann", body))["limits"])
        for bad in (-1, "0.0000001", 1e9, True, "12 EUR"):
            status, _, message = await team.refused(
                "PATCH", "/admin/owners/ann", {"budget_day": bad}
            )
            assert status == 400
            assert message.startswith("budget_day must be an amount from 0 to 999999999, with at")
        of_a_key = {"owner": "ann", "name": "x", "limits": {"budget_day": 1}}
        status, _, message = await team.refused("POST", "/admin/keys", of_a_key)

    assert [each["budget_day"] for each in told] == ["12.5", "3", "0.09", None]
    assert {each["budget_month"] for each in told} == {"200"}
    assert (status, message.partition(":")[0]) == (400, "budget_day must be absent")


# --- the server ----------------------------------------------------------------------------------


async def test_engines_are_told_with_their_health_their_slots_and_their_children(
    tmp_path: Path,
) -> None:
    async with team_of(Product(settings_of(tmp_path))) as team:
        await ended_by(team, await team.submitted("ann"))
        told = await team.told("GET", "/admin/engines")
    [camera] = told["data"]
    children = camera["children"]

    assert (camera["name"], camera["kind"], camera["health"]) == ("camera", "camera", "ok")
    assert (camera["breaker"], camera["tried_again_ms"], camera["stalls"]) == (None, None, [])
    assert "wan2.7-i2v" in camera["models"]
    assert camera["slots"] >= 1
    assert camera["working"] == camera["waiting"] == 0
    assert [each["program"] for each in children] == ["unstill.engines.camera"]
    assert children[0]["started"] >= 1


async def test_queues_tell_who_waits_where_and_since_when(make_product: ProductMaker) -> None:
    async with team_of(make_product()) as team:
        slots = (await team.told("GET", "/admin/engines"))["data"][0]["slots"]
        for owner in ["ann"] * (slots + 2) + ["bob"]:
            await team.submitted(owner, **LONG)

        def is_full(told: dict[str, Any]) -> bool:
            lane = lane_of(told, "engine:camera")
            return bool(lane["working"] == slots and lane["waiting"] == 3)

        told = await team.until(is_full, "/admin/queues")
        engines = await team.told("GET", "/admin/engines")
        for job in (await team.told("GET", "/admin/jobs"))["data"]:
            await team.told("DELETE", f"/admin/jobs/{job['id']}")
    lane = lane_of(told, "engine:camera")
    owners = {each["owner"]: each for each in lane["owners"]}

    assert lane["slots"] == slots
    assert sum(each["waiting"] for each in owners.values()) == 3
    assert owners["bob"]["waiting"] + owners["bob"]["working"] == 1
    assert lane["oldest_ms"] == min(
        each["oldest_ms"] for each in owners.values() if each["oldest_ms"] is not None
    )
    assert sum(each["count"] for each in told["under_way"]) == slots
    assert {each["state"] for each in told["under_way"]} == {"running"}
    assert engines["data"][0]["waiting"] == 3
    assert lane_of(told, "frames")["waiting"] == 0


async def test_what_is_kept_for_how_long_and_what_room_there_is_are_told(tmp_path: Path) -> None:
    async with team_of(Product(settings_of(tmp_path))) as team:
        plain = await team.told("GET", "/admin/retention")
    file = tmp_path / "unstill.toml"
    limits = "keep_videos_days = 2\nkeep_rows_days = 0.5\nmost_data_mb = 7\nleast_free_mb = 3"
    file.write_text(f'[server]\ndata_dir = "{tmp_path / "data"}"\n{limits}\n')
    async with served(Product(settings_of_file(file))) as http:
        limited = (await http.get("/admin/retention", headers=by(team.keys["ops"]))).json()

    assert {each["what"]: each["keep_ms"] for each in plain["kept"]} == {
        "video": None,
        "pictures": None,
        "failed_pictures": 86_400_000,
        "row": None,
    }
    assert plain["disk"]["takes_jobs"]
    assert plain["disk"]["free_bytes"] > 0
    assert plain["disk"]["folder_bytes"] is plain["disk"]["folder_limit_bytes"] is None
    kept = {each["what"]: each["keep_ms"] for each in limited["kept"]}
    assert (kept["video"], kept["row"]) == (172_800_000, 43_200_000)
    assert limited["disk"]["folder_limit_bytes"] == 7_000_000
    assert limited["disk"]["reserve_bytes"] == 3_000_000
    assert limited["disk"]["folder_bytes"] > 0


def lane_of(told: dict[str, Any], name: str) -> dict[str, Any]:
    return next(dict(lane) for lane in told["lanes"] if lane["lane"] == name)
