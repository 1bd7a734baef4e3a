"""A canonical request in the words of fal's endpoints, and fal's words as what they come to."""

from typing import Any

import msgspec
import pytest

from support.requests import HAPPYHORSE, SORA, WAN22, WAN27
from support.upstream_requests import LAST, request
from unstill.domain.errors import BadSetting
from unstill.domain.request import Size, VideoRequest
from unstill.engines.fal.engine import BASE_URL, CODES, KIND_OF_ERROR
from unstill.engines.fal.models import CHOICES, MODELS, body_of, endpoint_for, misfit
from unstill.upstreams.port import Accepted, Busy, Doubt, Refused, Rejected, Submission
from unstill.upstreams.replies import Reply, with_kind
from unstill.upstreams.submit_answers import judged

FRAMES = {"first": "data:1", "last": "data:2"}
KLING = "fal-ai/kling-video/v3/standard/image-to-video"
SEEDANCE = "bytedance/seedance-2.0/image-to-video"
H3 = "minimax/h3/image-to-video"


def body(asked: VideoRequest, name: str = "") -> dict[str, Any]:
    frames = {frame.role: FRAMES[frame.role] for frame in asked.frames}
    model = endpoint_for(MODELS[name or CHOICES[asked.model]], asked)
    return body_of(model, asked, frames)


def test_wan22_is_asked_for_frames() -> None:
    asked = request(WAN22, last_frame=LAST, negative_prompt="blur", duration_s=8, tier="480P")

    assert body(asked) == {
        "image_url": "data:1",
        "end_image_url": "data:2",
        "prompt": "walk",
        "negative_prompt": "blur",
        "num_frames": 129,
        "frames_per_second": 16,
        "resolution": "480p",
        "seed": 7,
    }


def test_wan27_counts_its_seconds_in_a_number() -> None:
    assert body(request(WAN27, last_frame=LAST, prompt="", tier="1080P")) == {
        "image_url": "data:1",
        "end_image_url": "data:2",
        "duration": 5,
        "resolution": "1080p",
        "seed": 7,
    }


def test_seedance_stands_in_for_sora_and_counts_its_seconds_in_a_text() -> None:
    assert body(request(SORA, duration_s=12, tier="1080P", generate_audio=False)) == {
        "image_url": "data:1",
        "prompt": "walk",
        "duration": "12",
        "resolution": "1080p",
        "seed": 7,
        "generate_audio": False,
    }


def test_happyhorse_has_no_last_frame_and_no_watermark() -> None:
    assert body(request(HAPPYHORSE)) == {
        "image_url": "data:1",
        "prompt": "walk",
        "duration": 5,
        "resolution": "720p",
        "seed": 7,
    }


def test_kling_names_its_first_frame_otherwise_and_its_tier_is_an_endpoint() -> None:
    asked = request(WAN27, last_frame=LAST, tier="1080P")

    assert body(asked, KLING) == {
        "start_image_url": "data:1",
        "end_image_url": "data:2",
        "prompt": "walk",
        "duration": "5",
    }
    assert endpoint_for(MODELS[KLING], asked).name == "fal-ai/kling-video/v3/pro/image-to-video"
    assert endpoint_for(MODELS[KLING], request(WAN27)).name == KLING


def test_h3_is_told_neither_its_tier_nor_a_seed() -> None:
    asked = request(WAN27, tier="2K")

    assert body(asked, H3) == {"image_url": "data:1", "prompt": "walk", "duration": 5}


def test_an_exact_size_becomes_the_nearest_tier() -> None:
    assert body(request(HAPPYHORSE, size=Size(640, 480)))["resolution"] == "720p"
    assert body(request(WAN27, size=Size(3840, 2160)), SEEDANCE)["resolution"] == "4k"


@pytest.mark.parametrize(
    ("asked", "name", "param"),
    [
        (request(WAN22, duration_s=11), "", "duration"),
        (request(WAN27, duration_s=1), "", "duration"),
        (request(WAN27, duration_s=16), "", "duration"),
        (request(HAPPYHORSE, duration_s=2), "", "duration"),
        (request(SORA, duration_s=3), "", "duration"),
        (request(WAN27, duration_s=4, tier="2K"), H3, "duration"),
        (request(WAN27, tier="480P"), "", "resolution"),
        (request(WAN27, tier="4K"), KLING, "resolution"),
        (request(WAN27, tier="720P"), H3, "resolution"),
        (request(WAN22, prompt=" "), "", "prompt"),
        (request(WAN27, tier="2K", prompt=""), H3, "prompt"),
        (request(WAN27, prompt="x" * 5001), "", "prompt"),
        (request(HAPPYHORSE, prompt="x" * 2501), "", "prompt"),
        (request(WAN27, prompt="x" * 2501), KLING, "prompt"),
        (request(WAN27, tier="2K", prompt="x" * 2001), H3, "prompt"),
        (request(HAPPYHORSE, last_frame=LAST), "", "input.last_frame_url"),
        (request(HAPPYHORSE, negative_prompt="blur"), "", "negative_prompt"),
        (request(WAN27, watermark=True), "", "watermark"),
        (request(WAN22, generate_audio=True), "", "generate_audio"),
    ],
)
def test_what_the_endpoint_cannot_do_is_named_by_its_field(
    asked: VideoRequest, name: str, param: str
) -> None:
    found = misfit(MODELS[name or CHOICES[asked.model]], asked)

    assert found is not None
    assert found.param == param


