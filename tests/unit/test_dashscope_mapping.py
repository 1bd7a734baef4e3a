"""A canonical request in DashScope's words, and DashScope's words as verdicts."""

from typing import Any

import msgspec
import pytest

from support.requests import HAPPYHORSE, HAPPYHORSE11, KLING, SORA, WAN22, WAN27
from support.upstream_requests import LAST, request
from unstill.domain.errors import BadField, MissingField
from unstill.domain.request import Size, VideoRequest
from unstill.engines.dashscope.models import (
    CHOICES,
    UNKNOWN,
    for_request,
    known,
    path_of,
    verdict_of,
)
from unstill.upstreams.dashscope_models import (
    MODELS,
    DashScopeModel,
    body_of,
    frame_form,
    misfit,
)
from unstill.upstreams.port import Done, Failed, Running, Waiting
from unstill.upstreams.replies import Odd

FRAMES = {"first": "data:1", "last": "data:2"}


def chosen(asked: VideoRequest) -> DashScopeModel:
    return for_request(MODELS[CHOICES[asked.model]], asked)


def body(asked: VideoRequest, model: DashScopeModel | None = None) -> dict[str, Any]:
    frames = {frame.role: FRAMES[frame.role] for frame in asked.frames}
    return body_of(model or chosen(asked), asked, frames)


def test_wan27_gets_both_frames_as_media_and_every_default_spelt_out() -> None:
    asked = request(WAN27, last_frame=LAST, negative_prompt="blur", tier="1080P")

    assert body(asked) == {
        "model": "wan2.7-i2v",
        "input": {
            "media": [
                {"type": "first_frame", "url": "data:1"},
                {"type": "last_frame", "url": "data:2"},
            ],
            "prompt": "walk",
            "negative_prompt": "blur",
        },
        "parameters": {
            "resolution": "1080P",
            "duration": 5,
            "watermark": False,
            "prompt_extend": True,
            "seed": 7,
        },
    }


def test_happyhorse_gets_no_field_that_it_does_not_have() -> None:
    asked = request(HAPPYHORSE, watermark=True, negative_prompt="blur")

    assert body(asked) == {
        "model": "happyhorse-1.0-i2v",
        "input": {"media": [{"type": "first_frame", "url": "data:1"}], "prompt": "walk"},
        "parameters": {"resolution": "720P", "duration": 5, "watermark": True, "seed": 7},
    }


def test_kling_gets_its_tier_as_a_mode_and_no_seed() -> None:
    asked = request(KLING, last_frame=LAST, tier="1080P", generate_audio=True)
    small = request(KLING, tier="720P", duration_s=3)

    assert body(asked) == {
        "model": "kling/kling-v3-video-generation",
        "input": {
            "media": [
                {"type": "first_frame", "url": "data:1"},
                {"type": "last_frame", "url": "data:2"},
            ],
            "prompt": "walk",
        },
        "parameters": {"mode": "pro", "duration": 5, "watermark": False, "audio": True},
    }
    assert body(small)["parameters"] == {"mode": "std", "duration": 3, "watermark": False}


@pytest.mark.parametrize(
    ("name", "first", "pair_name", "pair"),
    [
        (
            *("pixverse/pixverse-v6-it2v", ["image_url"]),
            *("pixverse/pixverse-v6-kf2v", ["first_frame", "last_frame"]),
        ),
        (
            *("vidu/viduq3-pro_img2video", ["image"]),
            *("vidu/viduq3-pro_start-end2video", ["image", "image"]),
        ),
    ],
)
def test_a_model_beside_it_takes_the_last_frame_in_its_own_types_of_media(
    name: str, first: list[str], pair_name: str, pair: list[str]
) -> None:
    plain, both = request(WAN27), request(WAN27, last_frame=LAST)
    made = body(plain, for_request(MODELS[name], plain))
    made_of_both = body(both, for_request(MODELS[name], both))

    assert (made["model"], made_of_both["model"]) == (name, pair_name)
    assert [each["type"] for each in made["input"]["media"]] == first
    assert [(each["type"], each["url"]) for each in made_of_both["input"]["media"]] == list(
        zip(pair, FRAMES.values(), strict=True)
    )
    needed = misfit(MODELS[pair_name], msgspec.structs.replace(both, prompt=" "))
    assert isinstance(needed, MissingField)
    assert needed.param == "prompt"
    assert isinstance(misfit(MODELS[pair_name], plain), MissingField)


