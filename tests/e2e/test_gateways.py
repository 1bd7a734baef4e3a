"""Upstreams that write as gateways do, seen from the callers' side, through a real server."""

from __future__ import annotations

import json
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import ExitStack
from io import BytesIO
from typing import Any

import av
import httpx2
import numpy as np
import pytest

from support.servers import ENDED, PHOTOS, Serving
from support.settings_files import ONLY_UPSTREAMS, engine_at, model
from support.videos_gateway import BALANCE, Content, Gateway, an_mp4, gzipped, job, refused

CHELSEA = b64encode((PHOTOS / "chelsea.jpg").read_bytes()).decode()
SORA = "openai/sora-2/image-to-video-pro"


class Desk:
    """One server with a gateway, and a second one to fall back on."""

    def __init__(self, server: Serving, gateway: Gateway, second: Gateway) -> None:
        self.server = server
        self.gateway = gateway
        self.second = second

    def submit(self, word: str, model: str = "first") -> str:
        given = {"first_frame_url": CHELSEA, "prompt": f"{word} push in"}
        body = {"model": model, "input": given, "parameters": {"duration": 4}}
        return self.server.submit(body)

    def output(self, job_id: str) -> dict[str, Any]:
        return dict(self.server.status(job_id)["output"])

    def ended(self, job_id: str) -> dict[str, Any]:
        return dict(self.server.wait(job_id)["output"])

    def held_up(self, job_id: str) -> dict[str, Any]:
        """The job's status once it says what it waits for."""
        until_s = time.monotonic() + 20
        while "waiting" not in (output := self.output(job_id)):
            assert time.monotonic() < until_s, (output, self.server.log)
            assert output["task_status"] not in ENDED, output
            time.sleep(0.05)
        return output


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with ExitStack() as stack:
        gateway, second = (stack.enter_context(Gateway()) for _ in range(2))
        config = (
            ONLY_UPSTREAMS,
            engine_at("gw", "openai", gateway.url),
            engine_at("second", "openai", second.url),
            engine_at("poor", "openai", gateway.url, api_key="sk-poor"),
            engine_at("down", "openai", "http://127.0.0.1:9"),
            model("first", "gw", like=SORA),
            model("pair", "poor", "second", like=SORA),
            model("both", "gw", "second", like=SORA),
            model("down", "down", like=SORA),
        )
        folder = tmp_path_factory.mktemp("gateways")
        server = stack.enter_context(Serving(folder, config="".join(config)))
        yield Desk(server, gateway, second)


def test_a_finished_video_that_is_not_there_yet_is_waited_for(desk: Desk) -> None:
    def content(count: int) -> Content:
        return refused(400, "video_not_ready") if count <= 2 else gzipped()

    desk.gateway.contents["notready"] = content

    assert desk.ended(desk.submit("notready"))["task_status"] == "Success"


def a_webm() -> bytes:
    file = BytesIO()
    with av.open(file, "w", format="webm") as out:
        stream = out.add_stream("libvpx-vp9", rate=24)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        for number in range(96):
            shade = np.full((64, 64, 3), number, np.uint8)
            out.mux(stream.encode(av.VideoFrame.from_ndarray(shade)))
        out.mux(stream.encode(None))
    return file.getvalue()


def test_a_webm_is_kept_as_an_mp4(desk: Desk) -> None:
    video = a_webm()
    desk.gateway.contents["webm"] = lambda _: (200, {"Content-Type": "video/webm"}, video)

    ended = desk.ended(desk.submit("webm"))

    assert ended["task_status"] == "Success"
    assert httpx2.get(ended["urls"][0]).content[4:8] == b"ftyp"


@pytest.mark.parametrize(
    "odd",
    [
        pytest.param((202, {}, b""), id="202", marks=pytest.mark.slow),
        pytest.param((204, {}, b""), id="204", marks=pytest.mark.slow),
        pytest.param((403, {}, b""), id="403", marks=pytest.mark.slow),
        pytest.param((425, {}, b""), id="425", marks=pytest.mark.slow),
        pytest.param(
            (200, {"Content-Type": "text/html"}, b"<!doctype html><div id=app></div>"),
            id="page",
            marks=pytest.mark.slow,
        ),
        pytest.param((200, {}, b'{"error":{"message":"still uploading"}}'), id="json"),
        pytest.param((200, {}, b""), id="empty", marks=pytest.mark.slow),
    ],
)
@pytest.mark.slow
def test_whatever_comes_before_the_video_is_there_is_waited_out(desk: Desk, odd: Content) -> None:
    word = f"early{odd[0]}-{len(odd[2])}"
    whole: Content = (203, {"Content-Type": "application/octet-stream"}, an_mp4())
    desk.gateway.contents[word] = lambda count: odd if count <= 2 else whole

    assert desk.ended(desk.submit(word))["task_status"] == "Success"


