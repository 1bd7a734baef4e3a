"""The DashScope emulator by hand: its families of models, lists, cancels, uploads and links."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from support.emulator_process import Emulator
from support.kind_rows import CHELSEA, CHELSEA_URL, PICTURE
from support.kinds.dashscope import ASYNC, KEYFRAMES, SYNTHESIS, wan27
from support.upstream_calls import fetched, polled, submitted, word


@pytest.fixture(scope="module")
def dashscope() -> Iterator[Emulator]:
    with Emulator("dashscope", job_s=600, requests_per_s=0) as emulating:
        yield emulating


def media(model: str, *kinds: str, **parameters: object) -> dict[str, Any]:
    """A body with pictures at addresses."""
    named = [{"type": kind, "url": PICTURE} for kind in kinds]
    return {"model": model, "input": {"media": named}, "parameters": parameters}


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (wan27(parameters={"size": "1280*720"}), "parameters.size"),
        (wan27(parameters={"audio": False}), "parameters.audio"),
        (wan27(parameters={"duration": "5"}), "duration"),
        (wan27(parameters={"duration": 16}), "duration"),
        (wan27(parameters={"resolution": "480P"}), "resolution"),
        (wan27(parameters={"watermark": "false"}), "watermark"),
        (wan27(parameters={"seed": -1}), "seed"),
        (wan27(input={"img_url": PICTURE}), "img_url"),
        (wan27(input={"media": [{"type": "last_frame", "url": PICTURE}]}), "media"),
        (wan27(input={"media": [{"type": "first_frame", "url": PICTURE}] * 2}), "media"),
        (
            {
                "model": "happyhorse-1.0-i2v",
                "input": {"media": [{"type": "first_frame", "url": PICTURE}]},
                "parameters": {"prompt_extend": True},
            },
            "prompt_extend",
        ),
        (media("kling/kling-v3-video-generation", "image"), "media"),
        (media("kling/kling-v3-video-generation", "first_frame", mode="4k"), "mode"),
        (media("kling/kling-v3-video-generation", "first_frame", resolution="720P"), "resolution"),
        (media("kling/kling-v3-video-generation", "first_frame", seed=1), "seed"),
        (
            media("kling/kling-v3-video-generation", "first_frame", aspect_ratio="16:9"),
            "aspect_ratio",
        ),
        (media("pixverse/pixverse-v6-it2v", "first_frame", resolution="720P"), "media"),
        (media("pixverse/pixverse-v6-it2v", "image_url"), "resolution"),  # it must be named
        (media("vidu/viduq3-pro_img2video", "image", "image"), "media"),
        (media("vidu/viduq3-pro_start-end2video", "image", "image"), "input.prompt"),
        (media("vidu/viduq3-pro_img2video", "image", duration=17), "duration"),
        (media("wan3.0-video", "last_frame"), "media"),
        (media("wan3.0-video", "first_frame", duration=31), "duration"),
        ({"model": "wan2.2-i2v-flash", "input": {"prompt": "x"}}, "Field required: input.img_url"),
        (
            {
                "model": "wan2.2-i2v-flash",
                "input": {"img_url": PICTURE},
                "parameters": {"duration": 8},
            },
            "duration",
        ),
        (
            {
                "model": "wan2.2-kf2v-flash",
                "input": {"first_frame_url": PICTURE, "last_frame_url": PICTURE},
            },
            "url error",
        ),
    ],
)
def test_what_dashscope_documents_otherwise_is_an_invalid_parameter(
    dashscope: Emulator, body: dict[str, Any], said: str
) -> None:
    answer = dashscope.http.post(SYNTHESIS, json=body, headers=ASYNC)

    assert (answer.status_code, answer.json()["code"]) == (400, "InvalidParameter")
    assert said in answer.json()["message"]
    assert set(answer.json()) == {"code", "message", "request_id"}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (SYNTHESIS, {"model": "happyhorse-1.0-i2v", "input": wan27()["input"]}),
        (SYNTHESIS, {"model": "wan2.6-i2v", "input": {"img_url": CHELSEA_URL}}),
        (SYNTHESIS, media("kling/kling-v3-video-generation", "first_frame", mode="std")),
        (SYNTHESIS, media("pixverse/pixverse-v6-it2v", "image_url", resolution="360P")),
        (SYNTHESIS, media("vidu/viduq3-pro-fast_img2video", "image", audio=True)),
        (SYNTHESIS, media("wan3.0-video-prime", "first_frame", "last_frame", duration=30)),
        (
            KEYFRAMES,
            {
                "model": "wan2.2-kf2v-flash",
                "input": {"first_frame_url": PICTURE, "last_frame_url": CHELSEA_URL},
            },
        ),
    ],
)
def test_dashscope_takes_each_family_in_its_own_fields(
    dashscope: Emulator, path: str, body: dict[str, Any]
) -> None:
    answer = dashscope.http.post(path, json=body, headers=ASYNC)

    assert answer.status_code == 200, answer.text
    assert answer.json()["output"]["task_status"] == "PENDING"


def test_dashscope_refuses_a_synchronous_call(dashscope: Emulator) -> None:
    answer = dashscope.http.post(SYNTHESIS, json=wan27())

    assert (answer.status_code, answer.json()["code"]) == (403, "AccessDenied")


def test_dashscope_refuses_a_data_url_that_is_no_picture(dashscope: Emulator) -> None:
    media = [{"type": "first_frame", "url": "data:image/png;base64,aGVsbG8="}]
    answer = dashscope.http.post(SYNTHESIS, json=wan27(input={"media": media}), headers=ASYNC)

    assert answer.json()["code"] == "InvalidParameter.DataInspection"


def test_dashscope_takes_no_base64_for_the_models_of_other_makers(dashscope: Emulator) -> None:
    body = media("vidu/viduq3-pro_img2video", "image")
    body["input"]["media"][0]["url"] = CHELSEA_URL
    answer = dashscope.http.post(SYNTHESIS, json=body, headers=ASYNC)

    assert answer.json()["code"] == "InvalidParameter.DataInspection"
    assert "must be an address" in answer.json()["message"]


def test_dashscope_cancels_what_waits_and_nothing_else(dashscope: Emulator) -> None:
    waiting, finished = submitted(dashscope), submitted(dashscope)
    first = dashscope.http.post(f"/api/v1/tasks/{waiting}/cancel")
    dashscope.finish()
    second = dashscope.http.post(f"/api/v1/tasks/{finished}/cancel")

    assert (first.status_code, set(first.json())) == (200, {"request_id"})
    assert (second.status_code, second.json()["code"]) == (400, "UnsupportedOperation")
    assert word(polled(dashscope, waiting)) == "CANCELED"


def test_dashscope_counts_usage_of_successes_only(dashscope: Emulator) -> None:
    job_id = submitted(dashscope)
    waiting = polled(dashscope, job_id).json()
    dashscope.finish()
    done = polled(dashscope, job_id).json()

    assert "usage" not in waiting
    assert done["usage"] == {
        "duration": 5,
        "input_video_duration": 0,
        "output_video_duration": 5,
        "video_count": 1,
        "SR": 720,
    }
    assert done["output"]["orig_prompt"] == "a cat"
    assert len(done["output"]["end_time"]) == len("2026-11-20 18:44:16.920")


def test_a_dashscope_list_pages_filters_and_speaks_milliseconds(dashscope: Emulator) -> None:
    submitted(dashscope)
    dashscope.finish()
    ids = [submitted(dashscope) for _ in range(3)]
    ask = {"status": "PENDING", "model_name": "wan2.7-i2v", "page_size": "2"}
    pages = [
        dashscope.http.get("/api/v1/tasks", params=ask | {"page_no": str(n)}).json() for n in (1, 2)
    ]
    rows = [row for page in pages for row in page["data"]]

    assert [row["task_id"] for row in rows] == ids[::-1]
    assert (pages[0]["total"], pages[0]["total_page"]) == (3, 2)
    assert abs(rows[0]["gmt_create"] / 1000 - time.time()) < 600
    assert [task["task_id"] for task in pages[0]["tasks"]] == ids[:0:-1]


def test_a_dashscope_list_wants_a_window_of_a_day(dashscope: Emulator) -> None:
    ask = {"start_time": "20261101000000", "end_time": "20261120000000"}
    answer = dashscope.http.get("/api/v1/tasks", params=ask)

    assert (answer.status_code, answer.json()["code"]) == (400, "InvalidParameter")


def test_dashscope_answers_twenty_queries_a_second_and_not_more() -> None:
    with Emulator("dashscope", job_s=600) as emulator:
        answers = [polled(emulator, "none") for _ in range(25)]

    codes = [answer.status_code for answer in answers]
    assert codes.count(200) == 20
    assert answers[-1].json()["code"] == "Throttling.RateQuota"


def uploaded(emulator: Emulator, *, model: str, **changes: str) -> tuple[httpx2.Response, str]:
    ask = {"action": "getPolicy", "model": model}
    policy = emulator.http.get("/api/v1/uploads", params=ask).json()["data"]
    key = f"{policy['upload_dir']}/cat.jpg"
    form = {
        "OSSAccessKeyId": policy["oss_access_key_id"],
        "Signature": policy["signature"],
        "policy": policy["policy"],
        "key": key,
        "x-oss-object-acl": policy["x_oss_object_acl"],
        "x-oss-forbid-overwrite": policy["x_oss_forbid_overwrite"],
        "success_action_status": "200",
    }
    files = {"file": ("cat.jpg", CHELSEA, "image/jpeg")}
    return httpx2.post(policy["upload_host"], data=form | changes, files=files), f"oss://{key}"


def test_an_uploaded_picture_is_good_for_its_model_with_the_header(dashscope: Emulator) -> None:
    answer, address = uploaded(dashscope, model="wan2.7-i2v")
    body = wan27(input={"media": [{"type": "first_frame", "url": address}]})
    resolve = ASYNC | {"x-dashscope-ossresourceresolve": "enable"}
    without = dashscope.http.post(SYNTHESIS, json=body, headers=ASYNC)
    other = dashscope.http.post(
        SYNTHESIS, json=body | {"model": "wan2.7-i2v-2026-04-25"}, headers=resolve
    )
    good = dashscope.http.post(SYNTHESIS, json=body, headers=resolve)

    assert answer.status_code == 200
    assert without.json()["code"] == "InvalidParameter.DataInspection"
    assert other.json()["code"] == "InvalidParameter.DataInspection"
    assert good.status_code == 200, good.text


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"Signature": "AAAA"}, "SignatureDoesNotMatch"),
        ({"key": "somewhere/else.jpg"}, "AccessDenied"),
        ({"policy": ""}, "InvalidArgument"),
    ],
)
def test_an_upload_outside_its_policy_is_refused(
    dashscope: Emulator, changes: dict[str, str], code: str
) -> None:
    answer, _ = uploaded(dashscope, model="wan2.7-i2v", **changes)

    assert answer.status_code in {400, 403}
    assert code in answer.text


def test_one_picture_uploaded_twice_is_found_as_a_double(dashscope: Emulator) -> None:
    resolve = ASYNC | {"x-dashscope-ossresourceresolve": "enable"}
    ids = []
    for _ in range(2):
        _, address = uploaded(dashscope, model="wan2.7-i2v")
        media = [{"type": "first_frame", "url": address}]
        body = wan27(input={"prompt": "the same upload", "media": media})
        answer = dashscope.http.post(SYNTHESIS, json=body, headers=resolve)
        ids.append(answer.json()["output"]["task_id"])

    assert ids in dashscope.charges()["doubles"].values()


def test_a_dead_link_stays_dead_and_a_new_one_works(dashscope: Emulator) -> None:
    job_id = submitted(dashscope)
    dashscope.finish()
    old = polled(dashscope, job_id).json()["output"]["video_url"]
    dashscope.next("fetch", "dead_link")
    statuses = [httpx2.get(old).status_code for _ in range(2)]

    assert statuses == [403, 403]
    assert fetched(dashscope, job_id).status_code == 200


def test_a_link_dies_of_age_and_by_a_forged_signature() -> None:
    with Emulator("modelverse", job_s=0, link_s=1) as emulator:
        job_id = submitted(emulator)
        link = polled(emulator, job_id).json()["output"]["urls"][0]
        forged = httpx2.get(link[:-4] + "0000")
        deadline = time.monotonic() + 20
        while httpx2.get(link).status_code != 403:
            assert time.monotonic() < deadline

    assert forged.status_code == 403
