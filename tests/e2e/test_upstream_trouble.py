"""What goes wrong at an upstream, as callers and the ledger see it: nothing is paid for twice.

One server with an engine at each of four emulators, whose jobs end when they are told to.
"""

from __future__ import annotations

import re
import time
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from io import BytesIO
from typing import Any
from uuid import uuid4

import av
import pytest
from PIL import Image

from support.emulator_process import Emulator
from support.ledger_of_server import attempts, rows
from support.upstream_desk import CHELSEA, Desk
from support.waits import hold_until
from unstill.domain.attempts import Outcome
from unstill.domain.backoff import MODEL
from unstill.domain.job import State
from unstill.steps.save_retries import MOST_TOO_LARGE

WAN27, WAN22, SORA = "wan2.7-i2v", "Wan-AI/Wan2.2-I2V", "openai/sora-2/image-to-video-pro"
DOUBTS = ("drop_before", "drop_after", "500", "500_after", "garbage", "html")


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with ExitStack() as stack:
        yield Desk(tmp_path_factory.mktemp("desk"), stack)


@pytest.fixture
def desk(opened: Desk) -> Iterator[Desk]:
    """The one desk of all tests, which `first` leaves as one that it takes jobs of at once."""
    yield opened
    if opened.is_shut("first"):
        opened.video(opened.submit("solo"))
    assert not opened.is_shut("first")


def submits(emulator: Emulator) -> int:
    return int(emulator.charges()["submits"])


def fetches(emulator: Emulator, ticket: str) -> list[Mapping[str, Any]]:
    return [each for each in emulator.log() if each["place"] == "fetch" and ticket in each["path"]]


def has_audio(video: bytes) -> bool:
    with av.open(BytesIO(video), "r") as container:
        return bool(container.streams.audio)


# --- submits -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        (
            "/v1/tasks/submit",
            {
                "model": WAN22,
                "input": {"first_frame_url": CHELSEA, "prompt": "push in"},
                "parameters": {"duration": 8},
            },
            "parameters.duration",
        ),
        (
            "/v1/videos",
            {"model": WAN22, "prompt": "push in", "seconds": "8", "input_reference": CHELSEA},
            "seconds",
        ),
    ],
    ids=["tasks", "videos"],
)
def test_what_no_engine_can_do_is_a_400_in_the_callers_words_and_nothing_is_sent(
    desk: Desk, path: str, body: Mapping[str, object], field: str
) -> None:
    before = submits(desk.first)
    answer = desk.server.http.post(path, json=body)

    assert answer.status_code == 400
    assert re.search(rf"{re.escape(field)} must be 5, got '?8'?\"", answer.text)
    assert submits(desk.first) == before


def test_a_refused_key_moves_the_job_to_the_next_engine_at_once(desk: Desk) -> None:
    desk.first.next("submit", "401")
    job_id = desk.submit("pair")
    desk.video(job_id)
    refused, accepted = attempts(desk.folder, job_id)

    assert desk.outcomes(job_id) == [("first", Outcome.REFUSED), ("second", Outcome.ACCEPTED)]
    assert refused.settled_ms is not None
    assert accepted.intent_ms - refused.settled_ms < MODEL.first_ms


def test_a_busy_upstream_moves_the_job_to_the_next_engine_at_once(desk: Desk) -> None:
    desk.first.next("submit", "429")
    job_id = desk.submit("pair")
    desk.video(job_id)

    assert desk.outcomes(job_id) == [("first", Outcome.BUSY), ("second", Outcome.ACCEPTED)]


def test_a_busy_upstream_without_another_engine_is_left_alone_by_all_jobs_for_a_pause(
    desk: Desk,
) -> None:
    desk.first.next("submit", "429")
    told = desk.submit("solo")
    hold_until(lambda: desk.outcomes(told) == [("first", Outcome.BUSY)])
    jobs = [told, *(desk.submit("solo") for _ in range(3))]
    for job_id in jobs:
        desk.video(job_id)
    busy, *accepted = (each for job_id in jobs for each in attempts(desk.folder, job_id))

    assert [each.outcome for each in accepted] == [Outcome.ACCEPTED] * len(jobs)
    assert busy.settled_ms is not None
    pauses_ms = [each.intent_ms - busy.settled_ms for each in accepted]
    assert min(pauses_ms) >= MODEL.first_ms
    assert max(pauses_ms) <= 20_000  # on a busy machine; they would wait for a day


