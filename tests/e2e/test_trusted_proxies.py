"""A server that trusts proxies on loopback, and one that trusts nobody, told the same of a call."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from support.servers import LOOPBACK_ALLOWED, PHOTOS, Serving
from support.waits import hold_until

CLIENT = "198.51.100.7"
FORWARDED = {
    "x-forwarded-for": f"203.0.113.9, {CLIENT}",
    "x-forwarded-proto": "https",
    "x-forwarded-host": "videos.example.com",
}
STANDARD = {"forwarded": f"for={CLIENT};proto=https;host=videos.example.com"}
OUTER = "https://videos.example.com"
KEY = {"authorization": "Bearer sk-a"}
KEYED = LOOPBACK_ALLOWED | {"UNSTILL_API_KEYS": "a:sk-a", "UNSTILL_LOG_FORMAT": "json"}
KEYLESS = LOOPBACK_ALLOWED | {"UNSTILL_PUBLIC_URL": OUTER}


class Made(msgspec.Struct, frozen=True):
    """A server with keys, and a video of it."""

    server: Serving
    task_id: str

    def link(self, headers: dict[str, str]) -> str:
        answer = self.server.http.get(f"/v1/tasks/status?task_id={self.task_id}", headers=headers)
        return str(answer.json()["output"]["urls"][0])

    def refused_client(self, headers: dict[str, str]) -> str:
        """The address that the log has of a call that is refused."""
        answer = self.server.http.get("/v1/videos/none", headers=headers)
        request_id = answer.headers["x-request-id"]
        assert answer.status_code == 404
        hold_until(lambda: request_id in self.server.log)
        (line,) = (line for line in self.server.log.splitlines() if request_id in line)
        return str(json.loads(line)["client"])


def made(folder: Path, **variables: str) -> Iterator[Made]:
    picture = base64.b64encode((PHOTOS / "chelsea.jpg").read_bytes()).decode()
    body = {
        "model": "wan2.7-i2v",
        "input": {"first_frame_url": picture},
        "parameters": {"size": "320*256", "duration": 2},
    }
    with Serving(folder, environment=KEYED | variables) as server:
        server.http.headers.update(KEY)
        task_id = server.submit(body)
        server.wait(task_id)
        yield Made(server, task_id)


@pytest.fixture(scope="module")
def trusting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    yield from made(tmp_path_factory.mktemp("trusting"), UNSTILL_TRUSTED_PROXIES="127.0.0.0/8")


@pytest.fixture(scope="module")
def wary(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    yield from made(tmp_path_factory.mktemp("wary"), UNSTILL_TRUSTED_PROXIES="10.0.0.0/8")


@pytest.mark.parametrize("headers", [FORWARDED, STANDARD])
def test_links_lead_to_the_proxy_that_is_trusted(trusting: Made, headers: dict[str, str]) -> None:
    uploads = "/api/v1/uploads?action=getPolicy&model=wan2.7-i2v"
    policy = trusting.server.http.get(uploads, headers=headers).json()["data"]

    assert trusting.link(headers).startswith(f"{OUTER}/files/")
    assert policy["upload_host"].startswith(f"{OUTER}/")
    path = trusting.link(headers).removeprefix(OUTER)
    assert trusting.server.http.get(path).content[4:8] == b"ftyp"
    assert trusting.link({}).startswith(f"{trusting.server.url}/files/")


@pytest.mark.parametrize("headers", [FORWARDED, STANDARD])
def test_from_anybody_else_the_same_headers_have_no_effect(
    wary: Made, headers: dict[str, str]
) -> None:
    assert wary.link(headers) == wary.link({})
    assert wary.link(headers).startswith(f"{wary.server.url}/files/")
    assert wary.refused_client(headers) == "127.0.0.1"


@pytest.mark.parametrize("headers", [FORWARDED, STANDARD])
def test_the_log_has_the_address_of_the_client(trusting: Made, headers: dict[str, str]) -> None:
    assert trusting.refused_client(headers) == CLIENT
    assert trusting.refused_client({}) == "127.0.0.1"


@pytest.mark.parametrize(
    "headers",
    [
        {"x-forwarded-for": "unknown"},
        {"x-forwarded-for": ",".join(["127.0.0.1"] * 5000)},
        {"x-forwarded-for": "x" * 50_000},
        {"x-forwarded-for": "', DROP TABLE jobs; --"},
        {"x-forwarded-host": "evil.example/path, b", "x-forwarded-proto": "javascript"},
        {"x-forwarded-host": "h" * 50_000, "x-forwarded-proto": "https,http"},
        {"forwarded": 'for="[::1'},
        {"forwarded": ";;==,,\"'"},
        {"forwarded": "host=a b;proto=gopher;for=_"},
    ],
    ids=range(9),
)
def test_what_is_no_address_scheme_or_host_is_as_if_it_had_not_been_sent(
    trusting: Made, headers: dict[str, str]
) -> None:
    assert trusting.link(headers) == trusting.link({})
    assert trusting.refused_client(headers) == "127.0.0.1"


def test_only_a_proxy_that_is_not_trusted_makes_the_log_speak_of_settings(
    trusting: Made, wary: Made
) -> None:
    for each in (trusting, wary):
        each.refused_client(FORWARDED)

    assert "behind_a_proxy" not in trusting.server.log
    assert "server.trusted_proxies" in wary.server.log


def test_without_keys_neither_the_proxys_name_nor_ours_may_be_a_strangers(tmp_path: Path) -> None:
    variables = KEYLESS | {"UNSTILL_TRUSTED_PROXIES": "127.0.0.0/8"}
    with Serving(tmp_path, environment=variables) as server:

        def status(**headers: str) -> int:
            sent = {name.replace("_", "-"): value for name, value in headers.items()}
            return server.http.get("/v1/videos", headers=sent).status_code

        own = ("videos.example.com", "localhost:9000")
        assert [status(x_forwarded_host=each) for each in own] == [200, 200]
        assert status(x_forwarded_host="evil.example") == 403
        assert [status(host="evil.example", x_forwarded_host=each) for each in own] == [403, 403]
        assert status(forwarded="host=evil.example") == 403


def test_without_keys_a_page_of_elsewhere_writes_nothing_through_a_proxy(tmp_path: Path) -> None:
    variables = KEYLESS | {"UNSTILL_TRUSTED_PROXIES": "127.0.0.0/8"}
    with Serving(tmp_path, environment=variables) as server:

        def status(origin: str) -> int:
            headers = FORWARDED | {"origin": origin}
            return server.http.post("/v1/videos", json={}, headers=headers).status_code

        assert status("https://evil.example") == 403
        assert status(OUTER) == 400  # let in, and there is no picture


@pytest.mark.parametrize("trusted", ["127.0.0.0/8", "10.0.0.0/8"])
def test_without_keys_who_comes_through_a_proxy_is_no_operator(
    tmp_path: Path, trusted: str
) -> None:
    variables = KEYLESS | {"UNSTILL_TRUSTED_PROXIES": trusted}
    as_ours = {"x-forwarded-for": "127.0.0.1", "x-forwarded-host": "localhost"}
    with Serving(tmp_path, environment=variables) as server:

        def statuses(headers: dict[str, str]) -> list[int]:
            paths = ("/admin/jobs", "/admin/keys", "/metrics", "/v1/videos")
            return [server.http.get(path, headers=headers).status_code for path in paths]

        beside = statuses({})
        through = [statuses(each) for each in (FORWARDED, STANDARD, as_ours)]
        under_its_name = statuses({"host": "videos.example.com"})
        made = server.http.post("/admin/keys", json={"owner": "a"}, headers=as_ours)

    assert beside == [200, 200, 200, 200]
    assert through == [[403, 403, 403, 200]] * 3
    assert under_its_name == [403, 403, 403, 200]
    assert made.status_code == 403


@pytest.mark.slow
def test_a_key_for_a_network_is_good_from_there_and_not_for_who_says_so(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    words = ["keys", "create", "b", "--networks", f"{CLIENT}/32", "--data-dir", str(data_dir)]
    made_key = subprocess.run(
        [sys.executable, "-m", "unstill", *words], capture_output=True, text=True, check=True
    ).stdout.splitlines()[0]
    from_there = FORWARDED | {"authorization": f"Bearer {made_key}"}
    from_elsewhere = from_there | {"x-forwarded-for": f"{CLIENT}, 203.0.113.9"}

    def statuses(trusted: str) -> list[int]:
        variables = LOOPBACK_ALLOWED | {"UNSTILL_TRUSTED_PROXIES": trusted}
        with Serving(data_dir, environment=variables) as server:
            answers = [
                server.http.get("/v1/videos", headers=each) for each in (from_there, from_elsewhere)
            ]
        return [answer.status_code for answer in answers]

    assert statuses("127.0.0.0/8") == [200, 401]
    assert statuses("10.0.0.0/8") == [401, 401]


def test_figures_for_a_network_are_not_for_those_who_come_through_a_proxy(tmp_path: Path) -> None:
    variables = KEYED | {
        "UNSTILL_TRUSTED_PROXIES": "127.0.0.0/8",
        "UNSTILL_METRICS_NETWORKS": "127.0.0.0/8",
    }
    with Serving(tmp_path, environment=variables) as server:
        beside = server.http.get("/metrics")
        through = server.http.get("/metrics", headers=FORWARDED)

    assert (beside.status_code, through.status_code) == (200, 401)
