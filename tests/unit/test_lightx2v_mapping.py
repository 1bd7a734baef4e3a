"""What is sent to LightX2V, and what its answers come to."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from support.requests import WAN22
from support.upstream_requests import HD, LAST, request
from unstill.engines.lightx2v.answers import (
    SURELY_ARRIVED_S,
    cancellation_of,
    settled,
    submission_of,
    verdict_of,
)
from unstill.engines.lightx2v.models import (
    EARLIER,
    LATER,
    MODELS,
    LightX2VFields,
    body_of,
    fields_of,
    frames_of,
    learnt,
    misfit,
)
from unstill.upstreams.forms import form_of
from unstill.upstreams.pictures import FrameFile
from unstill.upstreams.port import (
    Accepted,
    Busy,
    Cancelled,
    Done,
    Doubt,
    Failed,
    Gone,
    Refused,
    Rejected,
    Running,
    TooLate,
    Waiting,
    not_taken,
)
from unstill.upstreams.replies import Odd, Reply
from unstill.upstreams.vocabulary import BUILT_IN

KEY = "0b1c7f3e-2f43-4c8e-9d1b-4f7a3c1d2e5f"
MOE, BOTH, SMALL = (MODELS[name] for name in ("wan2.2_moe", "wan2.2_moe/flf2v", "wan2.2"))


def reply(status: int, /, **body: Any) -> Reply:
    return Reply(status, msgspec.json.encode(body))


@pytest.mark.parametrize(
    ("names", "body"),
    [
        (EARLIER, {"target_video_length": 81, "target_shape": [720, 1280]}),
        (LATER, {"num_frames": 81, "size": [720, 1280], "last_frame_path": "data:2"}),
    ],
)
def test_each_version_gets_its_own_names(names: LightX2VFields, body: dict[str, Any]) -> None:
    frames = {"first": "data:1"} | ({"last": "data:2"} if names.takes_last_frame else {})
    fields = fields_of(MOE, request(WAN22, negative_prompt="blur"), names)

    assert body_of(fields, names, frames, HD, KEY) == body | {  # type: ignore[arg-type]
        "task_id": KEY,
        "prompt": "walk",
        "negative_prompt": "blur",
        "seed": 7,
        "image_path": "data:1",
        "save_result_path": KEY,
    }


def test_what_was_not_asked_for_is_left_to_the_servers_config() -> None:
    fields = fields_of(MOE, request(WAN22, seed=None), EARLIER)

    assert fields == {"prompt": "walk", "target_video_length": 81}


@pytest.mark.parametrize(
    ("name", "duration_s", "frames"),
    [("wan2.2_moe", 5, 81), ("wan2.2_moe", 1, 17), ("wan2.2", 5, 121), ("wan2.1", 8, 129)],
)
def test_seconds_are_frames_at_the_weights_rate(name: str, duration_s: int, frames: int) -> None:
    assert frames_of(MODELS[name], duration_s) == frames


@pytest.mark.parametrize(
    ("properties", "names"),
    [
        ({"target_video_length": {}, "target_shape": {}}, EARLIER),
        ({"num_frames": {}, "size": {}}, LATER),
        ({"frames": {}}, None),
    ],
)
def test_the_version_is_told_by_its_own_schema(
    properties: dict[str, Any], names: LightX2VFields | None
) -> None:
    assert learnt(properties) is names


@pytest.mark.parametrize(
    ("model", "changes", "param"),
    [
        (MOE, {}, None),
        (MOE, {"duration_s": 1}, None),
        (MOE, {"duration_s": 15}, None),
        (MOE, {"duration_s": 16}, "duration"),
        (MOE, {"tier": "480P"}, None),
        (MOE, {"tier": "1080P"}, "resolution"),
        (SMALL, {"tier": "480P"}, "resolution"),
        (MOE, {"last_frame": LAST}, LAST.param),
        (BOTH, {"last_frame": LAST}, None),
        (BOTH, {}, "last_frame"),
        (MOE, {"negative_prompt": "blur"}, None),
        (MOE, {"watermark": True}, "watermark"),
        (MOE, {"generate_audio": True}, "generate_audio"),
        (MOE, {"generate_audio": False}, None),
        (MOE, {"options": {"prompt_extend": False}}, None),
    ],
)
def test_what_a_server_cannot_do_is_a_misfit(
    model: Any, changes: dict[str, Any], param: str | None
) -> None:
    found = misfit(model, request(WAN22, **changes))

    assert (None if found is None else found.param) == param


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (reply(200, task_id=KEY, task_status="pending", save_result_path=KEY), Accepted),
        (reply(503, detail=f"Task ID {KEY} already exists"), Accepted),
        (reply(503, detail="Task ID other already exists"), Doubt),
        (reply(503, detail="Task queue is full (max 10 tasks)"), Busy),
        (reply(503, detail="Service Unavailable"), Doubt),
        (Reply(503, b"<html>Task queue is full"), Doubt),
        (reply(500, detail="Image URL is not accessible"), Doubt),
        (reply(422, detail=[{"type": "missing", "loc": ["body"], "msg": "required"}]), Rejected),
        (reply(404, detail="Not Found"), Refused),
        (reply(405, detail="Method Not Allowed"), Refused),
        (Reply(404, b"<html>"), Doubt),
        (reply(401, detail="Unauthorized"), Refused),
        (reply(429, detail="slow down"), Busy),
        (reply(200, task_status="pending"), Doubt),
    ],
)
def test_what_an_answer_to_a_submit_comes_to(answer: Reply, kind: type) -> None:
    assert type(submission_of(answer, KEY, BUILT_IN)) is kind


NO_TASK = reply(404, detail="Task not found")


@pytest.mark.parametrize(
    ("answer", "age_s", "is_told_key", "end"),
    [
        (reply(200, task_id=KEY, status="failed"), 1, True, Accepted(KEY)),
        (NO_TASK, SURELY_ARRIVED_S, True, not_taken("the upstream has no such task")),
        (NO_TASK, SURELY_ARRIVED_S - 1, True, None),
        (NO_TASK, SURELY_ARRIVED_S, False, None),
        (Reply(404, b"<html>"), SURELY_ARRIVED_S, True, None),
        (reply(503, detail="starting"), SURELY_ARRIVED_S, True, None),
        (reply(200, task_id="another", status="pending"), SURELY_ARRIVED_S, True, None),
    ],
)
def test_what_the_state_of_a_task_says_of_its_call(
    answer: Reply,
    age_s: float,
    is_told_key: bool,  # noqa: FBT001  - a case's column
    end: object,
) -> None:
    found = settled(answer, KEY, age_s=age_s, is_told_key=is_told_key)

    assert isinstance(found, Doubt) if end is None else found == end


def task(status: str, **more: Any) -> Reply:
    return reply(200, **{"task_id": KEY, "status": status, "error": None} | more)


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        (task("pending"), Waiting()),
        (task("processing"), Running()),
        (task("completed", save_result_path="/app/out/x.mp4"), Done()),
        (task("failed", error="out of memory"), Failed("failed", "out of memory")),
        (
            task("cancelled", error="Task cancelled by user"),
            Failed("cancelled", "the task was cancelled at the upstream"),
        ),
        (Reply(404, b"<html>"), None),
        (reply(500, detail="no"), None),
    ],
)
def test_how_a_task_stands(answer: Reply, verdict: object) -> None:
    assert verdict_of(answer, KEY, BUILT_IN) == verdict


def test_a_task_that_is_not_known_any_more_is_gone_and_an_unknown_state_is_odd() -> None:
    assert isinstance(verdict_of(NO_TASK, KEY, BUILT_IN), Gone)
    with pytest.raises(Odd):
        verdict_of(task("pondering"), KEY, BUILT_IN)


@pytest.mark.parametrize(
    ("answer", "cancellation"),
    [
        (reply(200, stop_status="success", reason="done"), Cancelled()),
        (reply(200, stop_status="do_nothing", reason="none"), TooLate()),
        (reply(200, stop_status="error", reason="oops"), None),
        (reply(500, stop_status="success"), None),
    ],
)
def test_what_an_answer_to_a_cancel_comes_to(answer: Reply, cancellation: object) -> None:
    assert cancellation_of(answer) == cancellation


def test_a_form_of_the_same_parts_is_the_same() -> None:
    file = FrameFile(b"\xff\xd8", "image/jpeg")
    one, two = (form_of({"seed": 7, "x": True}, {"a": file}, boundary=KEY) for _ in range(2))

    assert one == two
    assert one[1] == f"multipart/form-data; boundary={KEY}"
    assert b'name="x"\r\n\r\ntrue' in one[0]
    assert form_of({}, {"a": file}) != form_of({}, {"a": file})
