"""A canonical request in OpenRouter's words, its list of models, and what its answers come to."""

from typing import Any

import msgspec
import pytest

from support.requests import HAPPYHORSE, SORA, WAN22, WAN27
from support.upstream_requests import LAST, request
from unstill.domain.request import Size, VideoRequest
from unstill.engines.openrouter.engine import is_of_contents, submission_of, usage_in
from unstill.engines.openrouter.models import (
    ALL_TIERS,
    ANY_LENGTH,
    CHOICES,
    MODELS,
    OpenRouterModel,
    body_of,
    learnt,
    misfit,
    told_size,
    unread,
)
from unstill.upstreams.port import Accepted, Busy, Doubt, Refused, Rejected, Submission
from unstill.upstreams.replies import Reply

PROMISED = Size(880, 1024)
FRAMES = {"first": "data:1", "last": "data:2"}


def frame(role: str) -> dict[str, Any]:
    url = {"url": FRAMES[role]}
    return {"type": "image_url", "image_url": url, "frame_type": f"{role}_frame"}


def body(asked: VideoRequest, model: OpenRouterModel | None = None) -> dict[str, Any]:
    frames = {each.role: FRAMES[each.role] for each in asked.frames}
    found = model or MODELS[CHOICES[asked.model]]
    size = asked.size or PROMISED
    return body_of(found, asked, frames, size=told_size(found, asked, size))


def test_wan27_is_asked_with_both_frames() -> None:
    assert body(request(WAN27, last_frame=LAST, tier="1080P", generate_audio=True)) == {
        "model": "alibaba/wan-2.7",
        "prompt": "walk",
        "frame_images": [frame("first"), frame("last")],
        "duration": 5,
        "resolution": "1080p",
        "seed": 7,
        "generate_audio": True,
    }


def test_seedance_stands_in_for_sora_without_a_seed() -> None:
    assert body(request(SORA, duration_s=12, prompt="")) == {
        "model": "bytedance/seedance-2.0",
        "frame_images": [frame("first")],
        "duration": 12,
        "resolution": "720p",
    }


def test_happyhorse_is_asked_with_one_frame() -> None:
    assert body(request(HAPPYHORSE)) == {
        "model": "alibaba/happyhorse-1.0",
        "prompt": "walk",
        "frame_images": [frame("first")],
        "duration": 5,
        "resolution": "720p",
        "seed": 7,
    }


def test_kling_is_not_told_the_one_tier_that_it_has() -> None:
    assert "resolution" not in body(request("kling-v3", tier="1080P"))


def test_no_model_stands_in_for_wan22() -> None:
    assert WAN22 not in CHOICES


@pytest.mark.parametrize(
    ("asked", "param"),
    [
        (request(WAN27, duration_s=1), "duration"),
        (request(WAN27, duration_s=11), "duration"),
        (request(HAPPYHORSE, duration_s=2), "duration"),
        (request(HAPPYHORSE, duration_s=16), "duration"),
        (request(SORA, duration_s=3), "duration"),
        (request(SORA, duration_s=16), "duration"),
        (request(WAN27, tier="480P"), "resolution"),
        (request("doubao-seedance-2.5", tier="1080P"), "resolution"),
        (request(HAPPYHORSE, last_frame=LAST), "input.last_frame_url"),
        (request(WAN27, negative_prompt="blur"), "negative_prompt"),
        (request(WAN27, watermark=True), "watermark"),
    ],
)
def test_what_the_model_cannot_do_is_named_by_its_field(asked: VideoRequest, param: str) -> None:
    found = misfit(MODELS[CHOICES[asked.model]], asked)

    assert found is not None
    assert found.param == param


@pytest.mark.parametrize(
    "asked",
    [
        request(WAN27, duration_s=2, last_frame=LAST),
        request(WAN27, duration_s=10, generate_audio=True),
        request(HAPPYHORSE, duration_s=3, tier="1080P"),
        request(HAPPYHORSE, duration_s=15),
        request(SORA, duration_s=15, tier="1080P"),
        request("doubao-seedance-2.5", duration_s=30),
        request("minimax-h3", tier="2K"),
    ],
)
def test_what_the_model_just_can_do_is_taken(asked: VideoRequest) -> None:
    assert misfit(MODELS[CHOICES[asked.model]], asked) is None


# --- the list of models --------------------------------------------------------------------------