def test_happyhorse_11_and_wan30_get_their_own_parameters() -> None:
    horse = request(HAPPYHORSE11, tier="480P", duration_s=15)
    wan = body(request(WAN27, duration_s=30, generate_audio=False), MODELS["wan3.0-video-prime"])

    assert body(horse)["model"] == "happyhorse-1.1-i2v"
    assert body(horse)["parameters"]["resolution"] == "480P"
    assert (wan["parameters"]["audio"], wan["parameters"]["duration"]) == (False, 30)


@pytest.mark.parametrize(
    ("name", "least", "most"),
    [
        ("wan3.0-video", 2, 30),
        ("kling/kling-v3-video-generation", 3, 15),
        ("kling/kling-v3-omni-video-generation", 3, 15),
        ("pixverse/pixverse-c1-it2v", 1, 15),
        ("vidu/viduq3-pro-fast_img2video", 1, 16),
        ("happyhorse-1.1-i2v", 3, 15),
    ],
)
def test_a_model_is_asked_for_lengths_that_its_page_has(name: str, least: int, most: int) -> None:
    def found(duration_s: int) -> BadField | None:
        return misfit(MODELS[name], request(WAN27, duration_s=duration_s))

    assert found(least) is None
    assert found(most) is None
    for beyond in (least - 1, most + 1):
        refusal = found(beyond)
        assert refusal is not None
        assert refusal.param == "duration"


@pytest.mark.parametrize(
    ("asked", "param"),
    [
        (request(KLING, tier="4K"), "resolution"),
        (request(KLING, watermark=True), "watermark"),
        (request(KLING, size=Size(1280, 500)), "size"),  # beyond 2.5:1
    ],
)
def test_what_kling_at_dashscope_does_not_do_is_refused(asked: VideoRequest, param: str) -> None:
    refusal = misfit(chosen(asked), asked)

    assert refusal is not None
    assert refusal.param == param


def test_wan22_goes_to_the_flash_model_as_img_url() -> None:
    asked = request(WAN22, tier="480P")

    assert body(asked)["model"] == "wan2.2-i2v-flash"
    assert body(asked)["input"] == {"img_url": "data:1", "prompt": "walk"}
    assert path_of(chosen(asked)).endswith("/video-generation/video-synthesis")


def test_wan22_with_a_last_frame_goes_to_the_pair_model_and_its_own_path() -> None:
    asked = request(WAN22, last_frame=LAST)

    assert body(asked)["model"] == "wan2.2-kf2v-flash"
    assert body(asked)["input"]["first_frame_url"] == "data:1"
    assert body(asked)["input"]["last_frame_url"] == "data:2"
    assert path_of(chosen(asked)).endswith("/image2video/video-synthesis")


def test_an_exact_size_becomes_a_tier_and_is_never_sent() -> None:
    sizes = {"832x480": "480P", "1088x832": "720P", "1440x1440": "1080P"}
    for text, tier in sizes.items():
        width, height = map(int, text.split("x"))
        asked = request(HAPPYHORSE, size=Size(width, height))

        assert body(asked)["parameters"]["resolution"] == tier
        assert "size" not in body(asked)["parameters"]


def test_an_exact_size_asks_for_a_frame_of_its_shape_at_the_tiers_area() -> None:
    asked = request(WAN27, size=Size(640, 480))

    form = frame_form(chosen(asked), asked)

    assert form.size == Size(1108, 832)
    assert not form.takes_alpha
    assert frame_form(chosen(request(WAN27)), request(WAN27)).size is None


@pytest.mark.parametrize(
    ("name", "least_px", "most_px"),
    [
        ("wan2.7-i2v", 240, 8000),
        ("wan2.2-kf2v-flash", 240, 8000),
        ("wan3.0-video", 240, 8000),
        ("happyhorse-1.1-i2v", 300, None),
        ("kling/kling-v3-video-generation", 300, 8000),
        ("pixverse/pixverse-v6-it2v", 0, None),
        ("vidu/viduq3-pro_img2video", 0, None),
    ],
)
def test_a_frame_has_the_sides_that_its_page_allows(
    name: str, least_px: int, most_px: int | None
) -> None:
    form = frame_form(MODELS[name], request(SORA))

    assert (form.least_side_px, form.most_side_px) == (least_px, most_px)


