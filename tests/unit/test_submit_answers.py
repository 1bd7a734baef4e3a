"""What an upstream's answer to a submit comes to, in its own codes and in everybody's words."""

import msgspec
import pytest

from unstill.engines.dashscope.engine import CODES
from unstill.engines.modelverse.engine import CODES as MODELVERSE
from unstill.engines.openai_videos.servers import SERVERS
from unstill.upstreams.port import Accepted, Busy, Doubt, Refused, Rejected
from unstill.upstreams.replies import Reply
from unstill.upstreams.submit_answers import Codes, judged
from unstill.upstreams.vocabulary import OwnWords, with_own


def flat(status: int, code: str, retry_after_s: float | None = None) -> Reply:
    body = {"code": code, "message": "no", "request_id": "r"}
    return Reply(status, msgspec.json.encode(body), retry_after_s)


def ok(body: object) -> Reply:
    return Reply(200, msgspec.json.encode(body))


def test_a_task_id_is_a_ticket() -> None:
    assert judged(Reply(200, b'{"output":{"task_id":"abc-1"}}'), CODES) == Accepted("abc-1")


@pytest.mark.parametrize("ticket", [None, "", True, {}, "..", "a b", "x" * 600])
def test_a_200_without_a_usable_id_is_a_doubt(ticket: object) -> None:
    assert isinstance(judged(ok({"output": {"task_id": ticket}}), CODES), Doubt)


@pytest.mark.parametrize(
    "body",
    [
        {"id": "t-1"},
        {"task_id": "t-1"},
        {"taskId": "t-1", "status": "queued"},
        {"video_id": "t-1"},
        {"generation_id": "t-1"},
        {"code": 0, "message": "success", "data": {"task_id": "t-1"}, "request_id": "r"},
        {"code": "success", "data": {"id": "t-1"}},
        {"code": 200, "data": [{"task_id": "t-1"}]},
        {"output": {"task_id": "t-1", "task_status": "PENDING"}, "request_id": "r"},
        {"result": {"taskId": "t-1"}},
        {"success": True, "data": {"job_id": "t-1"}},
        {"data": {"data": {"id": "t-1"}}},
        [{"id": "t-1"}],
        {"id": "t-1", "error": {"message": "slow today"}},  # it has an id: it was taken
    ],
)
def test_an_id_is_found_where_gateways_put_it(body: object) -> None:
    assert judged(ok(body), Codes()) == Accepted("t-1")


@pytest.mark.parametrize(
    "body",
    [
        {"data": [{"task_id": "t-1"}, {"task_id": "t-2"}]},  # one of the two is ours as well
        [{"id": "t-1"}, {"id": "t-2"}],
        {"task_ids": ["t-1"]},
        {"id": "call-9", "code": 0, "data": {"task_id": "t-1"}},
        {"id": "call-9", "success": True, "result": {"id": "t-1"}},
        {"id": 0, "data": {"id": "t-1"}},
        {"id": "", "task_id": "t-1"},
        {"code": 0, "data": '{"task_id":"t-1"}'},
        {"code": 200, "id": "t-1", "status": "queued", "video": {"id": "file-9"}},
    ],
)
def test_the_tasks_id_is_told_from_the_calls(body: object) -> None:
    assert judged(ok(body), Codes()) == Accepted("t-1")


@pytest.mark.parametrize("codes", [CODES, MODELVERSE])
def test_where_the_documents_have_the_id_it_is(codes: Codes) -> None:
    body = {"id": "call-9", "status": "ok", "output": {"task_id": "t-1"}}

    assert judged(ok(body), codes) == Accepted("t-1")


@pytest.mark.parametrize(
    "body",
    [
        {"code": "success", "message": "", "data": "cgt-2025-8f3a"},  # new-api
        {"code": 1, "description": "提交成功", "result": "cgt-2025-8f3a"},  # midjourney-proxy
        {"code": 0, "data": ["cgt-2025-8f3a"]},
    ],
)
def test_a_text_that_is_nothing_but_an_id_is_one(body: object) -> None:
    assert judged(ok(body), Codes()) == Accepted("cgt-2025-8f3a")


@pytest.mark.parametrize(
    "body",
    [
        {"data": "accepted"},
        {"data": "thank you 2025"},
        {"data": "v1.2.3-45"},
        {"code": 1001, "data": "cgt-2025-8f3a"},
        {"success": False, "data": "cgt-2025-8f3a"},
        {"id": 0},
        {"id": -1},
        {"id": "null"},
        {"id": "undefined", "task_id": None},
    ],
)
def test_what_only_looks_like_an_id_is_none(body: object) -> None:
    assert isinstance(judged(ok(body), Codes()), Doubt)