def listed(**changes: object) -> dict[str, Any]:
    row: dict[str, object] = {
        "id": "alibaba/wan-2.7",
        "supported_durations": [10, 5],
        "supported_resolutions": ["1080p", "4K", "360p"],
        "supported_sizes": None,
        "supported_frame_images": ["first_frame"],
        "generate_audio": False,
        "seed": None,
        "pricing_skus": {"second": "0.1"},
    }
    return {"data": [row | changes]}


def model(**changes: object) -> OpenRouterModel:
    (found,) = learnt(listed(**changes)).values()
    return found


def test_what_the_list_says_of_a_model_holds() -> None:
    assert model() == OpenRouterModel(
        name="alibaba/wan-2.7", durations_s=(5, 10), tiers=("1080P", "4K")
    )
    full = model(
        supported_frame_images=["last_frame", "first_frame"], generate_audio=True, seed=True
    )
    assert (full.has_last_frame, full.has_sound, full.has_seed) == (True, True, True)


def test_a_model_without_frames_is_none_for_a_photo() -> None:
    for frames in (None, ["input_reference"]):
        found = misfit(model(supported_frame_images=frames), request(WAN27, tier="1080P"))
        assert found is not None
        assert found.param == "model"


def test_what_the_list_does_not_say_is_built_in_or_anything() -> None:
    assert model(supported_durations=None).durations_s == tuple(range(2, 11))
    other = model(id="a/b", supported_durations=[], supported_resolutions=None)
    assert (other.durations_s, other.tiers) == (ANY_LENGTH, ALL_TIERS)
    assert "resolution" not in body(request(WAN27), other)


def test_a_size_of_the_list_is_sent_and_any_other_becomes_a_tier() -> None:
    found = model(supported_sizes=["1920x1080", "1080x1920", "huge"])

    exact = body(request(WAN27, size=Size(1080, 1920)), found)
    near = body(request(WAN27, size=Size(1000, 1900)), found)

    assert (exact.get("size"), exact.get("resolution")) == ("1080x1920", None)
    assert (near.get("size"), near.get("resolution")) == (None, "1080p")
    assert model(supported_resolutions=None, supported_sizes=["1280x720"]).tiers == ("720P",)


def test_where_the_list_has_sizes_alone_a_tier_is_told_by_one_of_the_promised_shape() -> None:
    sizes = ["1280x720", "720x1280", "960x960", "1920x1080", "1080x1920"]
    found = model(supported_resolutions=None, supported_sizes=sizes)

    assert found.tiers == ("720P", "1080P")
    assert body(request(WAN27), found)["size"] == "960x960"
    assert body(request(WAN27, tier="1080P"), found)["size"] == "1080x1920"
    assert body(request(WAN27, size=Size(1900, 1000)), found)["size"] == "1920x1080"
    assert "resolution" not in body(request(WAN27), found)


def test_a_model_of_resolutions_that_nobody_here_knows_is_refused_but_for_its_sizes() -> None:
    found = model(supported_resolutions=["1K"], supported_sizes=["1024x1024"])
    refused = misfit(found, request(WAN27))

    assert refused is not None
    assert "has none" in refused.message
    assert misfit(found, request(WAN27, size=Size(1024, 1024))) is None


@pytest.mark.parametrize(
    "answer", [{}, {"data": None}, {"data": [{"name": "x"}]}, {"data": [{"id": 3}, "x"]}]
)
def test_a_list_that_cannot_be_read_has_no_models(answer: dict[str, Any]) -> None:
    assert learnt(answer) == {}


def test_a_model_that_only_the_operator_knows_takes_anything() -> None:
    found = unread("someone/new")

    assert misfit(found, request(WAN27, duration_s=60, tier="4K", last_frame=LAST)) is None
    assert unread("alibaba/wan-2.7") == MODELS["alibaba/wan-2.7"]


# --- what a submit comes to ----------------------------------------------------------------------


def said(status: int, kind: str, message: str = "no", **metadata: object) -> Reply:
    error = {"code": status, "message": message, "metadata": {"error_type": kind, **metadata}}
    return Reply(status, msgspec.json.encode({"error": error}))


