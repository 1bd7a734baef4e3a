"""The server behind nginx and behind Caddy, with the files of deploy/: what its clients do."""

from __future__ import annotations

import json
import struct
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import httpx2
import msgspec
import pytest

from support.front_proxies import Front, Fronting, caddy, nginx
from support.openai_clients import openai
from support.servers import LOOPBACK_ALLOWED, PHOTOS, Serving
from support.waits import hold_until

pytestmark = pytest.mark.slow

FRONTS: dict[str, Fronting] = {"nginx": nginx, "caddy": caddy}
KEY = {"authorization": "Bearer sk-a"}
VARIABLES = LOOPBACK_ALLOWED | {
    "UNSTILL_API_KEYS": "a:sk-a",
    "UNSTILL_TRUSTED_PROXIES": "127.0.0.1/32,::1/128",
    "UNSTILL_LOG_FORMAT": "json",
}
SMALL = {"model": "sora-2", "size": "256x320", "seconds": "4"}
LONG = {"model": "wan2.7-i2v", "size": "1280x720", "seconds": "15"}
UPLOAD_BYTES = 20_000_000
BMP_HEAD_BYTES = 54


class Site(msgspec.Struct, frozen=True):
    """A server, the proxy in front of it, a client of that, and the proxy's own log."""

    server: Serving
    front: Front
    http: httpx2.Client
    access_log: Path

    def create(self, form: dict[str, str], picture: bytes | None = None) -> str:
        photo = (PHOTOS / "chelsea.jpg").read_bytes()
        files = {"input_reference": picture or photo}
        answer = self.http.post("/v1/videos", data=form, files=files)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["id"])

    def ended(self, video: str) -> dict[str, object]:
        deadline = time.monotonic() + 120
        while True:
            answer = self.http.get(f"/v1/videos/{video}", params={"wait": "20"}).json()
            if answer["status"] in ("completed", "failed"):
                return dict(answer)
            assert time.monotonic() < deadline, answer


