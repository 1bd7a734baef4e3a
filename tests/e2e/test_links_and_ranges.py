"""Signed links and byte ranges, as players, download tools and forgers ask for them."""

from __future__ import annotations

import base64
import email.policy
import re
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from support.hostile import APIS, SMALL, TASKS, VIDEOS, refusal
from support.servers import LOOPBACK_ALLOWED, PHOTOS, Serving
from unstill.files.signed_links import Links
from unstill.store.embedded.link_secrets import load_secrets

HOUSE = VIDEOS  # links are refused in OpenAI's envelope


class Finished(msgspec.Struct, frozen=True):
    """A finished job of a running server."""

    server: Serving
    job_id: str
    link: str  # absolute
    content: str  # path
    data: bytes


def render(server: Serving) -> tuple[str, str]:
    """A small video: the job's id and its link."""
    frame = base64.b64encode((PHOTOS / "chelsea.jpg").read_bytes()).decode()
    body = TASKS.body("sora-2", frame=frame, prompt="static") | {"parameters": SMALL}
    task_id = server.submit(body)
    output = server.wait(task_id)["output"]
    assert output["task_status"] == "Success", output
    return task_id, output["urls"][0]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Finished]:
    with Serving(tmp_path_factory.mktemp("links")) as server:
        job_id, link = render(server)
        content = f"/v1/videos/{job_id}/content"
        yield Finished(server, job_id, link, content, server.http.get(content).content)


@pytest.fixture(params=["content", "link"])
def url(finished: Finished, request: pytest.FixtureRequest) -> str:
    return finished.content if request.param == "content" else finished.link


# --- ranges ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        ("bytes=0-0", 0, 0),
        ("bytes=0-", 0, None),
        ("bytes=10-99", 10, 99),
        ("bytes=-7", -7, None),
        ("bytes=100-99999999999", 100, None),
        ("bytes=-99999999999", 0, None),
        ("BYTES = 5-9", 5, 9),
    ],
)
def test_a_range_is_answered_with_its_bytes(
    finished: Finished, url: str, asked: str, first: int, last: int | None
) -> None:
    size = len(finished.data)
    begin = first % size
    end = size if last is None else last + 1

    answer = finished.server.http.get(url, headers={"range": asked})

    assert answer.status_code == 206
    assert answer.headers["content-range"] == f"bytes {begin}-{end - 1}/{size}"
    assert answer.content == finished.data[begin:end]


@pytest.mark.parametrize("asked", ["bytes=99999999999-", "bytes=-0", "bytes=99999999999-1"])
def test_a_range_outside_the_video_is_refused(finished: Finished, url: str, asked: str) -> None:
    answer = finished.server.http.get(url, headers={"range": asked})

    refusal(HOUSE, answer, 416)
    assert answer.headers["content-range"] == f"bytes */{len(finished.data)}"


@pytest.mark.parametrize(
    "asked", ["bytes", "bytes=", "bytes=a-b", "bytes=5-2", "lines=1-2", "=", "bytes=" + "9" * 9000]
)
def test_a_range_that_cannot_be_read_is_refused(finished: Finished, url: str, asked: str) -> None:
    refusal(HOUSE, finished.server.http.get(url, headers={"range": asked}))


def test_several_ranges_come_as_parts(finished: Finished, url: str) -> None:
    answer = finished.server.http.get(url, headers={"range": "bytes=0-9,20-29,-5"})

    assert answer.status_code == 206
    head = f"Content-Type: {answer.headers['content-type']}\r\n\r\n".encode()
    parts = email.message_from_bytes(head + answer.content, policy=email.policy.default)
    ranges = [str(part["content-range"]) for part in parts.iter_parts()]
    size = len(finished.data)
    assert ranges == [f"bytes {r}/{size}" for r in ("0-9", "20-29", f"{size - 5}-{size - 1}")]


def test_hundreds_of_ranges_cost_no_more_than_the_video(finished: Finished, url: str) -> None:
    overlapping = "bytes=" + ",".join(f"{n}-" for n in range(90))
    scattered = "bytes=" + ",".join(f"{2 * n}-{2 * n}" for n in range(500))
    for asked in (overlapping, scattered):
        answer = finished.server.http.get(url, headers={"range": asked})

        assert answer.status_code in {200, 206}
        assert len(answer.content) <= len(finished.data)


def test_a_range_of_another_version_is_answered_whole(finished: Finished, url: str) -> None:
    http = finished.server.http
    etag = http.head(url).headers["etag"]

    same = http.get(url, headers={"range": "bytes=0-9", "if-range": etag})
    other = http.get(url, headers={"range": "bytes=0-9", "if-range": '"another"'})
    weak = http.get(url, headers={"range": "bytes=0-9", "if-range": f"W/{etag}"})

    assert [each.status_code for each in (same, other, weak)] == [206, 200, 200]
    assert other.content == finished.data


def test_a_video_that_the_caller_has_is_not_sent_again(finished: Finished, url: str) -> None:
    http = finished.server.http
    etag = http.get(url).headers["etag"]
    for known in (etag, f'"another", {etag}', f"W/{etag}", "*"):
        answer = http.get(url, headers={"if-none-match": known})

        assert (answer.status_code, answer.content) == (304, b""), known
        assert answer.headers["etag"] == etag
    assert http.get(url, headers={"if-none-match": '"another"'}).status_code == 200