@pytest.mark.parametrize(
    ("status", "kind", "submission"),
    [
        (400, "invalid_request", Rejected),
        (400, "invalid_prompt", Rejected),
        (400, "invalid_image", Rejected),
        (400, "string_too_long", Rejected),
        (401, "authentication", Refused),
        (402, "payment_required", Refused),
        (403, "permission_denied", Refused),
        (404, "not_found", Refused),
        (408, "timeout", Doubt),
        (413, "payload_too_large", Rejected),
        (422, "unprocessable", Rejected),
        (429, "rate_limit_exceeded", Busy),
        (499, "unmapped", Doubt),
        (500, "server", Doubt),
        (502, "provider_unavailable", Doubt),
        (503, "provider_overloaded", Doubt),
    ],
)
def test_each_status_of_a_submit_comes_to_what_its_documents_say(
    status: int, kind: str, submission: type[Submission]
) -> None:
    assert isinstance(submission_of(said(status, kind)), submission)


@pytest.mark.parametrize("status", [401, 402, 403])
def test_the_key_and_the_bill_are_the_accounts(status: int) -> None:
    refused = submission_of(said(status, "unmapped"))

    assert isinstance(refused, Refused)
    assert refused.of_account


@pytest.mark.parametrize(
    ("reply", "is_so"),
    [
        (said(403, "permission_denied", "This key has no access"), False),
        (said(403, "unmapped", "Key limit exceeded"), False),
        (said(403, "permission_denied", "Request blocked: prompt injection"), True),
        (said(403, "content_policy_violation"), True),
        (said(403, "refusal"), True),
        (said(403, "unmapped", reasons=["violence"], flagged_input="..."), True),
    ],
)
def test_a_403_is_the_accounts_or_about_what_was_sent(reply: Reply, *, is_so: bool) -> None:
    assert is_of_contents(reply.fields()) is is_so


def test_a_202_with_an_id_is_taken_and_one_with_a_providers_error_is_not() -> None:
    taken = Reply(202, b'{"id":"gen-vid-1","polling_url":"/api/v1/videos/gen-vid-1"}')
    failed = Reply(200, b'{"error":{"code":502,"message":"Provider returned error"}}')
    policy = said(200, "content_policy_violation")

    assert submission_of(taken) == Accepted("gen-vid-1")
    assert isinstance(submission_of(failed), Doubt)
    assert isinstance(submission_of(policy), Rejected)


@pytest.mark.parametrize(
    ("status", "kind", "submission"),
    [
        (400, "string_too_long", Rejected),
        (402, "unmapped", Refused),
        (404, "not_found", Refused),
        (408, "timeout", Doubt),
        (429, "unmapped", Busy),
        (502, "provider_unavailable", Doubt),
    ],
)
def test_an_error_inside_a_200_is_sorted_by_its_own_status(
    status: int, kind: str, submission: type[Submission]
) -> None:
    inside = msgspec.structs.replace(said(status, kind), status=200)

    assert isinstance(submission_of(inside), submission)


@pytest.mark.parametrize("status", [200, 403])
def test_a_403_about_what_was_sent_blames_the_request_also_inside_a_200(status: int) -> None:
    blocked = said(403, "permission_denied", "Request blocked: guardrail")
    bare = Reply(403, b'{"error":{"code":403,"message":"Request blocked: guardrail"}}')
    key = said(403, "permission_denied", "This key has no access")
    inside = [msgspec.structs.replace(each, status=status) for each in (blocked, bare, key)]

    found = [submission_of(each) for each in inside]
    assert [type(each) for each in found] == [Rejected, Rejected, Refused]
    assert isinstance(found[2], Refused)
    assert found[2].of_account


def test_a_task_that_is_taken_is_taken_whatever_else_is_said() -> None:
    reply = Reply(202, b'{"id":"gen-vid-1","status":"failed","error":{"code":403}}')

    assert submission_of(reply) == Accepted("gen-vid-1")


@pytest.mark.parametrize(
    ("usage", "told"),
    [
        ({"cost": 0.35, "is_byok": False}, {"cost_usd": 0.35}),
        ({"cost": 0}, {"cost_usd": 0}),
        ({"cost": None, "is_byok": False}, {}),
        ({"cost": 0.01, "is_byok": True}, {}),  # the rest is on the provider's own bill
        ({"cost": True}, {}),
        ({"cost": float("inf")}, {}),  # a row keeps no such number
        ({"cost": 10**30}, {}),
        (None, {}),
    ],
)
def test_what_a_video_costs_is_told_in_dollars(usage: object, told: dict[str, float]) -> None:
    assert usage_in({"usage": usage}) == told