def test_a_call_without_a_usable_reply_is_never_made_again_nor_elsewhere(desk: Desk) -> None:
    before = submits(desk.first), submits(desk.second)
    desk.first.next("submit", *DOUBTS)
    jobs = [desk.submit("pair") for _ in DOUBTS]
    errors = [desk.error(job_id) for job_id in jobs]

    assert all(error.startswith("submit_unknown: ") for error in errors), errors
    assert [desk.outcomes(job_id) for job_id in jobs] == [[("first", Outcome.UNKNOWN)]] * 6
    assert submits(desk.first) == before[0] + len(DOUBTS)
    assert submits(desk.second) == before[1]


def test_a_request_that_the_upstream_rejects_fails_with_its_reason(desk: Desk) -> None:
    desk.first.next("submit", "400")
    job_id = desk.submit("pair")

    error = desk.error(job_id)

    assert error == "DataInspectionFailed: Input data may contain inappropriate content."
    assert desk.outcomes(job_id) == [("first", Outcome.REJECTED)]  # the second is not asked


def test_a_picture_that_is_too_small_for_the_upstream_is_sent_larger(desk: Desk) -> None:
    small = BytesIO()
    Image.linear_gradient("L").resize((200, 200)).convert("RGB").save(small, "JPEG")
    picture = b64encode(small.getvalue()).decode()

    assert desk.video(desk.submit(SORA, picture=picture, duration=4))


def test_a_refusal_by_the_only_engine_fails_the_job_without_the_operators_business(
    desk: Desk,
) -> None:
    desk.first.next("submit", "403")
    error = desk.error(desk.submit("solo"))

    assert "does not accept this server's key or account" in error


# --- jobs at an upstream -----------------------------------------------------------------------


def test_a_job_that_fails_upstream_fails_with_its_code_and_reason(desk: Desk) -> None:
    desk.first.next("submit", "fail")

    error = desk.error(desk.submit("solo"))

    assert error == "InternalError.Algo: The video could not be generated."


@pytest.mark.slow
def test_trouble_with_polls_and_a_state_word_that_nobody_knows_do_no_harm(desk: Desk) -> None:
    desk.first.next("poll", "500", "unknown_state", "drop_after", "429")
    job_id = desk.submit("solo")

    assert desk.video(job_id)
    assert desk.outcomes(job_id) == [("first", Outcome.ACCEPTED)]


@pytest.mark.slow
def test_a_job_that_an_open_server_lost_at_a_restart_fails(desk: Desk) -> None:
    job_id = desk.submit("gpu")
    hold_until(lambda: desk.state(job_id) is State.RUNNING)
    desk.gpu.lose_jobs()

    assert desk.error(job_id).startswith("upstream_lost: ")
    assert desk.outcomes(job_id) == [("gpu", Outcome.ACCEPTED)]


@pytest.mark.slow
def test_a_lost_job_is_sent_again_where_the_operator_says_that_it_is_free(desk: Desk) -> None:
    job_id = desk.submit("free")
    hold_until(lambda: desk.state(job_id) is State.RUNNING)
    desk.gpu.lose_jobs()
    hold_until(lambda: len(desk.outcomes(job_id)) == 2)

    assert desk.video(job_id)
    assert desk.outcomes(job_id) == [("free", Outcome.ACCEPTED)] * 2


@pytest.mark.parametrize("engine_name", ["solo", "omni"])
def test_a_deleted_job_is_cancelled_upstream_where_that_can_be(
    desk: Desk, engine_name: str
) -> None:
    emulator = desk.first if engine_name == "solo" else desk.omni
    job_id = desk.submit(engine_name)
    hold_until(lambda: desk.state(job_id) is State.RUNNING)
    ticket = rows(desk.folder)[job_id].ticket
    answer = desk.server.http.delete(f"/v1/videos/{job_id}")
    gone = desk.server.http.get(f"/v1/videos/{job_id}")
    # Vllm-omni drops what it cancels.
    hold_until(lambda: upstream_state(emulator, ticket) in {"cancelled", None})
    hold_until(lambda: job_id not in rows(desk.folder) or desk.state(job_id) is State.CANCELLED)

    assert answer.status_code == 200
    assert gone.status_code == 404


