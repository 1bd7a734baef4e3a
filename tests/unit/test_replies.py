"""What an upstream's answer to a submit comes to, and what of its words callers may see."""

import msgspec
import pytest

from unstill.engines.dashscope import CODES
from unstill.engines.modelverse import CODES as MODELVERSE
from unstill.engines.remote import Accepted, Busy, Doubt, Refused, Rejected
from unstill.engines.replies import Codes, Reply, judged, numbers, plain, said


def flat(status: int, code: str, retry_after_s: float | None = None) -> Reply:
    body = {"code": code, "message": "no", "request_id": "r"}
    return Reply(status, msgspec.json.encode(body), retry_after_s)


def test_a_task_id_is_a_ticket() -> None:
    assert judged(Reply(200, b"{}"), "abc-1", CODES) == Accepted("abc-1")


@pytest.mark.parametrize("ticket", [None, "", 12, "..", "a b", "x" * 600])
def test_a_200_without_a_usable_id_is_a_doubt(ticket: object) -> None:
    assert isinstance(judged(Reply(200, b"{}"), ticket, CODES), Doubt)


@pytest.mark.parametrize("status", [408, 500, 502, 503, 504])
def test_an_answer_that_promises_nothing_is_a_doubt(status: int) -> None:
    assert isinstance(judged(flat(status, "InternalError"), None, CODES), Doubt)


@pytest.mark.parametrize("code", ["ModelUnavailable", "ModelServingError"])
def test_dashscopes_own_overload_answer_is_busy(code: str) -> None:
    assert judged(flat(503, code), None, CODES) == Busy(code, "no")


def test_a_429_is_busy_for_as_long_as_it_says() -> None:
    assert judged(flat(429, "Throttling.RateQuota", 3.0), None, CODES) == Busy(
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
    refused = judged(flat(status, code), None, CODES)

    assert isinstance(refused, Refused)
    assert refused.of_account
    assert "no" not in refused.message.split()  # its words are the operator's business


def test_a_missing_model_is_refused_and_not_the_accounts() -> None:
    assert judged(flat(404, "ModelNotFound"), None, CODES) == Refused("ModelNotFound", "no")


def test_a_key_that_may_not_use_one_model_is_good_for_the_others() -> None:
    assert judged(flat(403, "Model.AccessDenied"), None, CODES) == Refused(
        "Model.AccessDenied", "no"
    )


def test_a_modelverse_key_without_the_model_is_refused_although_a_400() -> None:
    body = {"error": {"message": "no", "type": "invalid_request_error", "code": "model_error"}}
    reply = Reply(400, msgspec.json.encode(body))

    assert judged(reply, None, MODELVERSE) == Refused("model_error", "no")


def test_a_redirect_means_that_the_setting_is_wrong() -> None:
    refused = judged(Reply(307, b""), None, CODES)

    assert isinstance(refused, Refused)
    assert refused.of_account


def test_another_4xx_is_about_the_request() -> None:
    assert judged(flat(400, "InvalidParameter"), None, CODES) == Rejected("InvalidParameter", "no")
    assert judged(Reply(413, b"<html>"), None, CODES) == Rejected("http_413", "no reason given")


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        ({"error": {"message": "m", "type": "t", "code": None}}, "t", "m"),
        ({"error": {"message": "m", "code": 503}}, "503", "m"),
        ({"error": "m"}, "", "m"),
        ({"code": "c", "message": "m", "data": None}, "c", "m"),
        ({"detail": "m"}, "", "m"),
        ({"detail": [{"loc": ["body", "prompt"], "msg": "m"}]}, "", "prompt: m"),
        ({"error": {"message": "m", "code": "a long sentence"}}, "a_long_sentence", "m"),
        ([], "", ""),
    ],
)
def test_every_vendors_error_shape_is_read(body: object, code: str, message: str) -> None:
    words = said(Reply(400, msgspec.json.encode(body)).fields())

    assert (words.code, words.message) == (code, message)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[" * 100_000, b"\xff\xfe", b'"x"', b"null"])
def test_a_body_that_is_no_object_has_no_fields(body: bytes) -> None:
    assert Reply(200, body).fields() == {}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("cannot get https://a.b.com:80/x?k=1, sorry", "cannot get [address], sorry"),
        ("no 10.0.0.7:8000 here", "no [address] here"),
        ("host dashscope-result-bj.oss-cn-beijing.aliyuncs.com is down", "host [address] is down"),
        ("key sk-abcdef123456 is bad", "key [key] is bad"),
        ("failed: /root/outputs/uploads/a_frame.jpeg", "failed: a_frame.jpeg"),
        ("Field required: input.img_url", "Field required: input.img_url"),
        ("比例 1:8 to 8:1", "比例 1:8 to 8:1"),
    ],
)
def test_addresses_paths_and_keys_stay_out_of_messages(text: str, shown: str) -> None:
    assert plain(text) == shown


def test_messages_are_cut() -> None:
    assert len(plain("x" * 10_000)) == 301


def test_numbers_of_usage_are_read_and_the_rest_left() -> None:
    assert numbers({"a": 1, "b": "2", "c": "2.5", "d": True, "e": "x", "f": None}) == {
        "a": 1,
        "b": 2,
        "c": 2.5,
    }
    assert numbers("none") == {}


def test_codes_default_to_none() -> None:
    assert isinstance(judged(flat(503, "ModelUnavailable"), None, Codes()), Doubt)
