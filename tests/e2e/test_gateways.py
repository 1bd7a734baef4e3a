"""Upstreams that write as gateways do, seen from the callers' side, through a real server."""

from __future__ import annotations

import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from configured import ONLY_UPSTREAMS, engine_at, model
from gateway import BALANCE, Content, Gateway, gzipped, job, refused
from serving import ENDED, PHOTOS, Serving

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
