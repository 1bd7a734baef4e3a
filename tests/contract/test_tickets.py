"""Tickets in addresses, as a browser sends them, where it can send no key."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx2
import pytest

from support.admin_team import ProductMaker, Team, by, ended_by, team_of
from support.in_process import served, settings_of
from unstill.product import Product
from unstill.server.own_routes import OwnRoutes

NOON_MS = 1_795_176_000_000  # 2026-11-20T12:00:00Z


async def told(http: httpx2.AsyncClient, key: str = "") -> dict[str, Any]:
    answer = await http.post("/v1/tickets", headers=by(key) if key else {}, json={})
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    return dict(answer.json())


async def query_of(team: Team, owner: str) -> dict[str, str]:
    return {"ticket": (await told(team.http, team.keys[owner]))["ticket"]}


def refusal(answer: httpx2.Response) -> tuple[int, str, str]:
    error = answer.json()["error"]
    return answer.status_code, error["code"], error["message"]


async def events(http: httpx2.AsyncClient, job: str, query: dict[str, str]) -> list[str]:
    async with http.stream("GET", f"/v1/videos/{job}/events", params=query) as answer:
        assert answer.status_code == 200
        return [line async for line in answer.aiter_lines() if line.startswith("data: ")]


@pytest.mark.slow
async def test_an_address_with_a_ticket_is_answered_as_to_its_key(
    make_product: ProductMaker,
) -> None:
    async with team_of(make_product()) as team:
        http, job = team.http, await team.submitted("ann")
        own, others = await query_of(team, "ann"), await query_of(team, "bob")
        heard = await events(http, job, own)
        content = f"/v1/videos/{job}/content"
        for path in (content, f"/openai{content}"):
            whole = await http.get(path, params=own)
            part = await http.get(path, params=own, headers={"range": "bytes=4-7"})
            head = await http.head(path, params=own)
            picture = await http.get(path, params=own | {"variant": "thumbnail"})

            assert (whole.status_code, whole.content[4:8]) == (200, b"ftyp")
            assert (part.status_code, part.content) == (206, b"ftyp")
            assert (head.status_code, picture.status_code) == (200, 200)
        foreign = [
            await http.get(f"/v1/videos/{job}/{what}", params=others)
            for what in ("content", "events")
        ]

    assert '"status":"completed"' in heard[-1].replace("SUCCESS", "completed")
    assert [each.status_code for each in foreign] == [404, 404]


async def test_what_is_no_good_ticket_is_refused_in_the_words_of_the_route(
    make_product: ProductMaker,
) -> None:
    async with team_of(make_product()) as team:
        job, http = await team.submitted("ann"), team.http
        ticket = (await query_of(team, "ann"))["ticket"]
        altered = ticket[:-1] + ("A" if ticket[-1] != "A" else "B")
        found = {
            (what, sent): refusal(await http.get(f"/v1/videos/{job}/{what}{sent}"))
            for what in ("content", "events")
            for sent in ("", "?ticket=", "?ticket=nonsense", f"?ticket={altered}")
        }

    assert {(status, code) for status, code, _ in found.values()} == {(401, "invalid_api_key")}
    for (_, sent), (_, _, message) in found.items():
        assert ("this ticket is not one of" in message) == bool(sent), message


async def test_a_key_that_is_sent_with_a_ticket_counts_alone(make_product: ProductMaker) -> None:
    async with team_of(make_product()) as team:
        job = await team.submitted("ann")
        own, content = await query_of(team, "ann"), f"/v1/videos/{job}/events"
        as_bob = await team.http.get(content, params=own, headers=by(team.keys["bob"]))
        as_nobody = await team.http.get(content, params=own, headers=by("sk-nobodys"))
        junk = await team.http.head(
            content, params={"ticket": "junk"}, headers=by(team.keys["ann"])
        )

    assert [each.status_code for each in (as_bob, as_nobody, junk)] == [404, 401, 200]


@pytest.mark.parametrize("owner", ["ann", "ops"])
async def test_a_ticket_is_nothing_to_any_route_that_takes_none(
    make_product: ProductMaker, owner: str
) -> None:
    """An operator's neither: what only operators may, no address may."""
    async with team_of(make_product()) as team:
        query = await query_of(team, owner)
        paths = (await team.http.get("/openapi.json")).json()["paths"]
        takers, answers = set(), {}
        for path, operations in paths.items():
            for method, operation in operations.items():
                if operation.get("security") == []:
                    continue
                if {"ticket": []} in operation.get("security", []):
                    takers.add((method, path))
                    continue
                answer = await team.http.request(method, path, params=query)
                answers[method, path] = answer.status_code

    of_video = "/v1/videos/{video_id}"
    taken = {f"{of_video}/content", f"{of_video}/events", "/v1/events"}
    taken |= {"/v1/jobs/{job_id}/pictures/{role}"}
    assert {("get", path) for path in taken} <= takers
    assert {method for method, _ in takers} == {"get"}
    assert not [path for _, path in takers if path.startswith("/admin")]
    assert ("get", "/admin/jobs") in answers
    assert ("post", "/v1/tickets") in answers
    assert set(answers.values()) == {401}


