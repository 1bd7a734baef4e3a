"""A canonical request in MiniMax's words, and its words as verdicts and as answers to a submit."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from support.requests import MINIMAX
from support.upstream_requests import LAST, request
from unstill.domain.errors import BadSetting
from unstill.domain.request import Size, VideoRequest
from unstill.engines.minimax.engine import BASE_URL, CODES
from unstill.upstreams.minimax_models import MODELS, body_of, misfit
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
from unstill.upstreams.replies import Odd, Reply
from unstill.upstreams.submit_answers import judged
from unstill.upstreams.task_answers import verdict_in
from unstill.upstreams.usage import billed_seconds

H3, MAX = MODELS["MiniMax-H3"], MODELS["MiniMax-H3-Max"]


def asked_for(**changes: Any) -> VideoRequest:
    return request(MINIMAX, **{"tier": "768P"} | changes)


def test_two_frames_and_a_mark_are_sent_in_its_documents_words() -> None:
    asked = asked_for(tier="2K", duration_s=15, last_frame=LAST, watermark=True)

    assert body_of(H3, asked, {"first": "data:1", "last": "data:2"}) == {
        "model": "MiniMax-H3",
        "content": [
            {"type": "text", "text": "walk"},
            {"type": "image_url", "image_url": {"url": "data:1"}, "role": "first_frame"},
            {"type": "image_url", "image_url": {"url": "data:2"}, "role": "last_frame"},
        ],
        "resolution": "2K",
        "duration": 15,
        "ratio": "adaptive",
        "aigc_watermark": True,
    }


def test_neither_seed_nor_sound_is_said() -> None:
    body = body_of(H3, asked_for(generate_audio=False), {"first": "data:1"})

    assert body.keys() == {
        "model",
        "content",
        "resolution",
        "duration",
        "ratio",
        "aigc_watermark",
    }


@pytest.mark.parametrize(
    ("size", "tier"),
    [(Size(1344, 768), "768P"), (Size(2560, 1440), "2K"), (Size(640, 480), "768P")],
)
def test_an_exact_size_is_the_nearest_tier(size: Size, tier: str) -> None:
    assert body_of(H3, asked_for(size=size), {"first": "data:1"})["resolution"] == tier


@pytest.mark.parametrize(
    ("changes", "param"),
    [
        ({"duration_s": 3}, "duration"),
        ({"duration_s": 16}, "duration"),
        ({"tier": "720P"}, "resolution"),
        ({"tier": "480P"}, "resolution"),
        ({"prompt": " "}, "prompt"),
        ({"prompt": "x" * 7001}, "prompt"),
        ({"negative_prompt": "blur"}, "negative_prompt"),
        ({"size": Size(1302, 520)}, "size"),
    ],
)
def test_what_h3_cannot_do_is_named_by_its_field(changes: dict[str, Any], param: str) -> None:
    found = misfit(H3, asked_for(**changes))

    assert found is not None
    assert found.param == param


@pytest.mark.parametrize(
    "changes",
    [
        {"duration_s": 4},
        {"duration_s": 15, "tier": "2K"},
        {"prompt": "x" * 7000},
        {"size": Size(1300, 520)},
        {"generate_audio": True, "watermark": True, "last_frame": LAST},
        {"generate_audio": False},
    ],
)
def test_what_h3_can_do_is_no_misfit(changes: dict[str, Any]) -> None:
    assert misfit(H3, asked_for(**changes)) is None


def test_max_has_other_lengths_and_tiers() -> None:
    assert misfit(MAX, asked_for(duration_s=4)) is not None
    assert misfit(MAX, asked_for(duration_s=5, tier="480P")) is None
    assert misfit(MAX, asked_for(tier="2K")) is not None


# --- where it is asked ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "base_url",
    ["https://api.minimax.io", "https://api.minimaxi.com", "https://api.novita.ai/v3/minimax"],
)
def test_a_host_alone_or_a_path_of_a_resellers_own_is_its_address(base_url: str) -> None:
    assert BASE_URL.checked(base_url, "ours", has_key=True) == base_url


@pytest.mark.parametrize(
    "base_url",
    [
        "https://api.minimax.io/v1",
        "https://api.minimax.io/v2/video_generation",
        "http://api.minimax.io",
    ],
)
def test_an_address_that_goes_on_is_told_what_to_write(base_url: str) -> None:
    with pytest.raises(BadSetting, match="https://") as caught:
        BASE_URL.checked(base_url, "ours", has_key=True)

    assert caught.value.setting == "engines.ours.base_url"


# --- answers -------------------------------------------------------------------------------------


def answered(status: int, code: str) -> Submission:
    error = {"type": code, "message": "no", "http_code": str(status)}
    body = {"type": "error", "error": error, "request_id": "021"}
    return judged(Reply(status, msgspec.json.encode(body)), CODES)


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, "bad_request_error", Rejected),
        (401, "authorized_error", Refused),
        (402, "insufficient_balance_error", Refused),
        (422, "unprocessable_entity_error", Rejected),
        (429, "rate_limit_error", Busy),
        (500, "server_error", Doubt),
    ],
)
def test_each_documented_code_is_sorted(status: int, code: str, kind: type[Submission]) -> None:
    found = answered(status, code)

    assert isinstance(found, kind)
    assert getattr(found, "code", code) == code
    assert not isinstance(found, Refused) or found.of_account


def test_an_empty_account_is_one_whatever_the_status() -> None:
    found = answered(429, "insufficient_balance_error")

    assert isinstance(found, Refused)
    assert found.of_account


def test_an_id_is_taken_and_an_error_of_the_older_api_in_a_200_is_not() -> None:
    older = b'{"task_id":"","base_resp":{"status_code":1008,"status_msg":"insufficient balance"}}'

    assert judged(Reply(200, b'{"task_id":"424010985"}'), CODES) == Accepted("424010985")
    assert isinstance(judged(Reply(200, older), CODES), Refused)


@pytest.mark.parametrize(
    ("code", "words", "kind"),
    [
        (1002, "please wait", Busy),
        (1004, "login fail: please carry the secret", Refused),
        (1008, "no", Refused),
        (2049, "no", Refused),
        (2013, "invalid params", Rejected),
        (1000, "unknown error", Doubt),
    ],
)
def test_the_older_apis_codes_of_the_key_the_bill_and_the_rate_are_known_in_a_200(
    code: int, words: str, kind: type[Submission]
) -> None:
    body = {"task_id": "", "base_resp": {"status_code": code, "status_msg": words}}
    found = judged(Reply(200, msgspec.json.encode(body)), CODES)

    assert isinstance(found, kind)
    assert not isinstance(found, Refused) or found.of_account


def task(status: str, **fields: object) -> dict[str, Any]:
    return {"task": {"id": "42", "model": "MiniMax-H3", "status": status, **fields}}


def test_states_become_verdicts() -> None:
    usage = {"total_seconds": 5, "output_seconds": 5}
    done = verdict_in(task("succeeded", content={"url": "https://v/a"}, usage=usage), ticket="42")

    assert verdict_in(task("queued"), ticket="42") == Waiting()
    assert verdict_in(task("running"), ticket="42") == Running()
    assert done == Done("https://v/a", dict(usage))
    assert isinstance(done, Done)
    assert billed_seconds(done.usage) == 5
    error = {"code": "1026", "message": "sensitive"}
    assert verdict_in(task("failed", error=error), ticket="42") == Failed("1026", "sensitive")
    for state in ("cancelled", "expired"):
        found = verdict_in(task(state), ticket="42")
        assert isinstance(found, Failed)
        assert found.code == state
    with pytest.raises(Odd):
        verdict_in(task("under_review"), ticket="42")
