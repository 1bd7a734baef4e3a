"""The list of videos: paging, order, and whose jobs are in it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from support.servers import LOOPBACK_ALLOWED, PictureHost, Serving

COUNT = 22  # more than the default page
KEYS = "team-a:sk-a,team-b:sk-b,team-c:sk-c"


class Team:
    """One owner's calls."""

    def __init__(self, server: Serving, key: str) -> None:
        self._http = server.http
        self._headers = {"authorization": f"Bearer {key}"}

    def create(self, url: str, path: str = "/v1/videos") -> str:
        frame = {"input": {"img_url": url}} if "tasks" in path else {"input_reference": url}
        body = {"model": "wan2.7-i2v"} | frame
        answer = self._http.post(path, json=body, headers=self._headers)
        assert answer.status_code == 200, answer.text
        return str(answer.json().get("id") or answer.json()["output"]["task_id"])

    def call(self, path: str, method: str = "GET", **query: object) -> tuple[int, Any]:
        params = {name: str(value) for name, value in query.items()}
        answer = self._http.request(method, path, params=params, headers=self._headers)
        return answer.status_code, answer.json()

    def page(self, **query: object) -> dict[str, Any]:
        status, body = self.call("/v1/videos", "GET", **query)
        assert status == 200, body
        assert body["object"] == "list"
        return dict(body)

    def ids(self, **query: object) -> list[str]:
        return [str(video["id"]) for video in self.page(**query)["data"]]


@pytest.fixture(scope="module")
def keyed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    environment = LOOPBACK_ALLOWED | {"UNSTILL_API_KEYS": KEYS}
    with Serving(tmp_path_factory.mktemp("keyed"), environment=environment) as serving:
        yield serving


@pytest.fixture(scope="module")
def team_a(keyed: Serving) -> Team:
    return Team(keyed, "sk-a")


@pytest.fixture(scope="module")
def team_b(keyed: Serving) -> Team:
    return Team(keyed, "sk-b")


@pytest.fixture(scope="module")
def lost(pictures: PictureHost) -> str:
    """A picture that is not there: its jobs end soon, without a render."""
    return f"{pictures.url}/lost.png"


@pytest.fixture(scope="module")
def made(team_a: Team, lost: str) -> list[str]:
    """Ids of team A's jobs, oldest first, made through both dialects."""
    paths = ("/v1/videos", "/v1/tasks/submit")
    return [team_a.create(lost, paths[n % 2]) for n in range(COUNT)]


def test_the_newest_20_come_first_unless_another_number_is_asked_for(
    team_a: Team, made: list[str]
) -> None:
    page = team_a.page()

    assert [video["id"] for video in page["data"]] == made[::-1][:20]
    assert (page["first_id"], page["last_id"]) == (made[-1], made[-20])
    assert page["has_more"] is True


@pytest.mark.parametrize("limit", [1, 2, 100])
def test_a_page_has_at_most_as_many_as_asked_for(team_a: Team, made: list[str], limit: int) -> None:
    page = team_a.page(limit=limit)

    assert [video["id"] for video in page["data"]] == made[::-1][:limit]
    assert page["has_more"] is (limit < COUNT)


def test_a_page_of_none_is_empty_and_has_no_ids(team_a: Team, made: list[str]) -> None:
    assert made
    assert team_a.page(limit=0) == {
        "object": "list",
        "data": [],
        "first_id": None,
        "last_id": None,
        "has_more": True,
    }


@pytest.mark.parametrize("order", ["asc", "desc"])
@pytest.mark.parametrize("limit", [1, 5, 11])
def test_pages_after_each_other_give_every_job_once(
    team_a: Team, made: list[str], order: str, limit: int
) -> None:
    found: list[str] = []
    page = team_a.page(limit=limit, order=order)
    while True:
        found += [video["id"] for video in page["data"]]
        if not page["has_more"]:
            break
        page = team_a.page(limit=limit, order=order, after=page["last_id"])

    assert found == (made if order == "asc" else made[::-1])


def test_nothing_comes_after_the_last_one(team_a: Team, made: list[str]) -> None:
    assert team_a.ids(after=made[0]) == []
    assert team_a.ids(after=made[-1], order="asc") == []