def test_a_site_with_one_page_for_all_paths_does_not_hide_the_link(desk: Desk) -> None:
    link = f"{desk.gateway.url}/files/v.mp4"
    page: Content = (200, {"Content-Type": "text/html"}, b"<!doctype html><div id=app></div>")
    desk.gateway.contents["spa"] = lambda _: page
    desk.gateway.polls["spa"] = lambda ticket: job(ticket, data={"video_urls": [link]})

    job_id = desk.submit("spa")

    assert desk.ended(job_id)["task_status"] == "Success"
    assert desk.gateway.fetches[desk.gateway.ticket_of("spa")] == 1


def test_a_content_that_only_names_the_link_is_followed(desk: Desk) -> None:
    desk.gateway.contents["told"] = lambda _: (200, {}, b'{"url":"/files/v.mp4"}')

    assert desk.ended(desk.submit("told"))["task_status"] == "Success"


def test_bodies_in_other_encodings_stop_neither_their_job_nor_another(desk: Desk) -> None:
    said = [{"id": "v", "status": word} for word in ("处理中", "成功")]
    answers = iter([json.dumps(each, ensure_ascii=False).encode("gbk") for each in said])
    desk.gateway.polls["gbk"] = lambda _: next(answers)
    desk.gateway.submits["bom"] = lambda ticket: (
        b"\xef\xbb\xbf" + json.dumps({"id": ticket}).encode()
    )
    desk.gateway.polls["broken"] = lambda _: b'{"id":"v","status":"\xff\xff"}'

    broken, others = desk.submit("broken"), [desk.submit("gbk"), desk.submit("bom")]

    assert [desk.ended(each)["task_status"] for each in others] == ["Success", "Success"]
    assert desk.held_up(broken)["waiting"]["code"] == "odd_answer"


def test_a_202_with_nothing_but_a_location_names_the_task(desk: Desk) -> None:
    desk.gateway.statuses["location"] = 202
    desk.gateway.submits["location"] = lambda _: b""

    assert desk.ended(desk.submit("location"))["task_status"] == "Success"


@pytest.mark.slow
def test_a_task_that_vanishes_for_a_while_comes_back(desk: Desk) -> None:
    looks = iter(range(100))
    unknown = {"error": {"code": "not_found", "message": "no such video"}}
    desk.gateway.polls["vanish"] = lambda ticket: unknown if next(looks) < 3 else job(ticket)
    job_id = desk.submit("vanish")

    assert "no such video" in desk.held_up(job_id)["waiting"]["message"]
    assert desk.ended(job_id)["task_status"] == "Success"


def test_a_gzipped_video_is_unpacked(desk: Desk) -> None:
    desk.gateway.contents["gz"] = lambda _: gzipped()

    assert desk.ended(desk.submit("gz"))["task_status"] == "Success"


@pytest.mark.parametrize("word", ["succeed", "SUCCESS", "done"])
def test_every_word_of_an_end_brings_the_video(desk: Desk, word: str) -> None:
    desk.gateway.polls[word] = lambda ticket: job(ticket, status=word)

    assert desk.ended(desk.submit(word))["task_status"] == "Success"


def test_an_id_under_another_name_is_one(desk: Desk) -> None:
    desk.gateway.submits["taskid"] = lambda ticket: {"task_id": ticket}
    desk.gateway.polls["taskid"] = lambda ticket: {"task_id": ticket, "status": "SUCCESS"}

    assert desk.ended(desk.submit("taskid"))["task_status"] == "Success"


@pytest.mark.parametrize("named", ["whole", "path"])
def test_a_link_that_the_job_names_is_followed_where_there_is_no_content(
    desk: Desk, named: str
) -> None:
    word = f"link-{named}"
    link = f"{desk.gateway.url}/files/v.mp4" if named == "whole" else "/files/v.mp4"
    desk.gateway.polls[word] = lambda ticket: job(ticket, video_url=link)
    desk.gateway.contents[word] = lambda _: refused(404, "no_route")

    assert desk.ended(desk.submit(word))["task_status"] == "Success"