@pytest.mark.parametrize(
    ("asked", "name"),
    [
        (request(WAN22, duration_s=10), ""),
        (request(WAN22, duration_s=1), ""),
        (request(WAN27, duration_s=2, prompt="x" * 5000), ""),
        (request(WAN27, duration_s=15), ""),
        (request(HAPPYHORSE, duration_s=3, prompt="x" * 2500), ""),
        (request(SORA, duration_s=15, generate_audio=True), ""),
        (request(WAN27, tier="1080P"), KLING),
        (request(WAN27, tier="2K", generate_audio=True), H3),
    ],
)
def test_what_the_endpoint_just_can_do_is_taken(asked: VideoRequest, name: str) -> None:
    assert misfit(MODELS[name or CHOICES[asked.model]], asked) is None


# --- what a submit comes to ----------------------------------------------------------------------


def said(status: int, detail: object, kind: str = "", *, in_header: bool = False) -> Submission:
    fields: dict[str, object] = {"detail": detail}
    if kind and not in_header:
        fields["error_type"] = kind
    told = {"x-fal-error-type": kind} if in_header else {}
    reply = Reply(status, msgspec.json.encode(fields), told=told)
    return judged(with_kind(reply, KIND_OF_ERROR), CODES)


LOCKED = "User is locked. Reason: Exhausted balance."


@pytest.mark.parametrize(
    ("status", "detail", "kind", "submission"),
    [
        (400, "Bad request", "bad_request", Rejected),
        (401, "Authentication is required", "unauthorized", Refused),
        (403, LOCKED, "", Refused),
        (403, "User is locked. Reason: Admin lock", "forbidden", Refused),
        (404, "Application 'x' not found", "", Refused),
        (422, [{"loc": ["body", "duration"], "msg": "no", "type": "int_type"}], "", Rejected),
        (422, [{"loc": ["body"], "msg": "no", "type": "content_policy_violation"}], "", Rejected),
        (429, "The queue is full", "", Busy),
        (499, "Cancelled", "client_cancelled", Doubt),
        (500, "Internal server error", "internal_error", Doubt),
        (500, "no", "runner_server_error", Doubt),
        (502, "no", "runner_disconnected", Doubt),
        (503, "no", "runner_scheduling_failure", Doubt),
        (504, "no", "request_timeout", Doubt),
        (504, "no", "startup_timeout", Doubt),
    ],
)
def test_each_status_of_a_submit_comes_to_what_its_documents_say(
    status: int, detail: object, kind: str, submission: type[Submission]
) -> None:
    assert isinstance(said(status, detail, kind), submission)


def test_the_account_is_blamed_for_its_own_trouble_alone() -> None:
    for status, detail in ((401, "no"), (403, LOCKED)):
        refused = said(status, detail)
        assert isinstance(refused, Refused)
        assert refused.of_account
        assert "balance" not in refused.message  # the operator's bill is no caller's business
    missing = said(404, "Application 'x' not found")
    assert isinstance(missing, Refused)
    assert not missing.of_account


def test_the_kind_of_a_refusal_may_be_in_its_header_alone() -> None:
    rejected = said(400, "no", "bad_request", in_header=True)

    assert isinstance(rejected, Rejected)
    assert rejected.code == "bad_request"


def test_the_kind_of_a_refusal_may_be_among_its_details() -> None:
    details = [{"loc": ["body", "prompt"], "msg": "no", "type": "content_policy_violation"}]

    assert said(422, details) == Rejected("content_policy_violation", "prompt: no")


def test_the_id_of_a_request_is_a_ticket_and_no_address_is() -> None:
    handle = {
        "request_id": "764cabcf-b745-4b3e-ae38-1200304cf45b",
        "status_url": "https://elsewhere.test/status",
        "queue_position": 0,
    }

    assert judged(Reply(200, msgspec.json.encode(handle)), CODES) == Accepted(
        "764cabcf-b745-4b3e-ae38-1200304cf45b"
    )
    assert isinstance(judged(Reply(200, b'{"video":{"url":"https://v"}}'), CODES), Doubt)


@pytest.mark.parametrize("host", ["fal.run", "rest.fal.ai", "api.fal.ai"])
def test_another_api_of_the_provider_is_refused_with_the_address_that_is_meant(host: str) -> None:
    with pytest.raises(BadSetting, match=r"write https://queue\.fal\.run"):
        BASE_URL.checked(f"https://{host}", "fal", has_key=True)
    assert BASE_URL.checked("https://queue.fal.run/", "fal", has_key=True) == (
        "https://queue.fal.run"
    )
