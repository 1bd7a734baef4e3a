"""A canonical request for each kind of /v1/videos server, and its job objects as verdicts."""

from typing import Any, get_args

import pytest

from support.requests import SORA, WAN22, WAN27
from support.upstream_requests import LAST, request
from unstill.domain.request import Size, VideoRequest
from unstill.engines.openai_videos.servers import (
    SERVERS,
    ServerKind,
    fields_of,
    frame_form,
    misfit,
    size_of,
    verdict_of,
)
from unstill.upstreams.port import Done, Failed, Gone, Running, Waiting
from unstill.upstreams.replies import Odd

OPENAI, UNIFIED = SERVERS["openai"], SERVERS["unified"]
SGLANG, VLLM = SERVERS["sglang"], SERVERS["vllm-omni"]
HD = Size(1280, 720)


def test_every_kind_has_its_row() -> None:
    assert set(SERVERS) == set(get_args(ServerKind))


def test_openai_gets_the_documented_fields_alone() -> None:
    asked = request(SORA, negative_prompt="blur", generate_audio=False)

    fields = fields_of(OPENAI, "sora-2-pro", asked, HD)

    assert fields == {
        "model": "sora-2-pro",
        "prompt": "walk",
        "seconds": "4",
        "size": "1280x720",
    }


def test_unified_gets_the_seed_the_sound_switch_and_seconds_as_text() -> None:
    fields = fields_of(UNIFIED, "wan2.7-i2v", request(WAN27, generate_audio=False), HD)

    assert fields == {
        "model": "wan2.7-i2v",
        "prompt": "walk",
        "seconds": "5",
        "size": "1280x720",
        "seed": 7,
        "generate_audio": False,
    }


def test_a_server_with_its_own_weights_is_told_no_model_unless_the_operator_says_one() -> None:
    assert "model" not in fields_of(VLLM, "", request(WAN22), HD)
    assert fields_of(VLLM, "wan", request(WAN22), HD)["model"] == "wan"
    assert fields_of(VLLM, "", request(WAN27, generate_audio=True), HD)["generate_sound"] is True


def test_openai_gets_the_nearest_size_it_sells_and_a_frame_of_just_that_size() -> None:
    upright = size_of(OPENAI, "sora-2-pro", request(SORA), Size(816, 1104))
    large = size_of(OPENAI, "sora-2-pro", request(SORA, tier="1080P"), Size(1080, 1920))

    assert upright == Size(720, 1280)
    assert large == Size(1080, 1920)
    assert frame_form(OPENAI, upright).size == upright


def test_unified_gets_the_nearest_size_of_the_tier() -> None:
    assert size_of(UNIFIED, "wan2.7-i2v", request(WAN27), Size(816, 1104)) == Size(832, 1088)
    assert size_of(UNIFIED, "wan2.7-i2v", request(WAN27), Size(1920, 1072)) == Size(1920, 1080)


def test_an_exact_size_is_sent_as_it_is() -> None:
    asked = request(WAN27, size=Size(640, 480))

    assert size_of(UNIFIED, "wan2.7-i2v", asked, Size(640, 480)) == Size(640, 480)


@pytest.mark.parametrize(
    ("model", "asked", "param"),
    [
        ("sora-2-pro", request(WAN22, duration_s=5), "duration"),
        ("sora-2-pro", request(SORA, size=Size(640, 480)), "size"),
        ("sora-2", request(SORA, tier="1080P"), "resolution"),
        ("sora-2-pro", request(SORA, tier="768P"), "resolution"),
        ("sora-2-pro", request(SORA, tier="4K"), "resolution"),
        ("sora-2-pro", request(SORA, prompt=""), "prompt"),
        ("sora-2-pro", request(WAN22, last_frame=LAST), "input.last_frame_url"),
    ],
)
def test_what_openais_contract_cannot_do_is_named_by_its_field(
    model: str, asked: VideoRequest, param: str
) -> None:
    found = misfit(OPENAI, model, asked)

    assert found is not None
    assert found.param == param


@pytest.mark.parametrize("kind", list(SERVERS))
def test_a_watermark_that_no_server_draws_is_refused_not_forgotten(kind: ServerKind) -> None:
    found = misfit(SERVERS[kind], "", request(WAN27, watermark=True, duration_s=4))

    assert found is not None
    assert found.param == "watermark"
    assert misfit(SGLANG, "", request(WAN27, watermark=False)) is None


def test_an_own_server_takes_any_length_size_and_tier() -> None:
    asked = request(WAN22, duration_s=8, size=Size(640, 480))

    assert misfit(SGLANG, "", asked) is None
    assert misfit(SGLANG, "", request(WAN22, tier="4K")) is None


def test_a_gateway_is_asked_for_no_tier_without_a_documented_size() -> None:
    found = misfit(UNIFIED, "wan2.7-i2v", request(WAN27, tier="2K"))

    assert found is not None
    assert (found.param, found.allowed) == ("resolution", "480P or 720P or 1080P")
    assert misfit(UNIFIED, "wan2.7-i2v", request(WAN27, tier="1080P")) is None