@pytest.mark.parametrize(
    ("word", "fields"),
    [
        ("why", {"task_status_msg": "Image pixel is invalid"}),
        ("nest", {"error": {"error": {"message": "Image pixel is invalid"}}}),
        ("list", {"error": [{"message": "Image \x1b[31mpixel\x1b[0m is\ninvalid"}]}),
    ],
)
def test_the_reason_of_a_failure_reaches_the_caller_clean(
    desk: Desk, word: str, fields: dict[str, Any]
) -> None:
    desk.gateway.polls[word] = lambda ticket: job(ticket, status="fail") | fields

    output = desk.ended(desk.submit(word))

    assert output["task_status"] == "Failure"
    assert output["error_message"] == "failed: Image pixel is invalid"


def test_an_empty_account_inside_a_200_moves_the_job_to_the_next_engine(desk: Desk) -> None:
    desk.gateway.submits["poor"] = lambda _: BALANCE

    job_id = desk.submit("poor", "pair")

    assert desk.ended(job_id)["task_status"] == "Success"
    answer = desk.server.http.get("/v1/tasks/status", params={"task_id": job_id})
    assert answer.headers["x-unstill-engine"] == "second"
    ready = desk.server.http.get("/ready").json()
    assert ["poor", "submits", "insufficient_quota"] in [
        [each["engine"], each["holds_up"], each["code"]] for each in ready["engines"]
    ]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308, 404, 405, 409, 410])
def test_what_may_have_been_taken_is_sent_to_no_other_engine(desk: Desk, status: int) -> None:
    word = f"maybe{status}"
    desk.gateway.statuses[word] = status
    desk.gateway.submits[word] = lambda _: b"<html>look elsewhere</html>"
    before = len(desk.second.jobs)

    output = desk.ended(desk.submit(word, "both"))

    assert output["task_status"] == "Failure"
    assert output["error_message"].startswith("submit_unknown: ")
    assert list(desk.gateway.jobs.values()).count(word) == 1
    assert len(desk.second.jobs) == before


def test_a_404_in_the_gateways_own_words_is_sent_to_the_next_engine(desk: Desk) -> None:
    desk.gateway.statuses["nomodel"] = 404
    desk.gateway.submits["nomodel"] = lambda _: {"error": {"code": "model_not_found"}}

    assert desk.ended(desk.submit("nomodel", "both"))["task_status"] == "Success"


def test_a_word_that_nobody_knows_is_told_and_is_no_end(desk: Desk) -> None:
    desk.gateway.polls["blessed"] = lambda ticket: job(ticket, status="blessed")
    job_id = desk.submit("blessed")

    output = desk.held_up(job_id)

    assert output["task_status"] == "Running"
    assert output["waiting"]["code"] == "odd_answer"
    assert "blessed" in output["waiting"]["message"]
    assert desk.server.http.get("/ready").json()["jobs_held_up"] >= 1
    desk.gateway.polls["blessed"] = job
    ended = desk.ended(job_id)
    assert ended["task_status"] == "Success"
    assert "waiting" not in ended
    assert desk.server.log.count("odd_answer") < 10


def test_an_upstream_that_is_down_is_told_at_once_in_the_answer_and_at_ready(desk: Desk) -> None:
    job_id = desk.submit("any", "down")

    output = desk.held_up(job_id)
    answer = desk.server.http.get("/v1/tasks/status", params={"task_id": job_id})

    assert output["task_status"] == "Pending"
    assert output["waiting"]["code"] == "connection_failed"
    assert answer.headers["x-unstill-waiting"].startswith("connection_failed; since=")
    ready = desk.server.http.get("/ready")
    assert (ready.status_code, ready.json()["status"]) == (200, "held_up")
    assert "down" in [each["engine"] for each in ready.json()["engines"]]
    assert "127.0.0.1" not in answer.text + ready.text


def test_one_jobs_bad_answers_slow_no_other_job_of_the_account(desk: Desk) -> None:
    desk.gateway.polls["mute"] = lambda _: {"thanks": "for asking"}
    mute = desk.submit("mute")
    desk.held_up(mute)
    began_s = time.monotonic()

    for _ in range(3):
        assert desk.ended(desk.submit("usual"))["task_status"] == "Success"

    assert time.monotonic() - began_s < 3 * 5
    assert desk.output(mute)["waiting"]["code"] == "no_answer"
