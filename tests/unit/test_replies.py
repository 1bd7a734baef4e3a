"""What an upstream says went wrong, in whichever place and shape."""

import msgspec
import pytest

from unstill.upstreams.replies import Reply, at, layers, numbers, said


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
        ({"error": {"error": {"message": "m", "code": "c"}}}, "c", "m"),
        ({"error": [{"message": "m", "code": "c"}]}, "c", "m"),
        ({"error": ["m"]}, "", "m"),
        ({"errors": [{"code": "c", "message": "m", "taskUUID": "u"}]}, "c", "m"),
        ({"id": "v", "status": "failed", "error": None, "task_status_msg": "m"}, "", "m"),
        ({"failure_reason": "m"}, "", "m"),
        ({"failReason": "m"}, "", "m"),
        ({"reason": "m"}, "", "m"),
        ({"msg": "m", "code": 1001}, "1001", "m"),
        ({"base_resp": {"status_code": 1008, "status_msg": "m"}}, "1008", "m"),
        (
            {"code": 0, "msg": "success", "data": {"error_msg": "m", "error_code": "c"}},
            "c",
            "m",
        ),
        ({"code": "success", "message": "", "data": [{"fail_reason": "m"}]}, "", "m"),
        ({"output": {"code": "c", "message": "m"}, "request_id": "r"}, "c", "m"),
        ({"output": {"error_message": "code=Invalid.Url, message=m"}}, "Invalid.Url", "m"),
        ({"fail_reason": '{"error":{"code":"c","message":"m"}}'}, "c", "m"),
        ({"error": {"code": 403, "message": "m", "metadata": {}}}, "403", "m"),
        (
            {"error": {"code": 403, "message": "m", "metadata": {"error_type": "guardrail"}}},
            "guardrail",
            "m",
        ),
        ({"detail": {"message": "m", "code": "c"}}, "c", "m"),
        ({"detail": "m", "error_type": "c"}, "c", "m"),
        ({"code": 200, "message": "ok"}, "", ""),
        ([{"error": {"message": "m"}}], "", "m"),
        ([], "", ""),
    ],
)
def test_every_vendors_error_shape_is_read(body: object, code: str, message: str) -> None:
    words = said(Reply(400, msgspec.json.encode(body)).fields())

    assert (words.code, words.message) == (code, message)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[" * 100_000, b"\xff\xfe", b'"x"', b"null"])
def test_a_body_that_is_no_object_has_no_fields(body: bytes) -> None:
    assert Reply(200, body).fields() == {}


def test_numbers_of_usage_are_read_and_the_rest_left() -> None:
    assert numbers({"a": 1, "b": "2", "c": "2.5", "d": True, "e": "x", "f": None}) == {
        "a": 1,
        "b": 2,
        "c": 2.5,
    }
    assert numbers("none") == {}


@pytest.mark.parametrize("number", [10**400, -(10**400), 1e300, float("nan"), float("inf")])
def test_a_number_of_which_no_video_has_so_many_says_nothing(number: float) -> None:
    assert numbers({"duration": number, "SR": 720}) == {"SR": 720}


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'[{"a":1},{"a":2}]'])
def test_nothing_is_said_by_a_body_that_is_no_object(body: bytes) -> None:
    assert said(Reply(500, body).fields()) == said({})


def test_a_place_is_found_however_its_names_are_spelt() -> None:
    body = {"videoUrl": "a", "Task-Id": "b", "urls": ["c"], "x": {"y": [{"z": 1}]}}

    assert at(body, "video_url") == "a"
    assert at(body, "task_id") == "b"
    assert at(body, "urls.0") == "c"
    assert at(body, "urls.1") is None
    assert at(body, "x.y.0.z") == 1
    assert at(body, "x.y.z") is None


def test_a_deep_answer_is_looked_into_only_so_far() -> None:
    deep: dict[str, object] = {}
    for _ in range(500):
        deep = {"data": deep}

    assert len(layers(deep)) <= 12
