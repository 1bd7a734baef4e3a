"""An owner's own jobs over HTTP, in unstill's own words."""

from __future__ import annotations

import io
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from support.admin_team import LONG, UNKNOWN, ProductMaker, Team, by, ended_by, team_of
from support.in_process import PHOTO, create_body, settings_of
from unstill.product import Product


async def asked(team: Team, owner: str, path: str) -> dict[str, Any]:
    answer = await team.http.get(path, headers=by(team.keys[owner]))
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def ids_of(team: Team, owner: str, query: str) -> list[str]:
    return [each["id"] for each in (await asked(team, owner, f"/v1/jobs?{query}"))["data"]]


@pytest.mark.slow
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


DETAILS = {
    "dialect",
    "request_id",
    "request",
    "moves",
    "attempt",
    "usage",
    "money",
    "link",
    "link_until_ms",
    "pictures",
    "delivery",
}


@pytest.mark.slow
async def test_an_owner_is_told_the_whole_life_of_a_job_and_of_anothers_that_it_is_not_there(
    make_product: ProductMaker,
) -> None:
    async with team_of(make_product()) as team:
        job = await team.submitted("ann")
        await ended_by(team, job)
        [listed] = (await asked(team, "ann", "/v1/jobs"))["data"]
        told = await asked(team, "ann", f"/v1/jobs/{job}")
        video = await team.http.get(told["link"])
        paths = [f"/v1/jobs/{job}", f"/v1/jobs/{job}/pictures/first", f"/v1/jobs/{UNKNOWN}"]
        foreign = [
            await team.http.get(path, headers=by(team.keys[owner]))
            for path in paths
            for owner in ("bob", "ops")
        ]
        await team.http.delete(f"/v1/videos/{job}", headers=by(team.keys["ann"]))
        gone = [await team.http.get(each, headers=by(team.keys["ann"])) for each in paths[:2]]

    assert set(told) == set(listed) | DETAILS
    assert {name: told[name] for name in listed} == listed
    assert (told["dialect"], told["attempt"], told["pictures"]) == ("tasks", 1, ["first"])
    assert told["request"]["prompt"] == "push in"
    assert [each["state"] for each in told["moves"]] == [
        "queued",
        "ready",
        "running",
        "saving",
        "succeeded",
    ]
    times = [each["at_ms"] for each in told["moves"]]
    assert times == sorted(times)
    assert times[::2] == [told["created_ms"], told["started_ms"], told["ended_ms"]]
    assert told["usage"] == {"duration_s": 2, "video_count": 1, "tier_height": 256}
    assert (told["money"], told["delivery"]) == (None, None)
    assert told["link"].startswith(str(team.http.base_url))
    assert f"expires={told['link_until_ms'] // 1000}&" in told["link"]
    assert (video.status_code, video.content[4:8]) == (200, b"ftyp")
    assert {each.status_code for each in foreign + gone} == {404}
    assert {each.json()["error"]["code"] for each in foreign + gone} == {"task_not_found"}


async def test_an_owner_is_told_what_it_is_charged_with_and_not_what_that_costs(
    tmp_path: Path,
) -> None:
    money = (
        '[money]\ncurrency = "EUR"\n'
        '[engines.camera]\nkind = "camera"\n'
        '[engines.camera.costs."wan2.7-i2v"]\nper_video = "0.05"\n'
        '[models."wan2.7-i2v".prices]\n"720P" = { per_second = "0.09" }\n'
        '"1080P" = { per_second = "0.09" }\n'
    )
    async with team_of(Product(settings_of(tmp_path, money))) as team:
        job = await team.submitted("ann", **LONG)
        before = await asked(team, "ann", f"/v1/jobs/{job}")
        done = await team.submitted("ann")
        await team.told("POST", f"/admin/jobs/{job}/cancel")
        await ended_by(team, done)
        after = await asked(team, "ann", f"/v1/jobs/{done}")

    told = {"basis": "price", "currency": "EUR"}
    assert before["money"] == told | {"reserved": "1.35", "price": None}
    assert (before["link"], before["video"]) == (None, None)
    assert after["money"] == told | {"reserved": "0", "price": "0.18"}
    assert "0.05" not in str(after)


