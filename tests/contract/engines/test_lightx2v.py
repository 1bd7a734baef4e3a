"""LightX2V: what a lost reply comes to, its two versions, and what its strict stand-in takes."""

from __future__ import annotations

from typing import Any

import pytest

from support.emulator_process import Emulator
from support.engine_benches import Bench, only
from support.kind_rows import CHELSEA_URL
from support.kinds.lightx2v import LIGHTX2V_TASKS, lightx2v
from support.requests import WAN22
from support.upstream_requests import LAST, request
from unstill.engines.lightx2v.answers import SURELY_ARRIVED_S
from unstill.engines.lightx2v.engine import FORM, VIDEO, LightX2VEngine
from unstill.upstreams.port import (
    Accepted,
    Cancelled,
    Doubt,
    Failed,
    LearningRemote,
    Rejected,
    SettlingRemote,
    TooLate,
    not_taken,
)

NO_TASK = not_taken("the upstream has no such task")
BOTH = request(WAN22, last_frame=LAST)


def remote_of(bench: Bench) -> LightX2VEngine:
    assert isinstance(bench.remote, LightX2VEngine)
    assert isinstance(bench.remote, SettlingRemote)
    assert isinstance(bench.remote, LearningRemote)
    return bench.remote


@only("lightx2v")
@pytest.mark.parametrize("fault", ["drop_after", "500_after", "html", "garbage"])
async def test_a_call_whose_reply_was_lost_is_found_by_its_id(bench: Bench, fault: str) -> None:
    remote, prepared = remote_of(bench), await bench.prepared()
    before = bench.emulator.charges()["submits"]
    bench.emulator.next("submit", fault)

    assert isinstance(await remote.submit(prepared), Doubt)
    assert await remote.settle(prepared, age_s=1.0) == Accepted(prepared.key)
    assert bench.emulator.charges()["submits"] == before + 1


@only("lightx2v")
@pytest.mark.parametrize("fault", ["drop_before", "500", "503"])
async def test_a_call_that_never_came_is_surely_not_taken_after_a_minute(
    bench: Bench, fault: str
) -> None:
    remote, prepared = remote_of(bench), await bench.prepared()
    bench.emulator.next("submit", fault)
    await remote.submit(prepared)

    assert isinstance(await remote.settle(prepared, age_s=SURELY_ARRIVED_S - 1), Doubt)
    assert await remote.settle(prepared, age_s=SURELY_ARRIVED_S) == NO_TASK


@only("lightx2v")
async def test_the_same_call_again_is_the_same_task(bench: Bench) -> None:
    prepared = await bench.prepared()
    before = bench.emulator.charges()["accepted"]
    submissions = [await bench.remote.submit(prepared) for _ in range(2)]

    assert submissions == [Accepted(prepared.key)] * 2
    assert bench.emulator.charges()["accepted"] == before + 1


@only("lightx2v")
async def test_a_last_frame_goes_by_the_form_whose_task_has_an_id_of_the_servers(
    bench: Bench,
) -> None:
    remote, prepared = remote_of(bench), await bench.prepared(BOTH)
    submission = await remote.submit(prepared)
    sent = bench.requests("submit")[-1]

    assert prepared.path == FORM
    assert isinstance(submission, Accepted)
    assert submission.ticket != prepared.key
    assert sent["body"].keys() == {
        "prompt",
        "target_video_length",
        "seed",
        "image_file",
        "last_frame_file",
    }
    assert isinstance(await remote.settle(prepared, age_s=SURELY_ARRIVED_S), Doubt)


@only("lightx2v")
async def test_what_is_stopped_is_stopped_and_what_has_ended_is_too_late(bench: Bench) -> None:
    stopped, ended = await bench.ticket(), await bench.ticket()
    assert await bench.remote.cancel(stopped) == Cancelled()
    await bench.done(ended)

    assert await bench.remote.cancel(ended) == TooLate()
    assert [type(verdict) for verdict in await bench.look(stopped)] == [Failed]


@only("lightx2v")
async def test_the_version_is_learnt_from_its_schema(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    remote = remote_of(bench)
    await remote.learn()
    assert (await bench.prepared(BOTH)).path == FORM

    later: dict[str, Any] = {"num_frames": {}, "size": {}}
    monkeypatch.setattr("unstill.engines.lightx2v.engine.at", lambda *_: later)
    await remote.learn()
    assert (await bench.prepared(BOTH)).path == VIDEO
    # Names of a version that it is not: refused, and surely not taken.
    assert isinstance(await bench.submit(BOTH), Rejected)


# --- the emulator --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"num_frames": 81}, "num_frames"),
        ({"seed": "7"}, "seed"),
        ({"target_shape": [720]}, "target_shape"),
        ({"target_shape": "1280x720"}, "target_shape"),
        ({"target_video_length": 0}, "target_video_length"),
    ],
)
@only("lightx2v")
async def test_what_its_schema_does_not_have_is_refused_by_its_field(
    bench: Bench, changes: dict[str, Any], field: str
) -> None:
    emulator = bench.emulator
    assert isinstance(emulator, Emulator)
    answer = emulator.http.post(LIGHTX2V_TASKS, json=lightx2v(**changes))

    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["body", field]


@only("lightx2v")
@pytest.mark.parametrize(
    "changes", [{"image_path": "/etc/a.png"}, {"last_frame_path": CHELSEA_URL}]
)
async def test_a_picture_that_cannot_be_opened_fails_when_it_is_rendered(
    bench: Bench, changes: dict[str, Any]
) -> None:
    emulator = bench.emulator
    assert isinstance(emulator, Emulator)
    taken = emulator.http.post(LIGHTX2V_TASKS, json=lightx2v(**changes)).json()
    emulator.finish()

    assert emulator.http.get(f"/v1/tasks/{taken['task_id']}/status").json()["status"] == "failed"


def test_a_full_queue_is_a_503_as_a_used_id_is() -> None:
    with Emulator("lightx2v", job_s=600, submits_per_s=1) as emulator:
        body = lightx2v()
        answers = [
            emulator.http.post(LIGHTX2V_TASKS, json=each) for each in (body, body, lightx2v())
        ]

    assert [answer.status_code for answer in answers] == [200, 503, 503]
    assert answers[1].json()["detail"] == f"Task ID {body['task_id']} already exists"
    assert "queue is full" in answers[2].json()["detail"]