def job(status: str, **fields: object) -> dict[str, Any]:
    return {"id": "v", "object": "video", "status": status, **fields}


@pytest.mark.parametrize(
    ("word", "verdict"),
    [
        ("queued", Waiting()),
        ("NOT_START", Waiting()),
        ("IN_PROGRESS", Running()),
        ("completed", Done()),
        ("SUCCESS", Done()),
        ("cancelled", Failed("cancelled", "the task was cancelled at the upstream")),
    ],
)
def test_state_words_are_read_in_every_dialect(word: str, verdict: object) -> None:
    assert verdict_of(UNIFIED, 200, job(word)) == verdict


def test_a_failed_job_in_a_non_200_answer_is_a_failure() -> None:
    failed = job("failed", error={"code": 500, "message": "out of memory"})

    assert verdict_of(VLLM, 500, failed) == Failed("500", "out of memory")


def test_errors_may_be_text_or_without_code() -> None:
    assert verdict_of(UNIFIED, 200, job("FAILURE", error="bad frame")) == Failed(
        "failed", "bad frame"
    )
    assert verdict_of(SGLANG, 200, job("failed", error={"message": "no"})) == Failed("failed", "no")


def test_a_404_is_the_end_only_where_jobs_are_kept_in_memory() -> None:
    missing = {"detail": "Video not found"}

    assert isinstance(verdict_of(SGLANG, 404, missing), Gone)
    assert isinstance(verdict_of(VLLM, 404, missing), Gone)
    assert verdict_of(OPENAI, 404, missing) is None
    assert verdict_of(SGLANG, 404, {}) is None  # a proxy's page


def test_an_error_answer_without_a_job_says_nothing() -> None:
    assert verdict_of(VLLM, 503, {"error": {"message": "busy"}}) is None


def test_progress_is_believed_between_its_ends() -> None:
    assert verdict_of(SGLANG, 200, job("in_progress", progress=40)) == Running(0.4)
    assert verdict_of(VLLM, 200, job("in_progress", progress=0)) == Running()


def test_a_video_may_be_kept_elsewhere() -> None:
    done = job("completed", url="https://bucket/v.mp4", seconds="5")

    assert verdict_of(SGLANG, 200, done) == Done("https://bucket/v.mp4")
    assert verdict_of(OPENAI, 200, done) == Done("https://bucket/v.mp4")


def test_a_length_is_billed_as_a_usage_tells_it_and_not_as_the_request_is_said_back() -> None:
    told = job("completed", url="https://bucket/v.mp4", seconds="5", usage={"duration": 4})

    assert verdict_of(OPENAI, 200, told) == Done("https://bucket/v.mp4", {"duration": 4})


def test_an_unknown_state_word_is_an_error() -> None:
    with pytest.raises(Odd):
        verdict_of(OPENAI, 200, job("blessed"))


def test_a_negative_prompt_is_refused_where_the_server_has_none() -> None:
    asked = request(WAN27, duration_s=4, tier="720P", negative_prompt="blur")

    found = misfit(OPENAI, "sora-2-pro", asked)

    assert found is not None
    assert found.param == "negative_prompt"
    assert misfit(UNIFIED, "wan2.7-i2v", asked) is None


def test_a_prompt_that_is_not_to_be_rewritten_is_refused_where_all_are() -> None:
    plain = request(WAN27, options={"prompt_extend": False})

    found = misfit(UNIFIED, "wan2.7-i2v", plain)

    assert found is not None
    assert (found.param, found.got) == ("prompt_extend", False)
    assert misfit(VLLM, "", plain) is None


def test_sound_is_refused_where_nothing_says_that_there_will_be_any() -> None:
    loud = request(WAN27, generate_audio=True)

    found = misfit(SGLANG, "", loud)

    assert found is not None
    assert (found.param, found.got) == ("generate_audio", True)
    assert misfit(VLLM, "", loud) is None
    assert misfit(SGLANG, "", request(WAN27, generate_audio=False)) is None


@pytest.mark.parametrize(
    ("asked", "param"),
    [
        (request(SORA, tier="1080P"), "resolution"),
        (request(SORA, size=Size(1792, 1024)), "size"),
        (request(WAN27, duration_s=5), "duration"),
        (request(SORA, negative_prompt="blur"), "negative_prompt"),
    ],
)
def test_a_gateways_sora_keeps_to_soras_contract(asked: VideoRequest, param: str) -> None:
    found = misfit(UNIFIED, "sora-2", asked)

    assert found is not None
    assert found.param == param


def test_a_gateways_sora_is_sent_what_soras_contract_has() -> None:
    size = size_of(UNIFIED, "sora-2", request(SORA), Size(816, 1104))

    assert fields_of(UNIFIED, "sora-2", request(SORA), size) == {
        "model": "sora-2",
        "prompt": "walk",
        "seconds": "4",
        "size": "720x1280",
    }