async def test_a_picture_is_shown_as_it_was_given_and_as_nothing_else(tmp_path: Path) -> None:
    async with team_of(Product(settings_of(tmp_path))) as team:
        headers = by(team.keys["ann"])
        job = await team.submitted("ann")
        path = f"/v1/jobs/{job}/pictures/first"
        whole = await team.http.get(path, headers=headers)
        head = await team.http.head(path, headers=headers)
        part = await team.http.get(path, headers=headers | {"range": "bytes=0-2"})
        known = await team.http.get(
            path, headers=headers | {"if-none-match": whole.headers["etag"]}
        )
        beyond = await team.http.get(path, headers=headers | {"range": "bytes=999999999-"})
        last = await team.http.get(f"/v1/jobs/{job}/pictures/last", headers=headers)
        middle = await team.http.get(f"/v1/jobs/{job}/pictures/middle", headers=headers)
        [file] = tmp_path.rglob("first-frame")
        await ended_by(team, job)
        file.unlink()
        removed = await team.http.get(path, headers=headers)
        told = await asked(team, "ann", f"/v1/jobs/{job}")

    assert whole.content == PHOTO.read_bytes()
    assert whole.headers["content-type"] == "image/jpeg"
    assert whole.headers["content-disposition"] == f'inline; filename="{job}-first.jpeg"'
    assert whole.headers["x-content-type-options"] == "nosniff"
    assert whole.headers["content-security-policy"] == "sandbox; default-src 'none'"
    assert whole.headers["cache-control"].startswith("private")
    assert (head.status_code, head.content) == (200, b"")
    assert (part.status_code, part.content) == (206, b"\xff\xd8\xff")
    assert (known.status_code, beyond.status_code) == (304, 416)
    assert (last.status_code, last.json()["error"]["code"]) == (404, "no_picture")
    assert (middle.status_code, middle.json()["error"]["param"]) == (400, "role")
    assert "first or last" in middle.json()["error"]["message"]
    assert (removed.status_code, removed.json()["error"]["code"]) == (410, "picture_removed")
    assert told["pictures"] == []


async def test_of_an_address_that_gave_nothing_there_is_no_picture(tmp_path: Path) -> None:
    async with team_of(Product(settings_of(tmp_path))) as team:
        body = create_body()
        body["input"]["first_frame_url"] = "http://nowhere.invalid/cat.jpg"
        headers = by(team.keys["ann"])
        answer = await team.http.post("/v1/tasks/submit", json=body, headers=headers)
        job = answer.json()["output"]["task_id"]
        told = await team.until(lambda told: told["state"] == "failed", f"/admin/jobs/{job}")
        picture = await team.http.get(f"/v1/jobs/{job}/pictures/first", headers=headers)
        details = await asked(team, "ann", f"/v1/jobs/{job}")

    assert told["failure"]["code"] == "invalid_image"
    assert (picture.status_code, picture.json()["error"]["code"]) == (404, "no_picture")
    assert details["pictures"] == []
    assert details["error"]["param"] == "input.first_frame_url"
    assert [each["state"] for each in details["moves"]] == ["queued", "failed"]


TYPES = [
    ("JPEG", "image/jpeg"),
    ("PNG", "image/png"),
    ("WEBP", "image/webp"),
    ("GIF", "image/gif"),
    ("BMP", "image/bmp"),
    ("AVIF", "image/avif"),
]


async def test_a_picture_has_the_type_of_its_bytes_whatever_it_was_called(tmp_path: Path) -> None:
    async with team_of(Product(settings_of(tmp_path))) as team:
        headers, types = by(team.keys["ann"]), []
        for form, _ in TYPES:
            file = io.BytesIO()
            Image.new("RGB", (320, 256), "teal").save(file, form)
            picture = b64encode(file.getvalue()).decode()
            body = create_body()
            body["input"]["first_frame_url"] = f"data:text/html;base64,{picture}"
            answer = await team.http.post("/v1/tasks/submit", json=body, headers=headers)
            assert answer.status_code == 200, answer.text
            path = f"/v1/jobs/{answer.json()['output']['task_id']}/pictures/first"
            shown = await team.http.get(path, headers=headers)
            assert shown.content == file.getvalue()
            types.append(shown.headers["content-type"])

    assert types == [each for _, each in TYPES]