@pytest.mark.parametrize(
    ("location", "ticket"),
    [
        ("https://gw.example/v1/videos/video_7", "video_7"),
        ("/v1/videos/video_7/", "video_7"),
        ("/v1/videos/video_7/status?api-version=2", "video_7"),
        ("video_7#x", "video_7"),
        ("/v1/videos/a%207", None),
        ("/v1/videos", None),
        ("", None),
    ],
)
def test_an_accepted_task_is_where_its_location_says(location: str, ticket: str | None) -> None:
    for body in (b"", b'{"message":"accepted"}', b"<html>"):
        answer = judged(Reply(202, body, location=location), Codes())
        if ticket is None:
            assert isinstance(answer, Doubt)
        else:
            assert answer == Accepted(ticket)

    failed = judged(Reply(200, b'{"error":{"message":"oh"}}', location=location), Codes())
    assert isinstance(failed, Doubt)
    # A redirect stays a doubt: where it leads may be the same call once more.
    assert isinstance(judged(Reply(303, b"", location=location), Codes()), Doubt)


@pytest.mark.parametrize(
    "body",
    [
        {"code": 0, "msg": "余额不足", "data": ""},  # ThinkPHP's 0 is a failure
        {"id": 0, "error": {"message": "balance too low"}},
        {"ok": False, "error": "insufficient credits"},
        {"success": "false", "message": "insufficient balance"},
    ],
)
def test_an_empty_account_is_one_whatever_is_counted_as_fine(body: object) -> None:
    refused = judged(ok(body), Codes())

    assert isinstance(refused, Refused)
    assert refused.of_account


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"<!doctype html><title>Welcome</title>", "a web page"),
        (b"", "nothing"),
        (b"OK", "no JSON"),
    ],
)
def test_a_200_that_is_no_json_is_a_doubt_that_says_so(body: bytes, said: str) -> None:
    doubt = judged(Reply(200, body), Codes())

    assert isinstance(doubt, Doubt)
    assert said in doubt.message


def test_a_425_promises_that_nothing_was_taken() -> None:
    assert judged(flat(425, "TooEarly", 2.0), Codes()) == Busy("TooEarly", "no", 2.0)


def test_an_id_may_be_a_number() -> None:
    assert judged(ok({"data": {"task_id": 106916112212032}}), Codes()) == Accepted(
        "106916112212032"
    )


def test_a_calls_own_id_is_no_tasks() -> None:
    assert isinstance(judged(ok({"request_id": "r-1"}), Codes()), Doubt)


def test_an_operator_can_say_where_the_id_is() -> None:
    words = with_own(OwnWords(id=("ticket.nr",)))

    assert judged(ok({"id": "x", "ticket": {"nr": "t-1"}}), Codes(), words) == Accepted("t-1")


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"code": "insufficient_quota", "message": "balance too low"}},
        {"error": {"type": "insufficient_user_quota", "message": "用户额度不足"}},
        {"code": 1008, "message": "insufficient balance"},
        {"code": "InsufficientBalance", "msg": "no"},
        {"success": False, "message": "Your account balance is not enough"},
        {"base_resp": {"status_code": 1008, "status_msg": "insufficient balance"}},
        {"code": 402, "message": "pay"},
        {"code": 401, "message": "token?"},
        {"error": "账户余额不足"},
        {"errors": [{"code": "insufficientCredits", "message": "no"}]},
    ],
)
def test_an_empty_account_inside_a_200_is_the_accounts(body: object) -> None:
    refused = judged(ok(body), Codes())

    assert isinstance(refused, Refused)
    assert refused.of_account
    assert refused.message == "the upstream does not accept this server's key or account"


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"code": "rate_limit_exceeded", "message": "slow down"}},
        {"code": 429, "message": "no"},
        {"code": 1302, "message": "too many requests"},
        {"success": False, "msg": "请求过于频繁"},
        {"error": "the queue is full"},
    ],
)
def test_a_limit_inside_a_200_is_busy(body: object) -> None:
    assert isinstance(judged(ok(body), Codes()), Busy)


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"code": "invalid_parameter", "message": "duration"}},
        {"code": "InvalidParameter", "message": "size must be 1280x720"},
        {"code": 400, "message": "no"},
        {"code": 1201, "message": "Invalid parameter: image"},
        {"success": False, "errorMessage": "prompt is required"},
        {"errors": [{"code": "unsupportedParameter", "message": "safety"}]},
        {"error": {"code": "content_policy_violation", "message": "a face"}},
    ],
)
def test_a_wrong_request_inside_a_200_is_rejected_in_the_upstreams_words(body: object) -> None:
    assert isinstance(judged(ok(body), Codes()), Rejected)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"error": {"message": "the moon is full"}}, "the moon is full"),
        ({"code": 1001, "message": "something went wrong"}, "something went wrong"),
        ({"code": 500, "message": "internal"}, "internal"),
        ({"success": False}, "with an error"),
        ({"status": "ok", "message": "thank you"}, "thank you"),
    ],
)
def test_what_is_not_understood_in_a_200_is_a_doubt_with_its_words(body: object, said: str) -> None:
    doubt = judged(ok(body), Codes())

    assert isinstance(doubt, Doubt)
    assert said in doubt.message