@pytest.mark.parametrize("engine_name", ["second", "gpu"])
def test_a_deleted_job_that_cannot_be_cancelled_goes_on_where_nobody_sees_it(
    desk: Desk, engine_name: str
) -> None:
    emulator = desk.second if engine_name == "second" else desk.gpu
    job_id = desk.submit(engine_name)
    hold_until(lambda: desk.state(job_id) is State.RUNNING)
    answer = desk.server.http.delete(f"/v1/videos/{job_id}")
    gone = desk.server.http.get(f"/v1/videos/{job_id}")
    time.sleep(0.5)
    state = desk.state(job_id)
    emulator.finish()
    hold_until(lambda: job_id not in rows(desk.folder) or desk.state(job_id) is State.SUCCEEDED)

    assert answer.status_code == 200
    assert gone.status_code == 404
    assert state is State.RUNNING


def upstream_state(emulator: Emulator, ticket: str | None) -> str | None:
    states = {each["id"]: each["state"] for each in emulator.jobs()}
    return states.get(str(ticket))


# --- the way home ------------------------------------------------------------------------------


def test_a_dead_link_is_refreshed_once(desk: Desk) -> None:
    desk.first.next("fetch", "dead_link")
    job_id = desk.submit("solo")
    video = desk.video(job_id)
    statuses = [each["status"] for each in fetches(desk.first, ticket_of(desk, job_id))]

    assert video
    assert statuses == [403, 200]


@pytest.mark.slow
@pytest.mark.parametrize(
    "faults",
    [
        ("dead_link", "dead_link"),
        ("404", "403", "404"),
        ("truncated", "html_video"),
        ("drop_after", "503", "truncated"),
    ],
)
def test_a_paid_video_comes_home_after_downloads_that_were_none(
    desk: Desk, faults: tuple[str, ...]
) -> None:
    desk.first.next("fetch", *faults)

    assert desk.video(desk.submit("solo"))


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["huge", "endless"])
def test_a_download_without_end_ends_its_job_the_second_time_and_leaves_nothing(
    desk: Desk, fault: str
) -> None:
    desk.first.next("fetch", fault, fault)
    before = len(desk.server.log)
    job_id = desk.submit("solo")
    error = desk.error(job_id, within_s=120)  # twice half a gigabyte, on a busy machine

    assert error.startswith("video_too_large: the finished video is larger than 512 MB")
    assert len(fetches(desk.first, ticket_of(desk, job_id))) == MOST_TOO_LARGE
    assert not list(desk.folder.glob(f"jobs/*/{job_id}/*.part"))
    assert "Traceback" not in desk.server.log[before:]


@pytest.mark.slow
def test_a_download_that_was_too_large_once_costs_no_video(desk: Desk) -> None:
    desk.first.next("fetch", "huge", "empty")

    assert desk.video(desk.submit("solo"))


def test_a_paid_video_of_another_length_is_kept_and_told_truly_in_every_dialect(
    desk: Desk,
) -> None:
    desk.first.next("fetch", "wrong_length")  # three seconds longer
    job_id = desk.submit("solo", duration=5)
    video = desk.video(job_id)
    with av.open(BytesIO(video), "r") as container:
        made_s = round((container.duration or 0) / av.time_base)
    get = desk.server.http.get
    shown = {
        "tasks": desk.server.status(job_id)["usage"]["duration"],
        "unified": int(get(f"/v1/videos/{job_id}").json()["seconds"]),
        "openai": int(get(f"/openai/v1/videos/{job_id}").json()["seconds"]),
        "dashscope": get(f"/api/v1/tasks/{job_id}").json()["usage"]["duration"],
    }

    assert made_s == 8
    assert shown == dict.fromkeys(shown, 8)
    assert "video_not_as_asked" in desk.server.log


@pytest.mark.parametrize("wanted", [False, True])
def test_sound_comes_home_only_where_it_was_asked_for(desk: Desk, wanted: bool) -> None:  # noqa: FBT001  - a parameter of the test
    body = {
        "model": "solo",
        "prompt": f"push in {uuid4()}",
        "seconds": "5",
        "size": "1280x720",
        "generate_audio": wanted,
        "input_reference": CHELSEA,
    }
    answer = desk.server.http.post("/v1/videos", json=body)
    assert answer.status_code == 200, answer.text
    video = desk.video(answer.json()["id"])

    assert has_audio(video) is wanted


def ticket_of(desk: Desk, job_id: str) -> str:
    return str(attempts(desk.folder, job_id)[-1].ticket)
