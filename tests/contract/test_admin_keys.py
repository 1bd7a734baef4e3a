"""Keys over HTTP: what is made, replaced and revoked holds at once, and is told to nobody else."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

from msgspec.structs import replace as replaced
from structlog.testing import capture_logs

from support.admin_team import ProductMaker, by, team_of
from support.api_keys import adding
from support.in_process import served, settings_of
from support.waits import PATIENCE_S
from unstill.domain.api_key import ApiKey, digest_of
from unstill.domain.caller import Scope
from unstill.domain.limits import OF_KEYS
from unstill.domain.owner import Owner
from unstill.product import Product
from unstill.server.admin.limits import name_of
from unstill.store.embedded.keys_beside import change_key_in
from unstill.store.embedded.owners_beside import change_owner_in


async def test_a_key_is_good_from_its_answer_on_and_told_in_no_other(
    make_product: ProductMaker,
) -> None:
    async with team_of(make_product()) as team:
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


async def test_a_replaced_key_and_a_revoked_one_stop_at_once(make_product: ProductMaker) -> None:
    async with team_of(make_product()) as team:

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
    # When it was last used is written beside the answers.
    assert again | {"used_ms": None} == revoked | {"used_ms": None}
    assert ended[:2] == (400, "key_ended")
    assert [each[:2] for each in unknown] == [(404, "key_not_found")] * 2
    assert free["owner"] == "bob"


async def test_a_keys_own_limits_hold_from_its_making_and_from_each_change_on(
    make_product: ProductMaker,
) -> None:
    async with team_of(make_product()) as team:
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


async def test_the_first_key_closes_the_server_to_whoever_made_it_without_one(
    make_product: ProductMaker,
) -> None:
    async with served(make_product()) as http:
        before = await http.get("/admin/keys")
        made = await http.post("/admin/keys", json={"owner": "ops", "scope": "admin"})
        after = await http.get("/admin/keys")
        with_key = await http.get("/admin/keys", headers=by(made.json()["key"]))

    assert [each.status_code for each in (before, made, after, with_key)] == [200, 200, 401, 200]


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
