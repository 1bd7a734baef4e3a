"""A canonical request in Kling's words, and what its answers come to."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from support.requests import KLING
from support.upstream_requests import LAST, request
from unstill.domain.errors import BadSetting
from unstill.domain.request import Role, Size, VideoRequest
from unstill.engines.kling.answers import (
    CODES,
    KEPT_S,
    SHOWN_AFTER_S,
    as_said,
    is_of_the_ids,
    settled_by,
    submission_of,
    verdict_of,
    with_marked_links,
)
from unstill.engines.kling.engine import BASE_URL
from unstill.engines.kling.models import MODELS, body_of, frame_form, misfit
from unstill.upstreams.key_check import standing_of
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
    Unclear,
    Waiting,
    not_taken,
)
from unstill.upstreams.replies import Reply
from unstill.upstreams.usage import is_billed, told_millionths
from unstill.upstreams.vocabulary import BUILT_IN

KEY = "0b1c7f3e-2f43-4c8e-9d1b-4f7a3c1d2e5f"
V3, TURBO = MODELS["kling-3.0"], MODELS["kling-3.0-turbo"]
ONE: dict[Role, str] = {"first": "data:image/jpeg;base64,AAAA"}
BOTH: dict[Role, str] = {**ONE, "last": "data:image/png;base64,BBBB"}


def asked_for(**changes: Any) -> VideoRequest:
    return request(KLING, **changes)


def test_two_frames_sound_and_a_mark_are_sent_in_its_documents_words() -> None:
    asked = asked_for(
        tier="4K", duration_s=15, last_frame=LAST, generate_audio=True, watermark=True
    )

    assert body_of(V3, asked, BOTH, KEY) == {
        "contents": [
            {"type": "prompt", "text": "walk"},
            {"type": "first_frame", "url": "AAAA"},
            {"type": "last_frame", "url": "BBBB"},
        ],
        "settings": {"resolution": "4k", "duration": 15, "audio": "native", "multi_shot": False},
        "options": {"external_task_id": KEY, "watermark_info": {"enabled": True}},
    }


@pytest.mark.parametrize("sound", [None, False])
def test_silence_and_one_shot_are_said(*, sound: bool | None) -> None:
    settings = body_of(V3, asked_for(generate_audio=sound), ONE, KEY)["settings"]

    assert settings == {"resolution": "720p", "duration": 5, "audio": "off", "multi_shot": False}


def test_turbo_has_neither_switch() -> None:
    body = body_of(TURBO, asked_for(tier="1080P"), ONE, KEY)

    assert body["settings"] == {"resolution": "1080p", "duration": 5}
    assert body["options"]["external_task_id"] == KEY


def test_an_empty_prompt_is_left_out() -> None:
    assert body_of(V3, asked_for(prompt=" "), ONE, KEY)["contents"] == [
        {"type": "first_frame", "url": "AAAA"}
    ]


@pytest.mark.parametrize(
    ("size", "tier"),
    [(Size(1280, 720), "720p"), (Size(1080, 1920), "1080p"), (Size(3840, 2160), "4k")],
)
def test_an_exact_size_is_the_nearest_tier_and_a_frame_of_its_shape(size: Size, tier: str) -> None:
    asked = asked_for(size=size)
    wanted = frame_form(V3, asked).size

    assert body_of(V3, asked, ONE, KEY)["settings"]["resolution"] == tier
    assert wanted is not None
    assert wanted.width / wanted.height == pytest.approx(size.width / size.height, rel=0.01)


@pytest.mark.parametrize(
    ("model", "changes", "param"),
    [
        (V3, {"duration_s": 2}, "duration"),
        (V3, {"duration_s": 3}, None),
        (V3, {"duration_s": 15}, None),
        (V3, {"duration_s": 16}, "duration"),
        (V3, {"tier": "480P"}, "resolution"),
        (V3, {"tier": "4K"}, None),
        (TURBO, {"tier": "1080P"}, None),
        (TURBO, {"tier": "4K"}, "resolution"),
        (V3, {"prompt": ""}, None),
        (V3, {"prompt": "x" * 3072}, None),
        (V3, {"prompt": "x" * 3073}, "prompt"),
        (TURBO, {"prompt": "x" * 2500}, None),
        (TURBO, {"prompt": "x" * 2501}, "prompt"),
        (V3, {"last_frame": LAST, "generate_audio": True, "watermark": True}, None),
        (TURBO, {"last_frame": LAST}, LAST.param),
        (TURBO, {"generate_audio": True}, "generate_audio"),
        (TURBO, {"generate_audio": False}, None),
        (V3, {"negative_prompt": "blur"}, "negative_prompt"),
        (V3, {"size": Size(1300, 520)}, None),
        (V3, {"size": Size(1302, 520)}, "size"),
    ],
)
def test_what_a_model_cannot_do_is_named_by_its_field(
    model: Any, changes: dict[str, Any], param: str | None
) -> None:
    found = misfit(model, asked_for(**changes))

    assert (None if found is None else found.param) == param


# --- where it is asked ----------------------------------------------------------------------------


@pytest.mark.parametrize("region", ["singapore", "beijing"])
def test_a_host_alone_is_its_address(region: str) -> None:
    base_url = f"https://api-{region}.klingai.com"

    assert BASE_URL.checked(base_url, "ours", has_key=True) == base_url


@pytest.mark.parametrize(
    "base_url",
    [
        "https://api-singapore.klingai.com/v1",
        "https://api-singapore.klingai.com/image-to-video/kling-3.0",
        "https://api.klingai.com",
        "http://api-singapore.klingai.com",
    ],
)
def test_an_address_that_cannot_work_is_told_what_to_write(base_url: str) -> None:
    with pytest.raises(BadSetting, match="https://") as caught:
        BASE_URL.checked(base_url, "ours", has_key=True)

    assert caught.value.setting == "engines.ours.base_url"


# --- answers to a submit --------------------------------------------------------------------------


def answer(code: int, data: object = None, *, status: int = 200) -> Reply:
    body = {"code": code, "message": "so it is", "request_id": "r"}
    return Reply(status, msgspec.json.encode(body | ({} if data is None else {"data": data})))


def sorted_as(reply: Reply) -> Submission:
    return submission_of(reply, BUILT_IN)


ACCOUNT = [(401, code) for code in range(1000, 1005)] + [
    (429, 1100),
    (429, 1101),
    (429, 1102),
    (403, 1103),
    (429, 1304),
]
CODE_ROWS = [
    *((status, code, Refused) for status, code in ACCOUNT),
    (429, 1302, Busy),
    (429, 1303, Busy),
    (400, 1200, Rejected),
    (400, 1201, Rejected),
    (404, 1202, Refused),
    (404, 1203, Refused),
    (400, 1300, Rejected),
    (400, 1301, Rejected),
    (500, 5000, Doubt),
    (503, 5001, Doubt),
    (504, 5002, Doubt),
]


@pytest.mark.parametrize("in_200", [False, True])
@pytest.mark.parametrize(("status", "code", "kind"), CODE_ROWS)
def test_each_documented_code_is_sorted_alike_with_its_status_and_in_a_200(
    status: int, code: int, kind: type[Submission], *, in_200: bool
) -> None:
    found = sorted_as(answer(code, status=200 if in_200 else status))

    assert isinstance(found, kind)
    assert getattr(found, "code", "") == str(code)
    if isinstance(found, Refused):
        assert found.of_account is ((status, code) in ACCOUNT)
        assert not found.unreached


@pytest.mark.parametrize("code", [1, 200, 1400, 6000])
def test_an_error_that_no_page_names_is_a_doubt_though_a_task_stands_beside_it(code: int) -> None:
    assert isinstance(sorted_as(answer(code, {"id": "893605946402811985"})), Doubt)


def test_a_task_is_taken_and_an_answer_without_one_is_a_doubt() -> None:
    task = {"id": "893605946402811985", "status": "submitted", "external_id": KEY}
    cut = answer(0, task).body[:-20]

    assert sorted_as(answer(0, task)) == Accepted("893605946402811985")
    assert sorted_as(Reply(200, cut)) == Accepted("893605946402811985")
    assert isinstance(sorted_as(answer(0)), Doubt)
    assert isinstance(sorted_as(answer(0, {"external_id": KEY})), Doubt)
    assert isinstance(sorted_as(Reply(200, b"<html>")), Doubt)


# --- a lost reply ---------------------------------------------------------------------------------


def settled(reply: Reply, age_s: float = SHOWN_AFTER_S) -> Submission:
    return settled_by(reply, KEY, BUILT_IN, age_s=age_s)


@pytest.mark.parametrize("status", ["submitted", "processing", "succeeded", "failed"])
def test_a_task_with_our_id_was_taken_whatever_became_of_it(status: str) -> None:
    task = {"id": "42", "status": status, "external_id": KEY}

    assert settled(answer(0, [task]), age_s=1.0) == Accepted("42")


@pytest.mark.parametrize("nothing", [[], None])
@pytest.mark.parametrize(
    ("age_s", "is_sure"),
    [
        (0.0, False),
        (SHOWN_AFTER_S - 1, False),
        (SHOWN_AFTER_S, True),
        (KEPT_S, True),
        (KEPT_S + 1, False),
    ],
)
def test_no_task_is_believed_once_it_would_be_shown_and_while_it_is_kept(
    nothing: object, age_s: float, *, is_sure: bool
) -> None:
    found = settled(answer(0, nothing), age_s)

    assert isinstance(found, Refused) is is_sure
    assert isinstance(found, Doubt) is not is_sure
    assert not is_sure or found == not_taken("the upstream has no task of the call")


@pytest.mark.parametrize(
    "reply",
    [
        answer(0, [{"id": "42", "status": "submitted", "external_id": "another"}]),
        answer(0, [{"id": "42", "status": "submitted"}]),
        answer(0, [{"status": "submitted", "external_id": KEY}]),
        answer(0, ["42"]),
        answer(0, {"result": []}),
        answer(1201),
        answer(1203, status=404),
        answer(1002, status=401),
        answer(5000, status=500),
        Reply(200, b"<html>"),
        Reply(200, b"{}"),
    ],
)
def test_any_other_answer_says_nothing_of_the_call(reply: Reply) -> None:
    assert isinstance(settled(reply), Doubt)


# --- how a task stands ----------------------------------------------------------------------------

CASH = {"charge_type": "cash", "cash_type": "balance", "amount": "0.42", "currency": "USD"}
UNITS = {"charge_type": "unit", "amount": "3", "package_type": "video"}


def shown(status: str, **fields: object) -> Reply:
    other = {"id": "41", "status": "succeeded", "outputs": [{"url": "https://v/41.mp4"}]}
    return answer(0, [other, {"id": "42", "status": status, "message": "", **fields}])


def stands(reply: Reply) -> object:
    return verdict_of(reply, "42", with_marked_links(BUILT_IN))


def outputs(marked: str = "") -> list[dict[str, str]]:
    url = "https://v/42.mp4"
    return [{"type": "video", "id": "1", "url": url, "watermark_url": marked, "duration": "5"}]


def test_states_become_verdicts() -> None:
    assert stands(shown("submitted")) == Waiting()
    assert stands(shown("processing")) == Running()
    assert stands(shown("succeeded", outputs=outputs())) == Done("https://v/42.mp4")
    assert stands(shown("failed", message="risk control")) == Failed("failed", "risk control")


def test_the_video_with_a_mark_is_meant_where_there_is_one() -> None:
    marked = shown("succeeded", outputs=outputs("https://v/42-marked.mp4"))

    assert stands(marked) == Done("https://v/42-marked.mp4")


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (shown("auditing"), "odd_answer"),
        (answer(0, []), "no_answer"),
        (answer(0, [{"id": "41", "status": "succeeded"}]), "no_answer"),
        (answer(0, [{"id": "42"}]), "no_answer"),
        (answer(1101), "no_answer"),
        (answer(1002, status=401), "no_answer"),
        (Reply(200, b"<html>"), "no_answer"),
    ],
)
def test_what_says_nothing_of_a_task_ends_none(reply: Reply, code: str) -> None:
    found = stands(reply)

    assert isinstance(found, Unclear)
    assert found.code == code


@pytest.mark.parametrize(
    ("billing", "millionths"),
    [
        ([CASH], 420_000),
        ([CASH, {**CASH, "amount": "0.1"}], 520_000),
        ([{**CASH, "amount": 0.42}], 420_000),
        ([{**CASH, "amount": "0"}], 0),
        ([{**CASH, "currency": "CNY"}], None),
        ([{**CASH, "amount": "many"}], None),
        ([UNITS], None),
        ([CASH, UNITS], None),
        ([], None),
        (None, None),
        ("free", None),
    ],
)
def test_dollars_off_a_balance_are_what_it_cost_and_units_of_a_pack_are_not(
    billing: object, millionths: int | None
) -> None:
    done = stands(shown("succeeded", outputs=outputs(), billing=billing))

    assert isinstance(done, Done)
    assert told_millionths(done.usage) == millionths


def test_a_failure_that_was_billed_says_so() -> None:
    billed, free = stands(shown("failed", billing=[CASH])), stands(shown("failed", billing=[]))

    assert isinstance(billed, Failed)
    assert is_billed(billed.usage)
    assert isinstance(free, Failed)
    assert not is_billed(free.usage)


@pytest.mark.parametrize(
    ("reply", "is_one"),
    [
        (answer(1201, status=400), True),
        (answer(1203, status=404), True),
        (answer(1203), True),
        (answer(1002, status=401), False),
        (answer(5000, status=500), False),
        (answer(0, []), False),
    ],
)
def test_a_query_that_is_refused_for_its_ids_is_known(reply: Reply, *, is_one: bool) -> None:
    assert is_of_the_ids(reply) is is_one


@pytest.mark.parametrize(
    ("reply", "is_let_in"),
    [
        (answer(0, []), True),
        (answer(0), True),
        (answer(1203, status=404), True),
        (answer(1203), True),
        (answer(1002, status=401), False),
        (answer(1002), False),
        (answer(1102), False),
        (answer(5000, status=500), None),
        (Reply(200, b"<html>"), None),
    ],
)
def test_what_is_said_to_the_key(reply: Reply, *, is_let_in: bool | None) -> None:
    assert standing_of(as_said(reply), CODES, is_of_unknown=True).is_let_in is is_let_in
