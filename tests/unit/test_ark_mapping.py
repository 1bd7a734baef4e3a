"""A canonical request in Ark's words, and Ark's words as verdicts and as answers to a submit."""

from __future__ import annotations

import re
from typing import Any

import msgspec
import pytest

from support.requests import SORA
from support.upstream_requests import LAST, request
from unstill.domain.errors import BadSetting
from unstill.domain.request import Size, VideoRequest
from unstill.engines.ark.engine import CODES, ArkEngine
from unstill.net.fetcher import Fetcher
from unstill.upstreams.ark_models import ABROAD, MODELS, body_of, frame_form, misfit
from unstill.upstreams.port import (
    Accepted,
    Busy,
    Done,
    Doubt,
    Failed,
    Refused,
    Rejected,
    Running,
    Submission,
    Waiting,
)
from unstill.upstreams.rate_limits import Accounts
from unstill.upstreams.replies import Odd, Reply
from unstill.upstreams.setup import RemoteSetup
from unstill.upstreams.submit_answers import judged
from unstill.upstreams.task_answers import verdict_in

FRAMES = {"first": "data:1", "last": "data:2"}
S25, S20, S15, S10 = (
    "doubao-seedance-2-5-260628",
    "doubao-seedance-2-0-260128",
    "doubao-seedance-1-5-pro-251215",
    "doubao-seedance-1-0-pro-250528",
)
FIRST_PART = {"type": "image_url", "image_url": {"url": "data:1"}, "role": "first_frame"}
LAST_PART = {"type": "image_url", "image_url": {"url": "data:2"}, "role": "last_frame"}


def body(asked: VideoRequest, model: str) -> dict[str, Any]:
    frames = {frame.role: FRAMES[frame.role] for frame in asked.frames}
    return body_of(MODELS[model], asked, frames)


def test_sora_is_asked_of_seedance_in_its_documents_words() -> None:
    assert body(request(SORA, duration_s=12, tier="1080P"), S20) == {
        "model": S20,
        "content": [{"type": "text", "text": "walk"}, FIRST_PART],
        "resolution": "1080p",
        "ratio": "adaptive",
        "duration": 12,
        "watermark": False,
        "generate_audio": True,
    }


def test_two_frames_have_both_roles_and_what_is_said_of_mark_and_sound_is_sent() -> None:
    asked = request(SORA, prompt=" ", last_frame=LAST, watermark=True, generate_audio=False)

    assert body(asked, S25) == {
        "model": S25,
        "content": [FIRST_PART, LAST_PART],
        "resolution": "720p",
        "ratio": "adaptive",
        "duration": 4,
        "watermark": True,
        "generate_audio": False,
    }


def test_the_oldest_has_a_seed_and_no_sound() -> None:
    asked = body(request(SORA, duration_s=2), S10)

    assert asked["seed"] == 7
    assert "generate_audio" not in asked
    assert "seed" not in body(request(SORA), S20)


def test_an_exact_size_is_a_frame_of_its_shape_in_the_nearest_tier() -> None:
    asked = request(SORA, size=Size(1920, 1440))

    assert body(asked, S20)["resolution"] == "1080p"
    assert body(asked, S15)["resolution"] == "720p"
    form = frame_form(MODELS[S20], asked)
    assert form.size is not None
    assert form.size.width / form.size.height == pytest.approx(4 / 3, abs=0.01)
    assert frame_form(MODELS[S20], request(SORA)).size is None
    assert frame_form(MODELS[S20], request(SORA)).most_ratio == 2.5


@pytest.mark.parametrize(
    ("model", "least_s", "most_s"), [(S25, 4, 30), (S20, 4, 15), (S15, 4, 12), (S10, 2, 12)]
)
def test_a_length_beyond_its_range_is_refused(model: str, least_s: int, most_s: int) -> None:
    for length_s in (least_s, most_s):
        assert misfit(MODELS[model], request(SORA, duration_s=length_s)) is None
    for length_s in (least_s - 1, most_s + 1):
        found = misfit(MODELS[model], request(SORA, duration_s=length_s))
        assert found is not None
        assert found.param == "duration"


@pytest.mark.parametrize(
    ("model", "changes", "param"),
    [
        (S25, {"tier": "4K"}, "resolution"),
        (S15, {"tier": "1080P"}, "resolution"),
        (S20, {"tier": "768P"}, "resolution"),
        (S20, {"negative_prompt": "blur"}, "negative_prompt"),
        (S20, {"size": Size(1302, 520)}, "size"),
        (S20, {"size": Size(520, 1302)}, "size"),
        (S10, {"generate_audio": True}, "generate_audio"),
        ("doubao-seedance-1-0-pro-fast-251015", {"last_frame": LAST}, "input.last_frame_url"),
    ],
)
def test_what_the_model_cannot_do_is_named_by_its_field(
    model: str, changes: dict[str, Any], param: str
) -> None:
    found = misfit(MODELS[model], request(SORA, **changes))

    assert found is not None
    assert found.param == param


@pytest.mark.parametrize(
    ("model", "changes"),
    [
        (S20, {"tier": "4K"}),
        (S25, {"tier": "1080P", "last_frame": LAST}),
        (S20, {"size": Size(1300, 520)}),
        (S10, {"generate_audio": False}),
        (S20, {"generate_audio": True, "watermark": True}),
    ],
)
def test_what_the_model_can_do_is_no_misfit(model: str, changes: dict[str, Any]) -> None:
    assert misfit(MODELS[model], request(SORA, **changes)) is None


# --- which model, by host and setting ------------------------------------------------------------


