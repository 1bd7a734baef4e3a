"""What is sent to Runware, and what its answers come to."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from support.requests import HAPPYHORSE, MINIMAX, SEEDANCE20, SEEDANCE25, SORA, WAN27
from support.upstream_requests import LAST, request
from unstill.domain.request import Size
from unstill.engines.runware.answers import submission_of, verdict_of
from unstill.engines.runware.models import CHOICES, MODELS, frame_form, misfit, task_of
from unstill.upstreams.port import (
    Accepted,
    Busy,
    Done,
    Doubt,
    Failed,
    Gone,
    Refused,
    Rejected,
    Running,
    Unclear,
    Waiting,
    not_taken,
)
from unstill.upstreams.replies import Reply
from unstill.upstreams.settling import as_repeated
from unstill.upstreams.vocabulary import BUILT_IN

KEY = "0b1c7f3e-2f43-4c8e-9d1b-4f7a3c1d2e5f"
OTHER = "11111111-2f43-4c8e-9d1b-4f7a3c1d2e5f"
WAN, HORSE = MODELS["alibaba:wan@2.7"], MODELS["alibaba:happyhorse@1.0"]
URLS = {"first": "data:1", "last": "data:2"}


def reply(status: int = 200, *, data: Any = None, errors: Any = None) -> Reply:
    body = {"data": [] if data is None else data, "errors": [] if errors is None else errors}
    return Reply(status, msgspec.json.encode(body))


MADE_FOR_NO_NUMBER = Reply(
    200,
    f'{{"data":[{{"taskUUID":"{KEY}","status":"success","videoURL":"https://v/1.mp4","cost":1e400}}]}}'.encode(),
)


def error(code: str, key: str | None = KEY) -> dict[str, str]:
    about = {} if key is None else {"taskUUID": key}
    return {"code": code, "message": "so it is"} | about


def test_a_task_has_its_frames_and_neither_width_nor_height() -> None:
    task = task_of(WAN, request(WAN27, last_frame=LAST, size=Size(720, 1280)), URLS, KEY)  # type: ignore[arg-type]

    assert task["inputs"]["frameImages"] == [
        {"image": "data:1", "frame": "first"},
        {"image": "data:2", "frame": "last"},
    ]
    assert (task["taskUUID"], task["resolution"], task["seed"]) == (KEY, "720p", 7)
    assert not {"width", "height", "negativePrompt"} & task.keys()


def test_an_empty_prompt_and_no_seed_are_left_out() -> None:
    task = task_of(WAN, request(WAN27, prompt="", seed=None), URLS, KEY)  # type: ignore[arg-type]

    assert not {"positivePrompt", "seed"} & task.keys()


@pytest.mark.parametrize(
    ("model", "changes", "param"),
    [
        (WAN, {"duration_s": 1}, "duration"),
        (WAN, {"duration_s": 2}, None),
        (WAN, {"duration_s": 15}, None),
        (WAN, {"duration_s": 16}, "duration"),
        (HORSE, {"duration_s": 2}, "duration"),
        (WAN, {"tier": "480P"}, "resolution"),
        (WAN, {"tier": "1080P"}, None),
        (WAN, {"last_frame": LAST}, None),
        (HORSE, {"last_frame": LAST}, LAST.param),
        (WAN, {"negative_prompt": "blur"}, "negative_prompt"),
        (WAN, {"watermark": True}, "watermark"),
        (WAN, {"generate_audio": True}, None),
        (WAN, {"options": {"prompt_extend": False}}, "prompt_extend"),
    ],
)
def test_what_a_model_cannot_do_is_a_misfit(
    model: Any, changes: dict[str, Any], param: str | None
) -> None:
    found = misfit(model, request(HAPPYHORSE if model is HORSE else WAN27, **changes))

    assert (None if found is None else found.param) == param


SEEDANCE, NEWER = MODELS["bytedance:seedance@2.0"], MODELS["bytedance:seedance@2.5"]
H3, H3_MAX = MODELS["minimax:h3@0"], MODELS["minimax:h3@max"]


@pytest.mark.parametrize("name", [SORA, SEEDANCE20, SEEDANCE25])
@pytest.mark.parametrize(("sound", "said"), [(None, True), (True, True), (False, False)])
def test_seedance_is_told_of_the_sound_and_of_no_seed(
    name: str,
    sound: bool | None,  # noqa: FBT001
    said: bool,  # noqa: FBT001
) -> None:
    asked = request(name, duration_s=8, generate_audio=sound, last_frame=LAST)
    task = task_of(MODELS[CHOICES[name]], asked, URLS, KEY)  # type: ignore[arg-type]

    assert task["settings"] == {"audio": said}
    assert task["resolution"] == "720p"
    assert [each["frame"] for each in task["inputs"]["frameImages"]] == ["first", "last"]
    assert not {"seed", "width", "height"} & task.keys()


@pytest.mark.parametrize(("tier", "said"), [("768P", "768p"), ("2K", "1440p")])
def test_h3_has_words_of_its_own_for_its_tiers(tier: str, said: str) -> None:
    task = task_of(H3, request(MINIMAX, tier=tier, generate_audio=False), {"first": "data:1"}, KEY)

    assert (task["resolution"], task["seed"]) == (said, 7)
    assert "settings" not in task


@pytest.mark.parametrize(
    ("model", "changes", "param"),
    [
        (SEEDANCE, {"duration_s": 3}, "duration"),
        (SEEDANCE, {"duration_s": 4, "tier": "4K"}, None),
        (SEEDANCE, {"duration_s": 16}, "duration"),
        (SEEDANCE, {"prompt": " "}, "prompt"),
        (SEEDANCE, {"size": Size(1600, 640)}, None),
        (SEEDANCE, {"size": Size(1602, 640)}, "size"),
        (NEWER, {"prompt": ""}, None),
        (NEWER, {"prompt": "x"}, "prompt"),
        (NEWER, {"prompt": "xx"}, None),
        (NEWER, {"prompt": "x" * 10_000}, None),
        (NEWER, {"prompt": "x" * 10_001}, "prompt"),
        (NEWER, {"duration_s": 30}, None),
        (NEWER, {"duration_s": 31}, "duration"),
        (NEWER, {"tier": "4K"}, "resolution"),
        (NEWER, {"watermark": True}, "watermark"),
        (H3, {"tier": "2K", "duration_s": 5}, None),
        (H3, {"tier": "2K", "duration_s": 4}, "duration"),
        (H3, {"tier": "480P"}, "resolution"),
        (H3, {"tier": "768P", "prompt": ""}, "prompt"),
        (H3, {"tier": "768P", "prompt": "x" * 7001}, "prompt"),
        (H3, {"tier": "768P", "last_frame": LAST}, None),
        (H3_MAX, {"tier": "480P"}, None),
        (H3_MAX, {"tier": "2K"}, "resolution"),
    ],
)
def test_what_a_newer_model_cannot_do_is_a_misfit(
    model: Any, changes: dict[str, Any], param: str | None
) -> None:
    found = misfit(model, request(SEEDANCE25, **changes))

    assert (None if found is None else found.param) == param


def test_frames_are_as_the_maker_takes_them() -> None:
    seedance, wan = frame_form(SEEDANCE, request(SORA)), frame_form(WAN, request(WAN27))

    assert (seedance.least_side_px, seedance.most_side_px, seedance.most_ratio) == (300, 6000, 2.5)
    assert (wan.least_side_px, wan.most_side_px, wan.most_ratio) == (0, None, None)


CUT = b'{"data": [{"taskUUID": "' + KEY.encode() + b'"}], "err'
TAKEN = {"taskType": "videoInference", "taskUUID": KEY}


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (reply(data=[TAKEN]), Accepted),
        (reply(400, errors=[error("conflictTaskUUID")]), Accepted),
        (reply(errors=[error("conflictTaskUUID")]), Accepted),
        (reply(400, errors=[error("conflictTaskUUID", OTHER)]), Rejected),
        (reply(data=[TAKEN | {"taskUUID": OTHER}]), Doubt),
        (reply(), Doubt),
        (reply(500, errors=[error("internalServerError")]), Doubt),
        (reply(503, errors=[error("serviceUnavailable")]), Doubt),
        (reply(429, errors=[error("rateLimitExceeded", None)]), Busy),
        (reply(401, errors=[error("invalidApiKey", None)]), Refused),
        (reply(402, errors=[error("insufficientCredits")]), Refused),
        (reply(200, errors=[error("insufficientCredits")]), Refused),
        (reply(404, errors=[error("modelNotFound")]), Refused),
        (reply(400, errors=[error("unsupportedParameter")]), Rejected),
        (reply(200, errors=[error("invalidParameter")]), Rejected),
        (reply(200, errors=[error("invalidDuration")]), Rejected),
        (reply(403, errors=[error("promptBlocked")]), Rejected),
        (reply(200, errors=[error("promptBlocked")]), Rejected),
        (reply(403, errors=[error("forbidden")]), Refused),
        (reply(200, errors=[error("missingApiKey", None)]), Refused),
        (reply(429, errors=[error("invalidParameter")]), Busy),
        (reply(500, errors=[error("invalidParameter")]), Doubt),
        (reply(400, errors=[error("noAvailableServer")]), Busy),
        (reply(503, errors=[error("noAvailableServer")]), Doubt),
        (reply(503, errors=[error("providerInsufficientCredits")]), Doubt),
        (Reply(200, CUT), Accepted),
        (Reply(200, b'{"data": [{"taskType": "vid'), Doubt),
    ],
)
def test_what_an_answer_to_a_submit_comes_to(answer: Reply, kind: type) -> None:
    assert type(submission_of(answer, KEY, BUILT_IN)) is kind


@pytest.mark.parametrize("status", [200, 400, 402, 403])
@pytest.mark.parametrize("message", ["", "The provider has insufficient credits"])
def test_an_empty_account_of_runwares_own_is_not_the_operators(status: int, message: str) -> None:
    theirs = error("providerInsufficientCredits") | {"message": message}
    refused = submission_of(reply(status, errors=[theirs]), KEY, BUILT_IN)

    assert isinstance(refused, Refused)
    assert not refused.of_account


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        (reply(), Waiting()),
        (reply(data=[TAKEN | {"taskUUID": OTHER, "status": "success"}]), Waiting()),
        (reply(data=[TAKEN | {"status": "processing"}]), Running()),
        (reply(data=[TAKEN | {"status": "queued"}]), Waiting()),
        (
            reply(data=[TAKEN | {"status": "success", "videoURL": "https://v/1.mp4", "cost": 0.3}]),
            Done("https://v/1.mp4", {"cost_usd": 0.3}),
        ),
        (
            reply(data=[TAKEN | {"status": "success", "videoURL": "https://v/1.mp4", "cost": 0}]),
            Done("https://v/1.mp4"),
        ),
        (MADE_FOR_NO_NUMBER, Done("https://v/1.mp4")),
        (reply(errors=[error("providerError")]), Failed("providerError", "so it is")),
        (reply(400, errors=[error("providerError")]), Failed("providerError", "so it is")),
        (reply(errors=[error("providerError", OTHER)]), Waiting()),
        (reply(400, errors=[error("taskNotFound")]), Gone("so it is")),
    ],
)
def test_how_a_task_stands(answer: Reply, verdict: object) -> None:
    assert verdict_of(answer, KEY, BUILT_IN) == verdict


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (reply(data=[TAKEN | {"status": "pondering"}]), "odd_answer"),
        (reply(401, errors=[error("invalidApiKey", None)]), "no_answer"),
        (reply(500), "no_answer"),
        (Reply(200, b"<html>"), "no_answer"),
    ],
)
def test_what_says_nothing_of_a_task(answer: Reply, code: str) -> None:
    verdict = verdict_of(answer, KEY, BUILT_IN)

    assert isinstance(verdict, Unclear)
    assert verdict.code == code


@pytest.mark.parametrize(
    "refused",
    [
        Busy("429", "later"),
        Refused("401", "no", of_account=True),
        not_taken("none"),
        Rejected("bad", "no"),
    ],
)
def test_a_refusal_of_a_repeated_call_says_nothing_of_the_first(refused: Any) -> None:
    settled = as_repeated(refused)

    assert isinstance(settled, Doubt)
    assert refused.message in settled.message
    assert as_repeated(Accepted("T")) == Accepted("T")