@pytest.mark.slow
async def test_an_operators_ticket_loads_its_own_videos_alone(make_product: ProductMaker) -> None:
    async with team_of(make_product()) as team:
        jobs = {owner: await team.submitted(owner) for owner in ("ops", "ann")}
        await ended_by(team, jobs["ops"])
        query = await query_of(team, "ops")
        statuses = {
            owner: (await team.http.get(f"/v1/videos/{job}/content", params=query)).status_code
            for owner, job in jobs.items()
        }

    assert statuses == {"ops": 200, "ann": 404}


async def test_what_is_open_by_a_ticket_ends_with_its_key(make_product: ProductMaker) -> None:
    async with team_of(make_product()) as team:
        made = await team.told("POST", "/admin/keys", {"owner": "ann", "name": "lent"})
        query = {"ticket": (await told(team.http, made["key"]))["ticket"]}
        job = await team.submitted("ann", size="1280*720", duration=15)
        following = asyncio.create_task(events(team.http, job, query))
        await asyncio.sleep(0.3)
        assert not following.done()
        await team.told("DELETE", f"/admin/keys/{made['id']}")
        async with asyncio.timeout(30):
            heard = await following
        after = refusal(await team.http.get(f"/v1/videos/{job}/events", params=query))
        await team.told("POST", f"/admin/jobs/{job}/cancel")

    assert heard
    assert '"progress":100' not in heard[-1]
    assert after[:2] == (401, "invalid_api_key")
    assert "this ticket's API key was revoked" in after[2]


@pytest.mark.slow
async def test_a_ticket_is_good_after_a_restart(make_product: ProductMaker) -> None:
    async with team_of(make_product()) as team:
        job = await team.submitted("ann")
        await ended_by(team, job)
        query = await query_of(team, "ann")
    async with served(make_product()) as http:
        answer = await http.get(f"/v1/videos/{job}/content", params=query)

    assert (answer.status_code, answer.content[4:8]) == (200, b"ftyp")


async def test_a_ticket_is_over_when_it_says(tmp_path: Path) -> None:
    now_ms = NOON_MS
    product = Product(settings_of(tmp_path), wall_ms=lambda: now_ms)
    async with team_of(product) as team:
        job = await team.submitted("ann")
        ticket = await told(team.http, team.keys["ann"])
        path, query = f"/v1/videos/{job}/events", {"ticket": ticket["ticket"]}
        now_ms = ticket["expires_ms"] - 1
        before = await team.http.head(path, params=query)
        now_ms = ticket["expires_ms"]
        after = await team.http.get(path, params=query)
        another = await told(team.http, team.keys["ann"])
        again = await team.http.head(path, params={"ticket": another["ticket"]})

    assert ticket["expires_ms"] == NOON_MS + 600_000
    assert (before.status_code, again.status_code) == (200, 200)
    assert refusal(after) == (
        401,
        "invalid_api_key",
        "this ticket expired at 2026-11-20T12:10:00Z; POST /v1/tickets gives one for a key",
    )


async def test_without_keys_an_address_needs_none(tmp_path: Path) -> None:
    async with served(Product(settings_of(tmp_path))) as http:
        ticket = await told(http)
        answers = [
            await http.get(f"/v1/videos/{'0' * 8}/events", params=query)
            for query in ({}, {"ticket": "whatever"})
        ]

    assert ticket == {"ticket": None, "expires_ms": None}
    assert [each.status_code for each in answers] == [404, 404]


async def test_a_ticket_is_one_of_the_calls_by_the_minute(make_product: ProductMaker) -> None:
    async with team_of(make_product()) as team:
        await team.told("PATCH", "/admin/owners/ann", {"requests_per_minute": 2})
        headers = by(team.keys["ann"])
        answers = [await team.http.post("/v1/tickets", headers=headers) for _ in range(3)]

    assert [each.status_code for each in answers] == [200, 200, 429]


def test_no_open_route_takes_a_ticket() -> None:
    assert not [each for each in OwnRoutes().routes if each.takes_ticket and each.is_open]