@pytest.mark.parametrize(
    ("asked", "param"),
    [
        (request(WAN22, duration_s=8), "duration"),
        (request(HAPPYHORSE, last_frame=LAST), "input.last_frame_url"),
        (request(HAPPYHORSE, size=Size(1280, 320)), "size"),
        (request(WAN22, generate_audio=True), "generate_audio"),
    ],
)
def test_what_no_upstream_model_can_do_is_named_by_its_field(
    asked: VideoRequest, param: str
) -> None:
    found = misfit(chosen(asked), asked)

    assert isinstance(found, BadField)
    assert found.param == param


def test_a_tier_that_the_operators_model_lacks_is_a_misfit() -> None:
    plus = MODELS["wan2.2-i2v-plus"]

    assert misfit(plus, request(WAN22, tier="480P")) is None
    found = misfit(plus, request(WAN22, tier="720P"))
    assert found is not None
    assert found.param == "resolution"


def test_the_pair_model_needs_a_last_frame() -> None:
    assert isinstance(misfit(MODELS["wan2.2-kf2v-flash"], request(WAN22)), MissingField)


@pytest.mark.parametrize("seconds", [4, 8, 12])
def test_every_length_of_sora_fits_its_stand_in(seconds: int) -> None:
    asked = request(SORA, duration_s=seconds)

    assert misfit(chosen(asked), asked) is None
    assert body(asked)["model"] == "wan2.7-i2v"


def test_a_model_with_an_audio_switch_is_told() -> None:
    flash = MODELS["wan2.6-i2v-flash"]

    assert body(request(WAN27, generate_audio=False), flash)["parameters"]["audio"] is False
    assert "audio" not in body(request(WAN27, generate_audio=False))["parameters"]


def test_prompts_are_cut_where_the_upstream_would_cut_them() -> None:
    wan = body(request(WAN22, prompt="走" * 900, negative_prompt="x" * 600))["input"]
    horse = body(request(HAPPYHORSE, prompt="走" * 3000))["input"]
    latin = body(request(HAPPYHORSE, prompt="x" * 6000))["input"]

    assert len(wan["prompt"]) == 800
    assert len(wan["negative_prompt"]) == 500
    assert len(horse["prompt"]) == 2500
    assert len(latin["prompt"]) == 5000


def test_a_dated_snapshot_is_its_model_under_its_own_name() -> None:
    snapshot = known("wan2.7-i2v-2026-04-25")

    assert snapshot is not None
    assert body(request(WAN27), snapshot)["model"] == "wan2.7-i2v-2026-04-25"
    assert known("wan9-i2v") is None


def answer(word: str, **output: object) -> dict[str, Any]:
    return {"request_id": "r", "output": {"task_id": "t", "task_status": word, **output}}


def test_states_become_verdicts() -> None:
    assert verdict_of(answer("PENDING")) == Waiting()
    assert verdict_of(answer("RUNNING")) == Running()
    assert verdict_of(answer("UNKNOWN")) == UNKNOWN
    failed = answer("FAILED", code="DataInspectionFailed", message="bad output")
    assert verdict_of(failed) == Failed("DataInspectionFailed", "bad output")


def test_usage_is_read_as_numbers_however_it_is_written() -> None:
    done = answer("SUCCEEDED", video_url="https://v/1.mp4")
    done["usage"] = {"duration": 5.0, "SR": "720", "video_count": 1, "audio": True, "r": "std"}

    assert verdict_of(done) == Done("https://v/1.mp4", {"duration": 5, "SR": 720, "video_count": 1})


def test_what_no_document_says_is_never_a_success() -> None:
    with pytest.raises(Odd):
        verdict_of(answer("BLESSED", video_url="https://v/1.mp4"))

    assert verdict_of({"output": {}}) is None


def test_a_success_whose_link_is_not_there_yet_has_none() -> None:
    assert verdict_of(answer("SUCCEEDED")) == Done()


def test_a_negative_prompt_is_refused_where_the_model_has_none() -> None:
    asked = request(WAN22, duration_s=5, tier="720P", negative_prompt="blur")

    found = misfit(MODELS["happyhorse-1.0-i2v"], asked)

    assert found is not None
    assert found.param == "negative_prompt"
    assert misfit(MODELS["wan2.7-i2v"], asked) is None