@pytest.fixture(scope="module", params=FRONTS)
def site(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp(request.param)
    with Serving(folder / "server", environment=VARIABLES) as server:
        fronting = FRONTS[request.param](folder, server.url.removeprefix("http://"))
        with fronting as front, front.client(KEY) as http:
            yield Site(server, front, http, folder / "access.log")


def bitmap() -> bytes:
    """A picture of some 20 MB."""
    width, height = 2580, UPLOAD_BYTES // (2580 * 3)
    size_bytes = width * 3 * height
    head = struct.pack("<2sIHHI", b"BM", BMP_HEAD_BYTES + size_bytes, 0, 0, BMP_HEAD_BYTES)
    info = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, size_bytes, 0, 0, 0, 0)
    return head + info + bytes(range(256)) * (size_bytes // 256) + bytes(size_bytes % 256)


def test_openais_sdk_makes_lists_loads_and_deletes_a_video(site: Site, tmp_path: Path) -> None:
    http = openai.DefaultHttpxClient(verify=site.front.trust)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        base_url = f"{site.front.url}/v1"
        with openai.OpenAI(base_url=base_url, api_key="sk-a", http_client=http) as client:
            video = client.videos.create_and_poll(
                model="sora-2",
                prompt="push in slowly",
                seconds="4",
                input_reference=PHOTOS / "astronaut.jpg",
                extra_body={"size": "256x320"},
                poll_interval_ms=100,
            )
            client.videos.download_content(video.id).write_to_file(tmp_path / "video.mp4")
            listed = [each.id for each in client.videos.list(limit=5)]
            deleted = client.videos.delete(video.id)

    assert (video.status, video.error) == ("completed", None)
    assert (tmp_path / "video.mp4").read_bytes()[4:8] == b"ftyp"
    assert video.id in listed
    assert deleted.deleted


def test_links_lead_to_the_outer_address_and_are_served_in_ranges(site: Site) -> None:
    video = site.create(SMALL)
    site.ended(video)
    task = site.http.get("/v1/tasks/status", params={"task_id": video}).json()
    link = task["output"]["urls"][0]
    with httpx2.Client(verify=site.front.trust) as browser:
        whole = browser.get(link)
        piece = browser.get(link, headers={"range": "bytes=100-299"})
        end = browser.get(link, headers={"range": "bytes=-50"})
        known = browser.get(link, headers={"if-none-match": whole.headers["etag"]})
        beyond = browser.get(link, headers={"range": f"bytes={len(whole.content)}-"})

    assert link.startswith(f"{site.front.url}/files/")
    assert whole.headers["accept-ranges"] == "bytes"
    assert (piece.status_code, piece.content) == (206, whole.content[100:300])
    assert piece.headers["content-range"] == f"bytes 100-299/{len(whole.content)}"
    assert (end.status_code, end.content) == (206, whole.content[-50:])
    assert known.status_code == 304
    assert beyond.status_code == 416


def test_an_event_comes_when_it_happens_and_not_with_the_end(site: Site) -> None:
    video = site.create(LONG)
    states = []
    with site.http.stream("GET", f"/v1/videos/{video}/events") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        for line in answer.iter_lines():
            if not line.startswith("data:"):
                continue
            told = json.loads(line.removeprefix("data:"))["status"]
            true = site.server.http.get(f"/v1/videos/{video}", headers=KEY).json()["status"]
            states.append((told, true))

    assert states[0][0] in ("queued", "in_progress")
    assert states[0][1] != "completed"
    assert states[-1][0] == "completed"
    assert len(states) > 3


def test_a_poll_that_waits_is_answered_when_the_state_changes(site: Site) -> None:
    video = site.create(LONG)
    first = site.http.get(f"/v1/videos/{video}").json()
    began_s = time.monotonic()
    then = site.http.get(f"/v1/videos/{video}", params={"wait": "50"})
    took_s = time.monotonic() - began_s

    assert then.status_code == 200
    assert (then.json()["status"], then.json()["progress"]) != (first["status"], first["progress"])
    assert took_s < 50
    site.http.delete(f"/v1/videos/{video}")


def test_a_prompt_that_nothing_is_heard_of_makes_no_answer_too_long(site: Site) -> None:
    prompt = ",".join(f"{number}{'老' * 70}" for number in range(12))
    job_id = site.create(SMALL | {"prompt": prompt})

    deadline = time.monotonic() + 60
    while not site.server.http.get(f"/v1/jobs/{job_id}", headers=KEY).json()["ended_ms"]:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    answer = site.http.get(f"/v1/videos/{job_id}")

    assert answer.status_code == 200, answer.text
    assert answer.headers["x-unstill-unheard"]


def test_a_picture_of_twenty_megabytes_comes_through_and_a_body_that_is_too_large_does_not(
    site: Site,
) -> None:
    picture = bitmap()
    video = site.create(SMALL, picture)
    ended = site.ended(video)
    files = {"input_reference": b"x" * (70 * 10**6)}
    refused = site.http.post("/v1/videos", data=SMALL, files=files)

    assert len(picture) > UPLOAD_BYTES - 10_000
    assert ended["status"] == "completed", ended
    assert refused.status_code == 413


def test_whoever_claims_another_address_scheme_or_host_is_not_believed(site: Site) -> None:
    claims = {
        "x-forwarded-for": "203.0.113.9",
        "x-forwarded-proto": "http",
        "x-forwarded-host": "evil.example",
        "forwarded": "for=203.0.113.9;host=evil.example;proto=http",
    }
    uploads = "/api/v1/uploads?action=getPolicy&model=wan2.7-i2v"
    host = site.http.get(uploads, headers=claims).json()["data"]["upload_host"]
    answer = site.http.get("/v1/videos/none", headers=claims)
    request_id = answer.headers["x-request-id"]
    hold_until(lambda: request_id in site.server.log)
    (line,) = (line for line in site.server.log.splitlines() if request_id in line)

    assert host.startswith(f"{site.front.url}/")
    assert json.loads(line)["client"] in ("127.0.0.1", "::1")


def test_the_log_has_the_address_that_the_proxy_was_called_from(site: Site) -> None:
    transport = httpx2.HTTPTransport(verify=site.front.trust, local_address="127.0.0.2")
    with httpx2.Client(transport=transport) as elsewhere:
        answer = elsewhere.get(f"{site.front.url}/v1/videos/nobodys", headers=KEY)

    assert answer.status_code == 404
    hold_until(lambda: '"127.0.0.2"' in site.server.log)


def test_no_signature_and_no_key_is_in_the_proxys_log(site: Site) -> None:
    link = f"/files/nobodys/video.mp4?signature=s1gned&marker={time.time_ns()}"
    assert site.http.get(link).status_code in (403, 404)
    hold_until(lambda: "/files/nobodys/video.mp4" in site.access_log.read_text())

    written = site.access_log.read_text()
    assert "s1gned" not in written
    assert "sk-a" not in written


@pytest.mark.parametrize("site", ["nginx"], indirect=True)  # Caddy does it on 80 and 443 alone
def test_without_tls_callers_are_sent_to_where_it_is(site: Site) -> None:
    answer = httpx2.post(f"{site.front.plain}/v1/videos?a=b")

    assert answer.status_code == 308
    assert answer.headers["location"] == "https://localhost/v1/videos?a=b"
