"""A canonical request in Modelverse's words, and Modelverse's words as verdicts."""

from typing import Any

import pytest

from support.requests import HAPPYHORSE, KLING, SEEDANCE20, SORA, WAN22, WAN27
from support.upstream_requests import LAST, request
from unstill.domain.request import Role, Size, VideoRequest
from unstill.engines.modelverse.models import CHOICES, MODELS, body_of, misfit
from unstill.upstreams.port import Done, Failed, Running, Waiting
from unstill.upstreams.replies import Odd
from unstill.upstreams.task_answers import verdict_in

FRAMES = {"first": "data:1", "last": "data:2"}


def body(asked: VideoRequest, model: str | None = None) -> dict[str, Any]:
    frames = {frame.role: FRAMES[frame.role] for frame in asked.frames}
    return body_of(MODELS[model or asked.model], asked, frames)


def test_wan22_is_asked_in_its_own_documents_words() -> None:
    asked = request(WAN22, last_frame=LAST, negative_prompt="blur", duration_s=8, tier="480P")

    assert body(asked) == {
        "model": WAN22,
        "input": {
            "first_frame_url": "data:1",
            "last_frame_url": "data:2",
            "prompt": "walk",
            "negative_prompt": "blur",
        },
        "parameters": {"resolution": "480P", "duration": 8, "seed": 7},
    }


def test_sora_spells_its_tiers_small_and_has_no_seed() -> None:
    assert body(request(SORA, tier="1080P")) == {
        "model": SORA,
        "input": {"first_frame_url": "data:1", "prompt": "walk"},
        "parameters": {"resolution": "1080p", "duration": 4},
    }


def test_happyhorse_is_told_about_the_watermark() -> None:
    assert body(request(HAPPYHORSE, prompt="")) == {
        "model": HAPPYHORSE,
        "input": {"img_url": "data:1"},
        "parameters": {"resolution": "720P", "duration": 5, "watermark": False, "seed": 7},
    }


def test_seedance_gets_its_prompt_and_frames_as_content_with_their_roles() -> None:
    asked = request(SEEDANCE20, last_frame=LAST, tier="1080P", generate_audio=True)

    assert body(asked, CHOICES[SEEDANCE20]) == {
        "model": "doubao-seedance-2-0-260128",
        "input": {
            "content": [
                {"type": "text", "text": "walk"},
                {"type": "image_url", "role": "first_frame", "image_url": {"url": "data:1"}},
                {"type": "image_url", "role": "last_frame", "image_url": {"url": "data:2"}},
            ]
        },
        "parameters": {
            "resolution": "1080p",
            "duration": 5,
            "watermark": False,
            "generate_audio": True,
        },
    }
    silent = body(request(SEEDANCE20, prompt=""), CHOICES[SEEDANCE20])
    assert [each["type"] for each in silent["input"]["content"]] == ["image_url"]


def test_kling_gets_a_mode_words_for_sound_and_base64_without_a_data_url() -> None:
    frames: dict[Role, str] = {
        "first": "data:image/jpeg;base64,QQ==",
        "last": "data:image/jpeg;base64,Qg==",
    }
    asked = request(KLING, last_frame=LAST, tier="1080P", generate_audio=True)
    small = request(KLING, tier="720P", generate_audio=False, watermark=True)

    assert body_of(MODELS[KLING], asked, frames) == {
        "model": "kling-v3",
        "input": {"prompt": "walk"},
        "parameters": {
            "duration": 5,
            "kling_v3_type": "i2v",
            "image": "QQ==",
            "image_tail": "Qg==",
            "mode": "pro",
            "watermark_enabled": False,
            "sound": "on",
        },
    }
    parameters = body_of(MODELS[KLING], small, {"first": frames["first"]})["parameters"]
    assert (parameters["mode"], parameters["sound"]) == ("std", "off")
    assert parameters["watermark_enabled"] is True
    assert "image_tail" not in parameters


@pytest.mark.parametrize(
    ("asked", "param"),
    [
        (request(KLING, prompt="x" * 2500), None),
        (request(KLING, prompt="x" * 2501), "prompt"),
        (request(KLING, prompt=""), "prompt"),
        (request(KLING, tier="4K"), "resolution"),
        (request(KLING, duration_s=2), "duration"),
        (request(KLING, duration_s=15), None),
        (request(KLING, duration_s=16), "duration"),
        (request(SEEDANCE20, tier="4K"), "resolution"),
        (request(SEEDANCE20, duration_s=3), "duration"),
        (request(SEEDANCE20, duration_s=15, last_frame=LAST, generate_audio=True), None),
        (request(SEEDANCE20, duration_s=16), "duration"),
    ],
)
def test_kling_and_seedance_keep_to_their_documents(asked: VideoRequest, param: str | None) -> None:
    refusal = misfit(MODELS[CHOICES[asked.model]], asked)

    assert (refusal and refusal.param) == param