@pytest.mark.parametrize(
    ("status", "code"),
    [(429, "insufficient_quota"), (400, "insufficient_user_quota"), (500, "insufficient_balance")],
)
def test_an_empty_account_is_one_whatever_the_status(status: int, code: str) -> None:
    refused = judged(flat(status, code), Codes())

    assert isinstance(refused, Refused)
    assert refused.of_account


def test_a_429_of_the_bill_is_known_by_its_words() -> None:
    body = {"code": 1102, "message": "Account balance not enough"}
    refused = judged(Reply(429, msgspec.json.encode(body)), Codes())

    assert isinstance(refused, Refused)
    assert refused.of_account


def test_a_403_of_the_pictures_policy_is_about_the_request() -> None:
    assert isinstance(judged(flat(403, "content_policy_violation"), Codes()), Rejected)


@pytest.mark.parametrize("status", [408, 500, 502, 503, 504])
def test_an_answer_that_promises_nothing_is_a_doubt(status: int) -> None:
    assert isinstance(judged(flat(status, "InternalError"), CODES), Doubt)


@pytest.mark.parametrize("code", ["ModelUnavailable", "ModelServingError"])
def test_dashscopes_own_overload_answer_is_busy(code: str) -> None:
    assert judged(flat(503, code), CODES) == Busy(code, "no")


def test_a_429_is_busy_for_as_long_as_it_says() -> None:
    assert judged(flat(429, "Throttling.RateQuota", 3.0), CODES) == Busy(
        "Throttling.RateQuota", "no", 3.0
    )


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (429, "PostpaidBillOverdue"),
        (400, "Arrearage"),
        (401, "InvalidApiKey"),
        (403, "AccessDenied.Unpurchased"),
        (402, ""),
    ],
)
def test_a_refusal_of_key_or_bill_is_the_accounts(status: int, code: str) -> None:
    refused = judged(flat(status, code), CODES)

    assert isinstance(refused, Refused)
    assert refused.of_account
    assert "no" not in refused.message.split()  # its words are the operator's business


@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 307, 308, 408, 409, 410, 499, 502])
def test_no_status_that_promises_nothing_lets_another_engine_be_asked(status: int) -> None:
    for codes in (CODES, MODELVERSE, *(server.codes for server in SERVERS.values())):
        assert isinstance(judged(flat(status, "Gone"), codes), Doubt)


def test_a_404_that_calls_itself_a_wrong_parameter_is_one() -> None:
    assert isinstance(judged(flat(404, "param_error"), MODELVERSE), Refused)


@pytest.mark.parametrize(
    ("codes", "status", "outcome"),
    [
        (CODES, 404, Refused),
        (CODES, 405, Doubt),
        (MODELVERSE, 404, Doubt),  # its documents have none
        (MODELVERSE, 405, Doubt),
        (SERVERS["openai"].codes, 404, Refused),
        (SERVERS["openai"].codes, 405, Doubt),
        (SERVERS["unified"].codes, 404, Refused),
        (SERVERS["unified"].codes, 405, Doubt),
        (SERVERS["sglang"].codes, 404, Refused),
        (SERVERS["sglang"].codes, 405, Refused),
        (SERVERS["vllm-omni"].codes, 404, Refused),
        (SERVERS["vllm-omni"].codes, 405, Refused),
    ],
)
def test_a_missing_route_is_no_promise_but_where_it_is_documented(
    codes: Codes, status: int, outcome: type
) -> None:
    said = Reply(status, b'{"detail":"Not Found"}')

    assert isinstance(judged(said, codes), outcome)
    # Some proxy's page says nothing of what is behind it.
    assert isinstance(judged(Reply(status, b"<html>not here</html>"), codes), Doubt)


def test_a_missing_model_is_refused_and_not_the_accounts() -> None:
    assert judged(flat(404, "ModelNotFound"), CODES) == Refused("ModelNotFound", "no")


def test_a_key_that_may_not_use_one_model_is_good_for_the_others() -> None:
    assert judged(flat(403, "Model.AccessDenied"), CODES) == Refused("Model.AccessDenied", "no")


def test_a_modelverse_key_without_the_model_is_refused_although_a_400() -> None:
    body = {"error": {"message": "no", "type": "invalid_request_error", "code": "model_error"}}
    reply = Reply(400, msgspec.json.encode(body))

    assert judged(reply, MODELVERSE) == Refused("model_error", "no")


def test_a_redirect_names_the_setting_that_may_be_wrong() -> None:
    doubt = judged(Reply(307, b""), CODES)

    assert isinstance(doubt, Doubt)
    assert "base_url" in doubt.message


def test_another_4xx_is_about_the_request() -> None:
    assert judged(flat(400, "InvalidParameter"), CODES) == Rejected("InvalidParameter", "no")
    assert judged(Reply(413, b"<html>"), CODES) == Rejected("http_413", "no reason given")


def test_codes_default_to_none() -> None:
    assert isinstance(judged(flat(503, "ModelUnavailable"), Codes()), Doubt)
