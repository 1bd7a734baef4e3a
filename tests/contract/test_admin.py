"""What operators ask and change over HTTP: who may, what holds at once, what is refused."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from msgspec.structs import replace as replaced
from structlog.testing import capture_logs

from support.api_keys import adding
from support.in_process import create_body, served, settings_of
from support.memory_ports import Memory
from support.memory_store import MemoryStore
from support.waits import PATIENCE_S
from unstill.domain.api_key import ApiKey, digest_of
from unstill.domain.caller import Scope
from unstill.domain.limits import MOST, OF_KEYS, SETTABLE
from unstill.domain.owner import Owner
from unstill.domain.owner_turns import MOST_WEIGHT
from unstill.product import Product
from unstill.server.admin.jobs import MOST_RELEASED
from unstill.server.admin.limits import name_of
from unstill.server.admin.routes import AdminRoutes
from unstill.settings.reader import Settings, read_settings
from unstill.store.embedded.keys_beside import change_key_in
from unstill.store.embedded.owners_beside import change_owner_in

Make = Callable[[], Product]
UNKNOWN = "01a1f87e-d82e-7c04-b50f-3fd6008dc4ba"
LONG: dict[str, Any] = {"size": "1280*720", "duration": 15}


@pytest.fixture(params=["embedded", "memory"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    """A product over the same data, each time it is called."""
    memory = Memory()

    def make() -> Product:
        if request.param == "embedded":
            return Product(settings_of(tmp_path))
        return Product(settings_of(tmp_path), store_in=lambda _, clock: MemoryStore(memory, clock))

    return make


def settings_of_file(file: Path) -> Settings:
    return read_settings(file=file, environment={}, command_line={})


def by(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


class Team:
    """A server with an operator's key and two owners' keys, which its clients send."""

    def __init__(self, http: httpx2.AsyncClient) -> None:
        self.http = http
        self.keys: dict[str, str] = {}

    async def make_keys(self) -> None:
        made = await self.http.post("/admin/keys", json={"owner": "ops", "scope": "admin"})
        assert made.status_code == 200, made.text
        self.keys["ops"] = made.json()["key"]
        for owner in ("ann", "bob"):
            self.keys[owner] = (await self.told("POST", "/admin/keys", {"owner": owner}))["key"]

    async def ask(self, method: str, path: str, body: object = None) -> httpx2.Response:
        headers = by(self.keys["ops"])
        if body is None:
            return await self.http.request(method, path, headers=headers)
        return await self.http.request(method, path, headers=headers, json=body)

    async def told(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        answer = await self.ask(method, path, body)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def refused(self, method: str, path: str, body: object = None) -> tuple[int, str, str]:
        """Status, code and message."""
        answer = await self.ask(method, path, body)
        error = answer.json()["error"]
        assert set(error) == {"message", "type", "param", "code"}
        return answer.status_code, error["code"], error["message"]

    async def submit(self, owner: str, **parameters: Any) -> httpx2.Response:
        body = create_body(**parameters)
        return await self.http.post("/v1/tasks/submit", json=body, headers=by(self.keys[owner]))

    async def submitted(self, owner: str, **parameters: Any) -> str:
        answer = await self.submit(owner, **parameters)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["output"]["task_id"])

    async def until(self, is_so: Callable[[dict[str, Any]], bool], path: str) -> dict[str, Any]:
        """What is told there once it is so."""
        async with asyncio.timeout(PATIENCE_S):
            while not is_so(told := await self.told("GET", path)):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        return told


@asynccontextmanager
async def team_of(product: Product) -> AsyncIterator[Team]:
    async with served(product) as http:
        team = Team(http)
        await team.make_keys()
        yield team


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


async def test_a_limit_that_is_set_holds_at_once_and_until_it_is_taken_away(make: Make) -> None:
    async with team_of(make()) as team:
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

    unset = {"owner": "ann", "jobs_waiting": 0, "jobs_begun": 0}
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


# --- keys ----------------------------------------------------------------------------------------


async def test_a_key_is_good_from_its_answer_on_and_told_in_no_other(make: Make) -> None:
    async with team_of(make()) as team:
        answer = await team.ask(
            "POST",
            "/admin/keys",
            {
                "owner": "cid",
                "name": "laptop",
                "models": ["sora-2"],
                "networks": ["127.0.0.0/8"],
                "expires": "90d",
            },
        )
        made = answer.json()
        status = (await team.http.get("/v1/models", headers=by(made["key"]))).json()
        listed = await team.ask("GET", "/admin/keys")

    assert answer.headers["cache-control"] == "no-store"
    assert re.fullmatch(r"unstill_[A-Za-z0-9_-]{43}", made["key"])
    assert made["expires_ms"] - made["created_ms"] == 90 * 86_400_000
    assert [each["id"] for each in status["data"]] == ["openai/sora-2/image-to-video-pro"]
    rows = {each["name"]: each for each in listed.json()["data"]}
    assert set(rows) == {"ops", "ann", "bob", "laptop"}
    assert rows["laptop"] == {name: value for name, value in made.items() if name != "key"}
    assert (rows["laptop"]["networks"], rows["ops"]["scope"]) == (["127.0.0.0/8"], "admin")
    for text in (made["key"], *team.keys.values()):
        assert text not in listed.text
        assert digest_of(text.encode()).hex() not in listed.text


async def test_a_replaced_key_and_a_revoked_one_stop_at_once(make: Make) -> None:
    async with team_of(make()) as team:

        async def status(key: str) -> int:
            return (await team.http.get("/v1/videos", headers=by(key))).status_code

        new = await team.told("POST", "/admin/keys/ann/rotate")
        after_rotate = [await status(each) for each in (team.keys["ann"], new["key"])]
        revoked = await team.told("DELETE", f"/admin/keys/{new['id']}")
        after_revoke = await status(new["key"])
        again = await team.told("DELETE", f"/admin/keys/{new['id']}")
        ended = await team.refused("POST", "/admin/keys/ann/rotate")
        unknown = [
            await team.refused("POST", "/admin/keys/nobody/rotate"),
            await team.refused("DELETE", "/admin/keys/nobody"),
        ]
        free = await team.told("POST", "/admin/keys", {"owner": "bob", "name": "ann"})

    assert (after_rotate, after_revoke) == ([401, 200], 401)
    assert (revoked["state"], revoked["id"]) == ("revoked", new["id"])
    assert again == revoked
    assert ended[:2] == (400, "key_ended")
    assert [each[:2] for each in unknown] == [(404, "key_not_found")] * 2
    assert free["owner"] == "bob"


async def test_a_keys_own_limits_hold_from_its_making_and_from_each_change_on(make: Make) -> None:
    async with team_of(make()) as team:
        made = await team.told(
            "POST", "/admin/keys", {"owner": "ann", "name": "few", "limits": {"queue": 0}}
        )
        team.keys["few"] = made["key"]
        first = [(await team.submit(each)).status_code for each in ("few", "ann")]
        changed = await team.told("PATCH", "/admin/keys/few", {"queue": None, "in_flight": 1})
        second = (await team.submit("few")).status_code
        refused = [
            await team.refused("PATCH", "/admin/keys/few", body) for body in ({}, {"weight": 2})
        ]
        unknown = await team.refused("PATCH", "/admin/keys/nobody", {"queue": 1})

    none = dict.fromkeys(name_of(each) for each in OF_KEYS)
    assert made["limits"] == none | {"queue": 0}
    assert (first, second) == ([429, 200], 200)
    assert changed["limits"] == none | {"in_flight": 1}
    assert [each[:2] for each in refused] == [
        (400, "missing_parameter"),
        (400, "invalid_parameter"),
    ]
    assert unknown[:2] == (404, "key_not_found")


async def test_the_first_key_closes_the_server_to_whoever_made_it_without_one(make: Make) -> None:
    async with served(make()) as http:
        before = await http.get("/admin/keys")
        made = await http.post("/admin/keys", json={"owner": "ops", "scope": "admin"})
        after = await http.get("/admin/keys")
        with_key = await http.get("/admin/keys", headers=by(made.json()["key"]))

    assert [each.status_code for each in (before, made, after, with_key)] == [200, 200, 401, 200]


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


NO_KEYS: list[tuple[object, str]] = [
    ({}, "owner is required"),
    ({"owner": "an owner"}, "owner must be 1 to 64 letters"),
    ({"owner": 5}, "owner must be"),
    ({"owner": "a", "name": "ann"}, "name must be another name than a good key has"),
    ({"owner": "a", "name": "key_0123456789ab"}, "name must be 1 to 64 printable"),
    ({"owner": "a", "name": 5}, "name must be text"),
    ({"owner": "a", "scope": "root"}, "scope must be user or admin, got 'root'"),
    ({"owner": "a", "models": ["sora-9"]}, "models must be one of"),
    ({"owner": "a", "models": []}, "models must be at least one"),
    ({"owner": "a", "models": "sora-2"}, "models must be a list of texts"),
    ({"owner": "a", "networks": ["10.0.0.1/8"]}, "networks must be CIDRs"),
    ({"owner": "a", "networks": [5]}, "networks must be a list of texts"),
    ({"owner": "a", "expires": "0s"}, "expires must be to come"),
    ({"owner": "a", "expires": "soon"}, "expires must be an ISO 8601 time"),
    ({"owner": "a", "expire": "90d"}, "expire must be absent"),
    ({"owner": "a", "limits": {"queue": -1}}, "queue must be a whole number from 0 or null"),
    ({"owner": "a", "limits": {"weight": 2}}, "weight must be absent: there are in_flight"),
    ({"owner": "a", "limits": 5}, "limits must be an object"),
]


async def test_what_no_key_may_be_is_refused_by_its_field_and_makes_none(tmp_path: Path) -> None:
    async with team_of(Product(settings_of(tmp_path))) as team:
        for body, told in NO_KEYS:
            status, _, message = await team.refused("POST", "/admin/keys", body)
            assert status == 400
            assert message.startswith(told)
        keys = await team.told("GET", "/admin/keys")

    assert len(keys["data"]) == 3


async def test_who_changed_what_is_in_the_log_and_no_key(tmp_path: Path) -> None:
    with capture_logs() as logs:
        async with team_of(Product(settings_of(tmp_path))) as team:
            await team.told("PATCH", "/admin/owners/ann", {"queue": 1})
            await team.told("POST", "/admin/keys/ann/rotate")
            rows = (await team.told("GET", "/admin/keys"))["data"]
    told = [(log["what"], log["by"]) for log in logs if log["event"] == "operator_did"]
    [ops] = [row["id"] for row in rows if row["name"] == "ops"]

    assert told == [
        ("key_made", "nobody"),
        ("key_made", ops),
        ("key_made", ops),
        ("owner_set", ops),
        ("key_rotated", ops),
    ]
    assert "unstill_" not in str(logs)


async def test_what_another_process_changes_is_told_and_holds_too(tmp_path: Path) -> None:
    folder, text = tmp_path / "data", "unstill_by_a_command"
    key = ApiKey(
        id="key_0123456789ab",
        name="beside",
        owner=Owner("cid"),
        digest=digest_of(text.encode()).hex(),
        scope=Scope.ADMIN,
        created_ms=5,
    )
    async with team_of(Product(settings_of(tmp_path))) as team:
        await asyncio.to_thread(change_key_in, folder, adding(key))
        await asyncio.to_thread(
            change_owner_in, folder, Owner("bob"), lambda before: replaced(before, queue=0)
        )
        names = [each["name"] for each in (await team.told("GET", "/admin/keys"))["data"]]
        owners = {each["owner"]: each for each in (await team.told("GET", "/admin/owners"))["data"]}
        async with asyncio.timeout(PATIENCE_S):
            while True:
                seen = await team.http.get("/admin/keys", headers=by(text))
                refused = await team.submit("bob")
                if (seen.status_code, refused.status_code) == (200, 429):
                    break
                await asyncio.sleep(0.05)

    assert "beside" in names
    assert owners["bob"]["limits"]["queue"] == 0


# --- jobs ----------------------------------------------------------------------------------------


async def test_jobs_of_all_owners_are_listed_by_pages_and_filters_without_their_prompts(
    make: Make,
) -> None:
    async with team_of(make()) as team:
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


async def test_an_operator_cancels_and_deletes_whoever_made_the_job(make: Make) -> None:
    async with team_of(make()) as team:
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


async def test_what_is_no_list_of_jobs_releases_nothing(make: Make) -> None:
    async with team_of(make()) as team:
        for body, told in NO_LISTS:
            status, _, message = await team.refused("POST", "/admin/held-jobs/release", body)
            assert status == 400
            assert message.startswith(told)
        many = {"job_ids": ["x"] * MOST_RELEASED}
        most = await team.told("POST", "/admin/held-jobs/release", many)
        held = await team.told("GET", "/admin/held-jobs")

    assert most == {"released": [], "sent": {}, "not_held": ["x"]}
    assert held == {"data": []}


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


async def test_queues_tell_who_waits_where_and_since_when(make: Make) -> None:
    async with team_of(make()) as team:
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


async def ended_by(team: Team, job: str) -> None:
    await team.until(lambda told: told["state"] == "succeeded", f"/admin/jobs/{job}")
