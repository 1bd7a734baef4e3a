"""Every emulator over real connections: what it counts, does wrong and keeps."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import httpx2
import pytest

from support.emulator_process import KEY, Emulator
from support.upstream_calls import (
    BY_HAND,
    DONE,
    SUBMITS,
    fetched,
    is_unknown,
    link_to,
    polled,
    result_text,
    submitted,
    word,
)
from unstill.domain.errors import BadSetting
from unstill.emulators import KINDS, Options
from unstill.emulators.faults import Fault, Faults, FaultSite, parse_rates
from unstill.emulators.process import serve
from unstill.media.errors import BadVideo
from unstill.media.tasks import VideoCheck
from unstill.media.video_check import check_video


@pytest.fixture(scope="module", params=KINDS)
def emulator(request: pytest.FixtureRequest) -> Iterator[Emulator]:
    with Emulator(request.param, job_s=600) as emulating:
        yield emulating


@pytest.mark.slow
def test_a_job_ends_in_a_whole_video_of_its_length(emulator: Emulator, tmp_path: Path) -> None:
    job_id = submitted(emulator)
    emulator.finish()
    path = tmp_path / "video.mp4"
    path.write_bytes(fetched(emulator, job_id).content)

    wanted_s = 4 if emulator.kind == "openai" else 5
    assert word(polled(emulator, job_id)) == DONE[emulator.kind]
    assert check_video(VideoCheck(str(path), wanted_s)).duration_s == wanted_s


def test_a_wrong_key_is_refused_and_not_charged(emulator: Emulator) -> None:
    before = emulator.charges()["accepted"]
    right = emulator.http.headers["authorization"]
    emulator.http.headers["authorization"] = right.replace(KEY, "sk-wrong")
    answer = SUBMITS[emulator.kind](emulator, "x")
    emulator.http.headers["authorization"] = right

    assert answer.status_code == 401
    assert emulator.charges()["accepted"] == before


def test_a_lost_reply_leaves_a_charged_job_and_a_lost_request_none(emulator: Emulator) -> None:
    before = emulator.charges()
    emulator.next("submit", "drop_before", "drop_after")
    for prompt in ("before", "after"):
        with pytest.raises(httpx2.TransportError):
            SUBMITS[emulator.kind](emulator, prompt)
    after = emulator.charges()

    assert after["submits"] - before["submits"] == 2
    assert after["accepted"] - before["accepted"] == 1
    assert after["charged"] - before["charged"] == 1
    assert emulator.jobs()[-1]["prompt"] == "after"


def test_equal_bodies_are_found_as_doubles(emulator: Emulator) -> None:
    ids = [submitted(emulator, prompt) for prompt in ("twice", "once", "twice")]

    assert [ids[0], ids[2]] in emulator.charges()["doubles"].values()
    assert not any(ids[1] in each for each in emulator.charges()["doubles"].values())


@pytest.mark.parametrize("fault", ["400", "429", "429_bare", "500", "503", "401", "403", "404"])
def test_a_scripted_status_is_answered_once_in_the_upstreams_words(
    emulator: Emulator, fault: str
) -> None:
    accepted = emulator.charges()["accepted"]
    emulator.next("submit", fault)
    answer = SUBMITS[emulator.kind](emulator, "x")

    assert answer.status_code == int(fault[:3])
    assert ("retry-after" in answer.headers) == (fault == "429")
    assert answer.json().keys() & {"error", "errors", "code", "detail"}
    assert emulator.charges()["accepted"] == accepted
    assert SUBMITS[emulator.kind](emulator, "x").is_success


@pytest.mark.parametrize(("fault", "status"), [("500_after", 500), ("garbage", 200), ("html", 200)])
def test_a_spoilt_answer_follows_an_accepted_job(
    emulator: Emulator, fault: str, status: int
) -> None:
    accepted = emulator.charges()["accepted"]
    emulator.next("submit", fault)
    answer = SUBMITS[emulator.kind](emulator, fault)

    assert answer.status_code == status
    assert emulator.charges()["accepted"] == accepted + 1
    assert emulator.log()[-1]["job_id"] == emulator.jobs()[-1]["id"]


def test_the_book_has_each_job_with_what_its_answers_tell_to_be_billed(
    emulator: Emulator,
) -> None:
    made = submitted(emulator, "made")
    emulator.next("submit", "fail")
    failing = submitted(emulator, "failing")
    emulator.next("submit", "drop_after")
    with pytest.raises(httpx2.TransportError):
        SUBMITS[emulator.kind](emulator, "nobody knows")
    emulator.finish()
    terms = emulator.jobs()[-1]["terms"]
    billed = {"duration": terms["duration_s"], "video_count": 1}
    free = {"duration": 0, "video_count": 0}
    *_, first, second, third = emulator.book()

    assert first == {"id": made, "model": terms["model"], "prompt": "made", "usage": billed}
    assert (second["id"], second["usage"]) == (
        failing,
        billed if emulator.kind == "modelverse" else free,
    )
    assert (third["prompt"], third["usage"]) == ("nobody knows", billed)
    assert len(emulator.book()) == emulator.charges()["accepted"]
    assert (
        sum(each["usage"]["video_count"] for each in emulator.book())
        == (emulator.charges()["charged"])
    )


def test_a_job_told_to_fail_says_why_and_is_charged_by_modelverse_alone(
    emulator: Emulator,
) -> None:
    charged = emulator.charges()["charged"]
    emulator.next("submit", "fail")
    job_id = submitted(emulator)
    emulator.finish()
    answer = polled(emulator, job_id)

    assert word(answer) == BY_HAND[emulator.kind].failed
    assert "could not be generated" in answer.text + result_text(emulator, job_id)
    assert answer.status_code == (500 if emulator.kind == "vllm-omni" else 200)
    assert emulator.charges()["charged"] == charged + (emulator.kind == "modelverse")


def test_an_unknown_state_word_is_none_of_the_documents(emulator: Emulator) -> None:
    job_id = submitted(emulator)
    usual = word(polled(emulator, job_id))
    emulator.next("poll", "unknown_state")

    assert word(polled(emulator, job_id)) not in {usual, *DONE.values()}
    assert word(polled(emulator, job_id)) == usual


def test_a_lost_job_is_unknown_from_then_on(emulator: Emulator) -> None:
    job_id = submitted(emulator)
    emulator.next("poll", "lose")
    answers = [polled(emulator, job_id) for _ in range(2)]

    assert all(is_unknown(emulator, answer) for answer in answers)


@pytest.mark.parametrize("fault", ["truncated", "html_video", "wrong_length", "empty"])
def test_a_spoilt_video_does_not_pass_the_check(
    emulator: Emulator, fault: str, tmp_path: Path
) -> None:
    job_id = submitted(emulator)
    emulator.finish()
    emulator.next("fetch", fault)
    answer = fetched(emulator, job_id)
    path = tmp_path / "video.mp4"
    path.write_bytes(answer.content)

    assert (answer.status_code, answer.headers["content-type"]) == (200, "video/mp4")
    with pytest.raises(BadVideo):
        check_video(VideoCheck(str(path), 4 if emulator.kind == "openai" else 5))


def test_a_cut_download_ends_before_its_announced_length(emulator: Emulator) -> None:
    job_id = submitted(emulator)
    emulator.finish()
    emulator.next("fetch", "drop_after")

    with pytest.raises(httpx2.TransportError):
        fetched(emulator, job_id)
    assert fetched(emulator, job_id).status_code == 200


def test_a_slow_download_has_begun_and_does_not_end(emulator: Emulator) -> None:
    job_id = submitted(emulator)
    emulator.finish()
    emulator.next("fetch", "slow")

    begun_s = time.monotonic()
    with download(emulator, job_id) as answer:
        pieces = list(islice(answer.iter_raw(), 3))
    assert answer.status_code == 200
    assert [len(piece) for piece in pieces] == [1, 1, 1]  # one each half second
    assert time.monotonic() - begun_s > 0.9


def test_a_huge_download_announces_more_than_anybody_keeps(emulator: Emulator) -> None:
    job_id = submitted(emulator)
    emulator.finish()
    emulator.next("fetch", "huge")

    with download(emulator, job_id) as answer:
        assert int(answer.headers["content-length"]) == 50 * 10**9


def test_an_endless_download_goes_on_behind_the_video(emulator: Emulator) -> None:
    job_id = submitted(emulator)
    emulator.finish()
    emulator.next("fetch", "endless")

    came_bytes = 0
    with download(emulator, job_id) as answer:
        for chunk in answer.iter_bytes():
            came_bytes += len(chunk)
            if came_bytes > 20 * 2**20:
                break
    assert came_bytes > 20 * 2**20


def download(emulator: Emulator, job_id: str) -> Any:
    return emulator.http.stream("GET", link_to(emulator, job_id))


def test_the_log_shows_what_came_without_the_key(emulator: Emulator) -> None:
    submitted(emulator, "logged")
    entry = emulator.log()[-1]

    assert entry["place"] == "submit"
    assert "logged" in str(entry["body"])
    assert KEY not in str(entry)


def test_an_unknown_fault_is_refused_by_name(emulator: Emulator) -> None:
    answer = emulator.http.post("/_emulator/faults", json={"rates": "submit.explode=0.5"})

    assert answer.status_code == 400
    assert "explode" in answer.json()["error"]


# --- faults, settings, restarts ----------------------------------------------------------------


def test_equal_seeds_draw_equal_faults_at_each_place() -> None:
    rates = parse_rates("submit.drop_after=0.2,submit.429=0.2,poll.503=0.5")
    lonely, busy = Faults(rates, seed=7), Faults(rates, seed=7)
    alone = [lonely.draw(FaultSite.SUBMIT) for _ in range(200)]
    among_polls = []
    for _ in range(200):
        busy.draw(FaultSite.POLL)
        among_polls.append(busy.draw(FaultSite.SUBMIT))

    assert alone == among_polls
    assert 20 < alone.count(Fault.DROP_AFTER) < 60
    assert alone.count(None) > 80


@pytest.mark.parametrize(
    "text", ["nowhere.500=0.1", "submit.explode=0.1", "submit.500=2", "submit.500", "poll.fail=1"]
)
def test_faults_that_cannot_be_are_refused_by_setting(text: str) -> None:
    with pytest.raises(BadSetting, match="--faults"):
        parse_rates(text)


def test_a_kind_that_keeps_jobs_in_memory_takes_no_state_file(tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match="memory"):
        serve("sglang", Options(state=str(tmp_path / "jobs")))


def test_jobs_and_links_outlive_a_killed_emulator_with_a_state_file(tmp_path: Path) -> None:
    state = tmp_path / "jobs"
    first = Emulator("dashscope", job_s=600, state=str(state))
    kept, cancelled = submitted(first), submitted(first)
    first.http.post(f"/api/v1/tasks/{cancelled}/cancel")
    first.finish()
    link = polled(first, kept).json()["output"]["video_url"]
    first.kill()
    with Emulator("dashscope", job_s=600, state=str(state)) as second:
        moved = link.replace(first.url, second.url)

        assert word(polled(second, kept)) == "SUCCEEDED"
        assert word(polled(second, cancelled)) == "CANCELED"
        assert httpx2.get(moved).status_code == 200
        assert (second.charges()["accepted"], second.charges()["charged"]) == (2, 1)
        assert [each["usage"]["video_count"] for each in second.book()] == [1, 0]


def test_a_state_file_cut_by_a_kill_is_read_up_to_its_last_whole_line(tmp_path: Path) -> None:
    state = tmp_path / "jobs"
    with Emulator("modelverse", job_s=600, state=str(state)) as first:
        job_id = submitted(first)
    with state.open("ab") as file:
        file.write(b'["add","half')
    with Emulator("modelverse", job_s=600, state=str(state)) as second:
        submitted(second)
        assert word(polled(second, job_id)) == "Pending"
    with Emulator("modelverse", job_s=600, state=str(state)) as third:
        assert third.charges()["accepted"] == 2