def test_wan27_takes_media_and_a_sound_switch() -> None:
    asked = body(request(WAN27, last_frame=LAST, generate_audio=False))

    assert [each["type"] for each in asked["input"]["media"]] == ["first_frame", "last_frame"]
    assert asked["parameters"]["audio"] is False
    assert asked["parameters"]["prompt_extend"] is True


def test_wan25_keeps_its_own_default_of_prompt_expansion() -> None:
    parameters = body(request(WAN22), "Wan-AI/Wan2.5-I2V")["parameters"]

    assert parameters["enable_prompt_expansion"] is False
    assert parameters["resolution"] == "720p"


def test_an_exact_size_becomes_the_nearest_tier() -> None:
    parameters = body(request(HAPPYHORSE, size=Size(640, 480)))["parameters"]

    assert parameters["resolution"] == "720P"
    assert "size" not in parameters


@pytest.mark.parametrize(
    ("asked", "param"),
    [
        (request(WAN27, duration_s=7), "duration"),
        (request(SORA, last_frame=LAST), "input.last_frame_url"),
        (request(HAPPYHORSE, tier="480P"), "resolution"),
        (request(WAN22, prompt=" "), "prompt"),
        (request(WAN22, generate_audio=True), "generate_audio"),
    ],
)
def test_what_the_model_cannot_do_is_named_by_its_field(asked: VideoRequest, param: str) -> None:
    found = misfit(MODELS[asked.model], asked)

    assert found is not None
    assert found.param == param


def answer(word: object, **output: object) -> dict[str, Any]:
    return {"output": {"task_id": "t", "task_status": word, **output}, "usage": {"duration": 5}}


def test_states_become_verdicts_in_whatever_case() -> None:
    assert verdict_in(answer("Pending")) == Waiting()
    assert verdict_in(answer("RUNNING")) == Running()
    assert verdict_in(answer("Success", urls=["https://v"])) == Done("https://v", {"duration": 5})
    assert isinstance(verdict_in(answer("Expired")), Failed)


def test_a_failure_in_dashscopes_words_keeps_its_code() -> None:
    message = "code=InvalidParameter, message=invalid image url https://img.example.com/a.png"

    failed = verdict_in(answer("Failure", error_message=message))

    assert failed == Failed("InvalidParameter", "invalid image url [address]", {"duration": 5})


def test_a_failure_without_a_reason_says_so() -> None:
    assert verdict_in(answer("Failure")) == Failed(
        "failed", "the upstream gave no reason", {"duration": 5}
    )


def test_what_no_document_says_is_never_a_success() -> None:
    with pytest.raises(Odd):
        verdict_in(answer("Blessed", urls=["https://v"]))

    assert verdict_in(answer(None)) is None


def test_a_success_whose_link_is_not_there_yet_has_none() -> None:
    assert verdict_in(answer("Success", urls=[])) == Done(None, {"duration": 5})


def test_a_negative_prompt_is_refused_where_the_model_has_none() -> None:
    asked = request(WAN22, duration_s=5, tier="720P", negative_prompt="blur")

    found = misfit(MODELS["happyhorse-1.0-i2v"], asked)

    assert found is not None
    assert found.param == "negative_prompt"
    assert misfit(MODELS["Wan-AI/Wan2.2-I2V"], asked) is None


@pytest.mark.parametrize("asked", [WAN27, HAPPYHORSE])
def test_a_watermark_is_refused_where_the_model_draws_none(asked: str) -> None:
    marked = request(asked, duration_s=5, tier="720P", watermark=True)

    found = misfit(MODELS["Wan-AI/Wan2.6-I2V"], marked)

    assert found is not None
    assert (found.param, found.got) == ("watermark", True)
    assert misfit(MODELS["wan2.7-i2v"], marked) is None


def test_a_tier_that_the_model_cannot_be_told_is_refused_unless_it_is_its_own() -> None:
    small = MODELS["openai/sora-2/image-to-video"]

    found = misfit(small, request(SORA, tier="1080P"))

    assert found is not None
    assert found.param == "resolution"
    assert misfit(small, request(SORA, tier="720P")) is None
    assert "resolution" not in body(request(SORA), small.name)["parameters"]
