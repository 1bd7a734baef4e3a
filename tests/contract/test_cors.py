"""CORS: what a browser is told of every answer, and that nothing is told without the setting."""

from __future__ import annotations

from collections.abc import Iterator

import httpx2
import pytest

from support.servers import LOOPBACK_ALLOWED, PictureHost, Serving
from unstill.server.openapi.answers import HEADERS

PAGE, OTHER = "http://localhost:3000", "https://evil.example"
KEY = "sk-page"
AUTHORIZED = {"authorization": f"Bearer {KEY}", "origin": PAGE}
ASKED = "authorization,content-type,idempotency-key,x-dashscope-async,x-stainless-lang,x-new-one"
ALLOW = "access-control-allow-origin"
FRAME = {
    "model": "wan2.7-i2v",
    "input": {"prompt": "push in"},
    "parameters": {"size": "320x256", "duration": 2},
}


@pytest.fixture(scope="module")
def named(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A server with a key, for one page besides programs."""
    variables = LOOPBACK_ALLOWED | {
        "UNSTILL_CORS_ORIGINS": f"{PAGE}, https://app.example.com",
        "UNSTILL_API_KEYS": f"pages:{KEY}",
    }
    with Serving(tmp_path_factory.mktemp("named"), environment=variables) as serving:
        yield serving


@pytest.fixture(scope="module")
def open_to_all(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    config = '[server]\ncors_origins = "*"\n'
    with Serving(tmp_path_factory.mktemp("all"), config=config) as serving:
        yield serving


def preflight(server: Serving, path: str, *, origin: str = PAGE, **more: str) -> httpx2.Response:
    headers = {
        "origin": origin,
        "access-control-request-method": "POST",
        "access-control-request-headers": ASKED,
    } | {name.replace("_", "-"): value for name, value in more.items()}
    return server.http.options(path, headers=headers)


@pytest.mark.parametrize(
    "path",
    [
        "/v1/videos",
        "/v1/tasks/submit",
        "/openai/v1/videos",
        "/api/v1/services/aigc/video-generation/video-synthesis",
        "/api/v1/uploads/objects",
        "/v1/videos/some-id/content",
        "/v1/videos/some-id/events",
        "/openapi.json",
        "/v1/nothing-here",
    ],
)
def test_a_preflight_of_a_named_page_is_told_what_it_may_send(named: Serving, path: str) -> None:
    answer = preflight(named, path)

    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers[ALLOW] == PAGE
    assert answer.headers["access-control-allow-headers"] == ASKED
    assert {"GET", "POST", "DELETE"} <= set(
        answer.headers["access-control-allow-methods"].split(", ")
    )
    assert int(answer.headers["access-control-max-age"]) > 0
    assert "origin" in answer.headers["vary"].lower()
    assert "content-length" not in answer.headers  # RFC 9110, 8.6
    assert "access-control-allow-credentials" not in answer.headers
    assert "access-control-allow-private-network" not in answer.headers


def test_a_public_page_may_reach_this_machine_where_it_is_named(named: Serving) -> None:
    answer = preflight(named, "/v1/videos", access_control_request_private_network="true")

    assert answer.headers["access-control-allow-private-network"] == "true"


def test_a_preflight_of_another_page_is_told_nothing(named: Serving) -> None:
    answer = preflight(named, "/v1/videos", origin=OTHER)

    assert answer.status_code == 405
    assert [name for name in answer.headers if name.startswith("access-control")] == []
    assert answer.headers["vary"] == "Origin"  # a cache must not give it to the named page


def test_options_without_a_question_is_a_wrong_method_still(named: Serving) -> None:
    assert named.http.options("/v1/videos", headers={"origin": PAGE}).status_code == 405


@pytest.mark.slow
def test_every_answer_of_a_job_can_be_read_by_the_page_that_made_it(
    named: Serving, pictures: PictureHost
) -> None:
    body = FRAME | {"input": {"first_frame_url": f"{pictures.url}/coffee.jpg", "prompt": "x"}}
    get = named.http.get
    made = named.http.post("/v1/tasks/submit", json=body, headers=AUTHORIZED)
    job = made.json()["output"]["task_id"]
    with named.http.stream("GET", f"/v1/videos/{job}/events", headers=AUTHORIZED) as events:
        told = events.read()
    content = f"/v1/videos/{job}/content"
    whole = get(content, headers=AUTHORIZED)
    part = get(content, headers=AUTHORIZED | {"range": "bytes=0-9"})
    same = get(content, headers=AUTHORIZED | {"if-none-match": whole.headers["etag"]})
    outside = get(content, headers=AUTHORIZED | {"range": "bytes=999999999-"})
    status = get("/v1/tasks/status", params={"task_id": job}, headers=AUTHORIZED)
    link = get(status.json()["output"]["urls"][0], headers={"origin": PAGE})
    answers = [made, events, whole, part, same, outside, status, link]

    assert b"SUCCESS" in told
    assert [each.status_code for each in answers] == [200, 200, 200, 206, 304, 416, 200, 200]
    for answer in answers:
        assert answer.headers[ALLOW] == PAGE
        assert "content-range" in answer.headers["access-control-expose-headers"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/v1/videos", 400),
        ("GET", "/v1/videos/none", 404),
        ("GET", "/none", 404),
        ("PUT", "/v1/videos", 405),
        ("POST", "/v1/tasks/submit", 415),
        ("POST", "/api/v1/services/aigc/video-generation/video-synthesis", 403),
    ],
)
def test_a_refusal_can_be_read_too(named: Serving, method: str, path: str, status: int) -> None:
    if status == 415:
        headers = AUTHORIZED | {"content-type": "text/plain"}
        answer = named.http.request(method, path, headers=headers, content=b"x")
    else:
        answer = named.http.request(method, path, headers=AUTHORIZED, json={"model": "wan2.7-i2v"})

    assert (answer.status_code, answer.headers[ALLOW]) == (status, PAGE)


def test_a_missing_key_can_be_read_too(named: Serving) -> None:
    answer = named.http.get("/v1/videos", headers={"origin": PAGE})

    assert (answer.status_code, answer.headers[ALLOW]) == (401, PAGE)


@pytest.mark.parametrize("origin", [OTHER, "null", "http://localhost:3001", "https://localhost"])
def test_another_pages_answers_stay_unreadable(named: Serving, origin: str) -> None:
    answer = named.http.get("/v1/videos", headers=AUTHORIZED | {"origin": origin})

    assert (answer.status_code, answer.headers["vary"]) == (200, "Origin")
    assert [name for name in answer.headers if name.startswith("access-control")] == []


def test_a_program_without_an_origin_is_served_as_ever(named: Serving) -> None:
    answer = named.http.get("/v1/videos", headers={"authorization": f"Bearer {KEY}"})

    assert (answer.status_code, answer.headers["vary"]) == (200, "Origin")


def test_every_header_of_our_own_can_be_read_by_the_page(named: Serving) -> None:
    answer = named.http.get("/health", headers={"origin": PAGE})
    exposed = set(answer.headers["access-control-expose-headers"].split(", "))
    # The Fetch standard, CORS-safelisted; a redirect is followed by the browser itself.
    by_itself = {"cache-control", "last-modified", "content-type", "location"}
    # What a browser is told to do with a picture; no script asks for it.
    orders = {"content-security-policy", "x-content-type-options"}

    assert set(HEADERS) - by_itself - orders <= exposed


def test_any_page_may_call_where_the_operator_says_any(open_to_all: Serving) -> None:
    for origin in (OTHER, "null"):
        asked = preflight(open_to_all, "/v1/videos", origin=origin)
        posted = open_to_all.http.post(
            "/v1/videos", json={}, headers={"origin": origin, "sec-fetch-site": "cross-site"}
        )

        assert (asked.status_code, asked.headers[ALLOW]) == (204, "*")
        assert (posted.status_code, posted.headers[ALLOW]) == (400, "*")
        assert posted.json()["error"]["code"] == "missing_parameter"
    assert "any_page_may_call" in open_to_all.log


def test_without_the_setting_no_page_is_told_anything(server: Serving) -> None:
    answer = server.http.get("/v1/videos", headers={"origin": PAGE})

    assert answer.status_code == 200
    assert preflight(server, "/v1/videos").status_code == 405
    assert "vary" not in answer.headers
    assert [name for name in answer.headers if name.startswith("access-control")] == []


# --- a server without keys -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/v1/videos", "foreign_host"),
        ("/v1/tasks/submit", "param_error"),
        ("/api/v1/uploads/objects", "AccessDenied"),
        ("/api/v1/services/aigc/video-generation/video-synthesis", "AccessDenied"),
        ("/docs", "foreign_host"),
        ("/health", "foreign_host"),
        ("/files/a/video.mp4", "foreign_host"),
        ("/nothing", "foreign_host"),
    ],
)
def test_by_a_strangers_name_nothing_is_served_and_the_setting_is_named(
    server: Serving, path: str, code: str
) -> None:
    for method in ("GET", "POST", "OPTIONS", "DELETE"):
        answer = server.http.request(method, path, headers={"host": "evil.example"})
        error = answer.json().get("error", answer.json())

        assert (answer.status_code, error["code"]) == (403, code)
        assert "'evil.example'" in error["message"]
        assert "public_url" in error["message"]


def test_a_strangers_page_makes_nothing(server: Serving, pictures: PictureHost) -> None:
    form = {"model": "sora-2", "input_reference": f"{pictures.url}/coffee.jpg"}
    before = server.http.get("/v1/videos").json()
    for headers in ({"origin": OTHER}, {"sec-fetch-site": "cross-site"}):
        for path in ("/v1/videos", "/openai/v1/videos", "/v1/tasks/submit"):
            answer = server.http.post(path, data=form, headers=headers)
            assert answer.status_code == 403
            assert "cors_origins" in answer.json()["error"]["message"]

    assert server.http.get("/v1/videos").json() == before


def test_with_keys_a_server_goes_by_any_name(named: Serving) -> None:
    headers = {"authorization": f"Bearer {KEY}", "host": "anything.example"}

    assert named.http.get("/v1/videos", headers=headers).status_code == 200