@pytest.mark.parametrize(
    ("base_url", "models", "name"),
    [
        ("https://ark.cn-beijing.volces.com/api/v3", {}, S20),
        ("https://ark.ap-southeast.bytepluses.com/api/v3", {}, "dreamina-seedance-2-0-260128"),
        ("http://127.0.0.1:1/api/v3", {}, S20),
        ("https://ark.ap-southeast.bytepluses.com", {SORA: S25}, S25),
        ("https://ark.cn-beijing.volces.com", {SORA: "ep-2026-x"}, "ep-2026-x"),
    ],
)
def test_the_host_says_whose_names_unless_the_operator_does(
    base_url: str, models: dict[str, str], name: str
) -> None:
    assert made(base_url, models).upstream_model(request(SORA)) == name


@pytest.mark.parametrize(
    "base_url",
    [
        "https://ark.cn-beijing.volces.com/api/v1",
        "https://ark.cn-beijing.volces.com/api/v3/contents/generations/tasks",
        "http://ark.ap-southeast.bytepluses.com/api/v3",
    ],
)
def test_an_address_that_is_another_is_refused(base_url: str) -> None:
    with pytest.raises(BadSetting, match=re.escape("engines.ours.base_url")):
        made(base_url, {})


def test_an_endpoint_has_the_ranges_of_the_model_that_would_be_chosen() -> None:
    of_endpoint = made("https://ark.cn-beijing.volces.com", {SORA: "ep-1"})

    assert of_endpoint.misfit(request(SORA, duration_s=15)) is None
    assert of_endpoint.misfit(request(SORA, duration_s=16)) is not None
    with pytest.raises(BadSetting, match="ep-1"):
        made("https://ark.cn-beijing.volces.com", {"wan2.7-i2v": "ep-1"})


def test_each_model_has_its_name_abroad() -> None:
    assert len(MODELS) == 2 * len(ABROAD)
    assert ABROAD["doubao-seedance-1-5-pro-251215"] == "seedance-1-5-pro-251215"


def made(base_url: str, models: dict[str, str]) -> ArkEngine:
    return ArkEngine(
        RemoteSetup(
            name="ours",
            base_url=base_url,
            api_key="k",
            accounts=Accounts(),
            fetcher=Fetcher(),
            models=models,
        )
    )


# --- answers -------------------------------------------------------------------------------------


def answered(status: int, code: str, message: str = "No. Request id: 021") -> Submission:
    error = {"error": {"code": code, "message": message, "param": "", "type": "x"}}
    return judged(Reply(status, msgspec.json.encode(error)), CODES)


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (401, "AuthenticationError"),
        (403, "AccountOverdueError"),
        (403, "ServiceOverdue"),
        (403, "ServiceNotOpen"),
        (403, "AccessDenied"),
        (429, "QuotaExceeded"),
        (429, "SetLimitExceeded"),
    ],
)
def test_trouble_of_the_account_is_the_accounts_also_behind_a_429(status: int, code: str) -> None:
    found = answered(status, code)

    assert isinstance(found, Refused)
    assert found.of_account


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (404, "ModelNotOpen", Refused),
        (404, "InvalidEndpointOrModel.NotFound", Refused),
        (429, "RateLimitExceeded.EndpointRPMExceeded", Busy),
        (429, "RateLimitExceeded.EndpointTPMExceeded", Busy),
        (429, "ServerOverloaded", Busy),
        (400, "MissingParameter", Rejected),
        (400, "InvalidParameter.TaskTypeConstraint", Rejected),
        (400, "InputTextSensitiveContentDetected", Rejected),
        (400, "InputImageSensitiveContentDetected.PrivacyInformation", Rejected),
        (500, "InternalServiceError", Doubt),
        (503, "InternalServiceError", Doubt),
    ],
)
def test_each_documented_code_is_sorted(status: int, code: str, kind: type[Submission]) -> None:
    found = answered(status, code)

    assert isinstance(found, kind)
    assert not (isinstance(found, Refused) and found.of_account)


def test_an_id_is_taken_and_nothing_is_a_doubt() -> None:
    taken = judged(Reply(200, b'{"id":"cgt-20261128101112-abcde"}'), CODES)

    assert taken == Accepted("cgt-20261128101112-abcde")
    assert isinstance(judged(Reply(200, b"{}"), CODES), Doubt)


def task(status: str, **fields: object) -> dict[str, Any]:
    usage = {"completion_tokens": 108_900, "total_tokens": 108_900}
    return {"id": "cgt-1", "model": S20, "status": status, "error": None, "usage": usage, **fields}


def test_states_become_verdicts() -> None:
    used: dict[str, int | float] = {"completion_tokens": 108_900, "total_tokens": 108_900}
    error = {"code": "OutputVideoSensitiveContentDetected", "message": "blocked"}

    assert verdict_in(task("queued"), ticket="cgt-1") == Waiting()
    assert verdict_in(task("running"), ticket="cgt-1") == Running()
    assert verdict_in(task("processing"), ticket="cgt-1") == Running()
    content = {"video_url": "https://v/a.mp4", "last_frame_url": "https://v/a.png"}
    assert verdict_in(task("succeeded", content=content)) == Done("https://v/a.mp4", used)
    assert verdict_in(task("succeeded", content=None)) == Done(None, used)
    assert verdict_in(task("failed", error=error)) == Failed(error["code"], "blocked", used)
    for state in ("cancelled", "expired"):
        found = verdict_in(task(state))
        assert isinstance(found, Failed)
        assert found.code == state
    with pytest.raises(Odd):
        verdict_in(task("under_review"), ticket="cgt-1")
