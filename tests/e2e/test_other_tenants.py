"""Every route, asked by one owner for what is another's: as for what never was, word for word."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import httpx2
import pytest

from docs.foreign_ids import foreign_answers
from support.route_tables import routes_served
from support.tenants import (
    ALIAS,
    AT_HAND,
    ATLAS,
    FAR,
    FRAME,
    GUESTS,
    MARK,
    Asker,
    Estate,
    Place,
    built,
    key_of,
    places_of,
    sender,
    sent,
    twin,
)
from unstill.dialects.route import Route

pytestmark = pytest.mark.slow

# An upload's folder and an alias are known by their shapes: a few are enough where no document
# says that anything is read.
HOPED = ("a succeeded job", "an owner")
CALLERS = ("borea", "few", "away", "admin", "nobody")


@pytest.fixture(scope="module")
def estate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Estate]:
    with ExitStack() as stack:
        yield built(tmp_path_factory.mktemp("tenants") / "data", stack)


@pytest.fixture(scope="module")
def routes(tmp_path_factory: pytest.TempPathFactory) -> list[Route[Any]]:
    return routes_served(tmp_path_factory.mktemp("routes"))


def methods_of(route: Route[Any]) -> tuple[str, ...]:
    return ("GET", "HEAD") if route.method == "GET" else (route.method,)


def named_at(place: Place, estate: Estate) -> dict[str, str]:
    """What is worth naming there."""
    named = estate.ids if place.is_documented else {what: estate.ids[what] for what in HOPED}
    if place.kind == "path":  # a slash in it would be another path
        return {what: text for what, text in named.items() if "/" not in text}
    return dict(named)


def walked(
    asker: Asker, estate: Estate, route: Route[Any], faults: list[str]
) -> dict[str, set[int]]:
    """The statuses of the route by the kind of the place; what differs is a line of `faults`."""
    statuses: dict[str, set[int]] = defaultdict(set)
    for place in places_of(route):
        for what, text in named_at(place, estate).items():
            for method in methods_of(route):
                theirs = asker.answer(route, place, text, method=method)
                never = asker.answer(route, place, twin(text), method=method)
                where = f"{method} {route.path}: {what} in {place.kind} {place.name}"
                if theirs != never:
                    faults.append(f"{where}: {theirs} is not {never}")
                whole = f"{theirs.headers} {theirs.text}"
                faults += [f"{where}: tells {each}" for each in estate.secrets if each in whole]
                if place.is_documented:
                    statuses[place.kind].add(theirs.status)
    return statuses


def test_what_is_anothers_is_to_every_route_as_if_it_were_not(
    estate: Estate, routes: list[Route[Any]]
) -> None:
    before, faults = estate.unchanged(), list[str]()
    found: dict[str, dict[str, set[int]]] = {}
    guests = iter(GUESTS)  # nobody's key of a call has been sent by them before
    for route in routes:
        owner = next(guests) if route.makes_job else "borea"
        with Asker(estate, key_of(owner)) as asker:
            statuses = walked(asker, estate, route, faults)
            name = f"{route.method} {route.path.removeprefix('/openai')}"
            told = found.setdefault(name, statuses)
            assert told == statuses, f"{route.path} answers otherwise than {name}"
            assert estate.unchanged() == before, f"{name} changed what is another's"

    assert faults == []
    assert found == foreign_answers()


@pytest.mark.parametrize("name", CALLERS[1:])
def test_it_is_so_for_keys_that_may_less_or_more_than_others(
    estate: Estate, routes: list[Route[Any]], name: str
) -> None:
    """Of few models, from another network, of an operator; and for a caller without a key."""
    before, faults = estate.unchanged(), list[str]()
    with Asker(estate, {} if name == "nobody" else key_of(name)) as asker:
        for route in routes:
            if name == "admin" and route.path.startswith("/admin"):
                continue  # an operator may be told there
            for place in places_of(route):
                if place.kind in {"path", "query"} and place.is_documented:
                    for what in ("a succeeded job", "a running job"):
                        text = estate.ids[what]
                        theirs = asker.answer(route, place, text)
                        if theirs != asker.answer(route, place, twin(text)):
                            faults.append(f"{route.path}: {what} in {place.name}: {theirs}")

    assert faults == []
    assert estate.unchanged() == before


@pytest.mark.parametrize("query", ["", "?limit=100", "?order=asc&limit=100", "?limit=1"])
@pytest.mark.parametrize("path", ["/v1/videos", "/openai/v1/videos", "/v1/jobs"])
def test_no_list_of_ours_has_what_is_anothers(estate: Estate, path: str, query: str) -> None:
    http = estate.server.http
    listed = http.get(f"{path}{query}", headers=key_of("borea")).json()

    assert [each["id"] for each in listed["data"]]
    assert not {each["id"] for each in listed["data"]} & set(estate.ids.values())
    assert all(secret not in str(listed) for secret in estate.secrets)


@pytest.mark.parametrize(
    "query",
    [
        {"page_size": "100"},
        {"model_name": AT_HAND},
        {"model_name": ALIAS},
        *({"status": word, "page_size": "100"} for word in ("SUCCEEDED", "FAILED", "RUNNING")),
        *({"status": word, "page_size": "100"} for word in ("PENDING", "CANCELED", "UNKNOWN")),
    ],
)
def test_no_filter_of_ours_finds_what_is_anothers(estate: Estate, query: dict[str, str]) -> None:
    answer = estate.server.http.get("/api/v1/tasks", params=query, headers=key_of("borea"))

    listed = {each["task_id"] for each in answer.json()["data"]}
    assert not listed & set(estate.ids.values())
    assert answer.json()["total"] == len(listed)
    assert all(secret not in answer.text for secret in estate.secrets)


def test_the_key_of_anothers_call_makes_a_job_of_our_own(estate: Estate) -> None:
    http = estate.server.http

    def submitted(owner: str, model: str = FAR) -> httpx2.Response:
        headers = sender(owner, "mark-of-both")
        return http.post("/v1/tasks/submit", headers=headers, json=sent(model))

    jobs = {
        owner: {submitted(owner).json()["output"]["task_id"] for _ in range(2)}
        for owner in ("atlas", "borea", "atlas")
    }

    assert [len(each) for each in jobs.values()] == [1, 1]
    assert jobs["atlas"] != jobs["borea"]
    assert submitted("cosmo", ALIAS).status_code == 401  # no key is called so
    assert submitted("borea", ALIAS).status_code == 422
    for owner, (job,) in jobs.items():
        http.delete(f"/v1/videos/{job}", headers=key_of(owner))


def test_an_sdks_retry_of_anothers_call_makes_a_job_of_our_own(estate: Estate) -> None:
    http = estate.server.http
    body = {"model": FAR, "prompt": "the same of both", "input_reference": FRAME}
    first = {"x-stainless-lang": "python", "x-stainless-retry-count": "0"}
    again = first | {"x-stainless-retry-count": "1"}
    theirs = http.post("/v1/videos", headers=key_of("atlas") | first, json=body).json()["id"]
    ours = http.post("/v1/videos", headers=key_of("borea") | again, json=body).json()["id"]
    same = http.post("/v1/videos", headers=key_of("atlas") | again, json=body).json()["id"]

    assert ours != theirs
    assert same == theirs
    for owner, job in (("atlas", theirs), ("borea", ours)):
        http.delete(f"/v1/videos/{job}", headers=key_of(owner))


@pytest.mark.parametrize("path", ["/health", "/ready", "/openapi.json", "/docs", "/v1/models"])
@pytest.mark.parametrize("name", ["borea", "nobody"])
def test_what_is_told_of_the_server_names_no_owner(estate: Estate, path: str, name: str) -> None:
    headers = {} if name == "nobody" else key_of(name)
    answer = estate.server.http.get(path, headers=headers)

    assert answer.is_success or (name == "nobody" and answer.status_code == 401)
    for secret in (*estate.secrets, "borea", "cosmo"):
        assert re.search(rf"\b{re.escape(secret)}\b", answer.text) is None


def test_the_figures_of_owners_are_the_operators(estate: Estate) -> None:
    http = estate.server.http
    refused = http.get("/metrics", headers=key_of("borea"))
    told = http.get("/metrics", headers=key_of("admin"))

    assert refused.status_code == 403
    assert "unstill_jobs" not in refused.text
    assert told.status_code == 200
    assert all(job not in told.text for job in estate.ids.values() if len(job) == 36)


def test_the_owner_itself_has_all_of_it(estate: Estate) -> None:
    """Nothing above is told to borea because there is nothing."""
    http, headers = estate.server.http, key_of("atlas")
    states = {
        what: http.get(f"/v1/videos/{job}", headers=headers).status_code
        for what, job in estate.ids.items()
        if what.endswith(" job")
    }
    marked = http.post("/v1/tasks/submit", headers=sender(ATLAS, MARK), json=sent(AT_HAND))
    body = sent(FAR, f"oss://{estate.ids['an upload']}")
    resolve = {"x-dashscope-async": "enable", "x-dashscope-ossresourceresolve": "enable"}
    create = "/api/v1/services/aigc/video-generation/video-synthesis"
    uploaded = http.post(create, headers=headers | resolve, json=body)

    assert states == {f"a {state} job": 200 for state in ("succeeded", "failed", "running")} | {
        "a deleted job": 404,
        "a queued job": 200,
    }
    assert marked.json()["output"]["task_id"] == estate.ids["a succeeded job"]
    assert MARK not in marked.text
    assert uploaded.status_code == 200
    job = uploaded.json()["output"]["task_id"]
    assert http.delete(f"/v1/videos/{job}", headers=headers).status_code == 200