@pytest.mark.parametrize("order", ["asc", "desc"])
def test_an_id_that_is_no_more_still_tells_where_to_go_on(
    keyed: Serving, lost: str, order: str
) -> None:
    team = Team(keyed, "sk-c")
    before, middle, last = (team.create(lost) for _ in range(3))
    status, deleted = team.call(f"/v1/videos/{middle}", "DELETE")

    assert (status, deleted["deleted"]) == (200, True)
    assert team.ids(after=middle, order=order) == [last if order == "asc" else before]
    assert middle not in team.ids(limit=100)
    for each in (before, last):
        team.call(f"/v1/videos/{each}", "DELETE")


@pytest.mark.parametrize("limit", ["-1", "101", "abc", "", "1.5", "99999999999999"])
def test_another_limit_is_refused_with_what_is_allowed(team_a: Team, limit: str) -> None:
    status, body = team_a.call("/v1/videos", limit=limit)

    assert (status, body["error"]["param"]) == (400, "limit")
    assert "a whole number from 0 to 100" in body["error"]["message"]


@pytest.mark.parametrize("order", ["newest", "ASC", ""])
def test_another_order_is_refused_with_what_is_allowed(team_a: Team, order: str) -> None:
    status, body = team_a.call("/v1/videos", order=order)

    assert (status, body["error"]["param"]) == (400, "order")
    assert "asc or desc" in body["error"]["message"]


def test_a_job_of_the_tasks_dialect_is_listed_as_a_video(team_a: Team, made: list[str]) -> None:
    videos = {video["id"]: video for video in team_a.page(limit=100)["data"]}

    assert videos[made[1]].keys() >= {"id", "object", "status", "created_at", "model", "seconds"}
    assert videos[made[1]]["status"] in {"QUEUED", "IN_PROGRESS", "FAILURE"}


def test_the_azure_path_lists_the_same_in_openais_words(team_a: Team, made: list[str]) -> None:
    _, body = team_a.call("/openai/v1/videos", limit=2)

    assert [video["id"] for video in body["data"]] == made[::-1][:2]
    assert {video["status"] for video in body["data"]} <= {"queued", "in_progress", "failed"}


def test_another_owners_jobs_are_never_listed_nor_found(
    team_a: Team, team_b: Team, made: list[str], lost: str
) -> None:
    own = team_b.create(lost)

    assert team_b.ids(limit=100) == [own]
    assert own not in team_a.ids(limit=100)
    assert team_b.call("/v1/tasks/status", task_id=made[0])[0] == 404
    assert team_b.call(f"/v1/videos/{made[0]}")[0] == 404
    assert team_b.call(f"/v1/videos/{made[0]}/content")[0] == 404
    assert team_b.call(f"/v1/videos/{made[0]}", "DELETE")[0] == 404
    assert team_a.call(f"/v1/videos/{made[0]}")[0] == 200


def test_a_deleted_video_is_gone_for_its_owner_too(team_a: Team, lost: str) -> None:
    task_id = team_a.create(lost)
    answers = [team_a.call(f"/v1/videos/{task_id}", "DELETE") for _ in range(2)]

    assert answers[0] == (200, {"id": task_id, "object": "video.deleted", "deleted": True})
    assert answers[1][0] == 404
    assert team_a.call("/v1/tasks/status", task_id=task_id)[0] == 404
    assert task_id not in team_a.ids(limit=100)


@pytest.mark.parametrize("key", ["", "Bearer", "sk-x", "Bearer sk-x", "Basic sk-a", "team-a"])
@pytest.mark.parametrize("path", ["/v1/videos", "/v1/models", "/v1/tasks/status?task_id=a"])
def test_without_a_known_key_nothing_is_told(keyed: Serving, path: str, key: str) -> None:
    answer = keyed.http.get(path, headers={"authorization": key})

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.json().keys() >= {"error"}


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": "sk-a"},
        {"authorization": "Bearer sk-a"},
        {"authorization": "bearer  sk-a"},
        {"api-key": "sk-a"},
    ],
)
def test_a_key_may_come_in_each_documented_way(
    keyed: Serving, made: list[str], headers: dict[str, str]
) -> None:
    page = keyed.http.get("/v1/videos", headers=headers, params={"limit": 1}).json()

    assert page["first_id"] == made[-1]