@pytest.mark.parametrize(
    ("status", "asked"),
    [
        (200, {}),
        (206, {"range": "bytes=0-9"}),
        (206, {"range": "bytes=0-9,20-29"}),
        (304, {"if-none-match": "*"}),
        (416, {"range": "bytes=99999999999-"}),
    ],
)
def test_each_answer_has_an_id_of_its_own(
    finished: Finished, url: str, status: int, asked: dict[str, str]
) -> None:
    http = finished.server.http
    answers = [http.get(url, headers=asked), http.get(url, headers=asked)]

    ids = {answer.headers["x-request-id"] for answer in answers}
    assert [answer.status_code for answer in answers] == [status] * 2
    assert len(ids) == 2
    assert all(re.fullmatch(r"[0-9a-f]{32}", each) for each in ids)


def test_a_head_says_what_a_get_would(finished: Finished, url: str) -> None:
    http = finished.server.http
    head, get = http.head(url), http.get(url)

    assert (head.status_code, head.content) == (200, b"")
    assert int(head.headers["content-length"]) == len(get.content)
    for name in ("etag", "content-type", "accept-ranges", "content-disposition", "last-modified"):
        assert head.headers[name] == get.headers[name]
    ranged = http.head(url, headers={"range": "bytes=0-9"})
    assert (ranged.status_code, ranged.headers["content-length"]) == (206, "10")


# --- links ----------------------------------------------------------------------------------------


def test_a_link_opens_the_video_without_a_key(finished: Finished) -> None:
    answer = finished.server.http.get(finished.link)

    assert answer.content == finished.data
    assert answer.headers["content-type"] == "video/mp4"


def test_a_link_that_was_altered_is_refused(finished: Finished) -> None:
    link = finished.link
    expires = int(re.findall(r"expires=(\d+)", link)[0])
    signature = link.rpartition("=")[2]
    altered = (
        link.replace(f"{expires}", f"{expires + 3600}"),
        link.replace(f"{expires}", ""),
        link.replace(f"{expires}", f"0{expires}"),
        link.replace(f"{expires}", "9" * 5000),
        link.replace(f"{expires}", "%D9%A1"),
        link.replace(signature, signature[:-1]),
        link.replace(signature, signature.swapcase()),
        link.replace(signature, ""),
        link.replace(signature, "%ED%A0%80%00"),
        link.replace(signature, "é"),
        link + "=",
        link.replace("/video.mp4", "/thumbnail.mp4"),
        link.replace("/video.mp4", "/..%2fvideo.mp4"),
        link.partition("?")[0],
    )
    for each in altered:
        answer = finished.server.http.get(each)

        assert answer.status_code in {403, 404}, each
        refusal(HOUSE, answer, answer.status_code)


def test_a_link_that_is_over_is_refused(finished: Finished) -> None:
    links = Links(load_secrets(finished.server.data_dir))
    two_days_ago = links.sign(finished.job_id, "video", time.time() - 48 * 3600)

    assert "is over since" in refusal(HOUSE, finished.server.http.get(two_days_ago), 403)


def test_another_jobs_signature_opens_nothing(finished: Finished) -> None:
    server = finished.server
    frame = "http://127.0.0.1:1/"
    other_id = server.submit(TASKS.body("sora-2", frame=frame, prompt="static"))

    answer = server.http.get(finished.link.replace(finished.job_id, other_id))

    assert "signature is wrong" in refusal(HOUSE, answer, 403)


def test_a_link_signed_with_another_secret_opens_nothing(finished: Finished) -> None:
    forged = Links((b"a guess" * 8,)).sign(finished.job_id, "video", time.time())

    assert "signature is wrong" in refusal(HOUSE, finished.server.http.get(forged), 403)


def test_a_host_header_changes_only_the_callers_own_answer(tmp_path: Path) -> None:
    """A server with keys needs it: without any it goes by its own names only."""
    key = {"authorization": "Bearer sk-a"}
    with Serving(tmp_path, environment=LOOPBACK_ALLOWED | {"UNSTILL_API_KEYS": "a:sk-a"}) as server:
        server.http.headers.update(key)
        job_id, own_link = render(server)
        path, query = "/v1/tasks/status", {"task_id": job_id}
        for host in ("evil.example/a?", "a b", "x@y", "é"):
            sent = {b"host": host.encode()}
            refused = server.http.get(path, params=query, headers=sent)

            assert (refused.status_code, "Host must be" in refused.text) == (400, True)

        for host in ("evil.example", "", "my_proxy:8080", "a" * 9000):
            sent = {b"host": host.encode()}
            answer = server.http.get(path, params=query, headers=sent)

            assert answer.status_code == 200
            link = answer.json()["output"]["urls"][0]
            known = r"http://[\w.:]+/files/[^/]+/video\.mp4\?[\w=&-]+"
            assert re.fullmatch(known, link), link

        forwarded = {"x-forwarded-host": "evil.example", "forwarded": "host=evil.example"}
        answer = server.http.get(path, params=query, headers=forwarded)
        assert answer.json()["output"]["urls"] == [own_link]


@pytest.mark.slow
def test_a_link_outlives_a_restart_but_not_its_job(tmp_path: Path) -> None:
    with Serving(tmp_path) as server:
        job_id, link = render(server)
        data = server.http.get(link).content
    path = "/files/" + link.partition("/files/")[2]
    with Serving(tmp_path) as server:
        assert server.http.get(path).content == data

        assert server.http.delete(f"/v1/videos/{job_id}").status_code == 200

        assert "no task" in refusal(HOUSE, server.http.get(path), 404)
        refusal(HOUSE, server.http.get(f"/v1/videos/{job_id}/content"), 404)
        for api in APIS:
            refusal(api, api.look(server, job_id), 404)
        assert not list(tmp_path.glob(f"jobs/*/{job_id}/*"))
