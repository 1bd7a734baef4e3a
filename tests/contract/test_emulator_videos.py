"""The emulators of Modelverse and of the `/v1/videos` servers by hand: what each refuses."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from typing import Any

import pytest

from support.emulator_process import KEY, Emulator
from support.kind_rows import CHELSEA, PICTURE
from support.kinds.unified import unified
from support.kinds.vllm_omni import VLLM_MODEL
from support.upstream_calls import is_unknown, polled, submitted
from unstill import emulators


@pytest.fixture(scope="module")
def openai() -> Iterator[Emulator]:
    with Emulator("openai", job_s=600) as emulating:
        yield emulating


@pytest.fixture(scope="module")
def modelverse() -> Iterator[Emulator]:
    with Emulator("modelverse", job_s=600) as emulating:
        yield emulating


@pytest.fixture(scope="module")
def unified_entry() -> Iterator[Emulator]:
    with Emulator("unified", job_s=600) as emulating:
        yield emulating


@pytest.fixture(scope="module")
def sglang() -> Iterator[Emulator]:
    with Emulator("sglang", job_s=600) as emulating:
        yield emulating


@pytest.fixture(scope="module")
def vllm_omni() -> Iterator[Emulator]:
    with Emulator("vllm-omni", job_s=600) as emulating:
        yield emulating


# --- modelverse --------------------------------------------------------------------------------

BARE = b64encode(CHELSEA).decode()


def kling(prompt: str = "x", **parameters: object) -> dict[str, Any]:
    fields = {"image": BARE} | parameters
    return {"model": "kling-v3", "input": {"prompt": prompt}, "parameters": fields}


def seedance(*roles: str | None, **parameters: object) -> dict[str, Any]:
    frames = [
        {"type": "image_url", "image_url": {"url": PICTURE}} | ({"role": role} if role else {})
        for role in roles
    ]
    content = [{"type": "text", "text": "x"}, *frames]
    model = "doubao-seedance-2-0-260128"
    return {"model": model, "input": {"content": content}, "parameters": parameters}


@pytest.mark.parametrize(
    "body",
    [
        {"model": "Wan-AI/Wan2.2-I2V", "prompt": "x", "first_frame_url": PICTURE},
        {"model": "Wan-AI/Wan2.2-I2V", "input": {"first_frame_url": PICTURE}},
        {"model": "Wan-AI/Wan2.2-I2V", "input": {"prompt": "x"}},
        {"model": "wan-ai/wan2.2-i2v", "input": {"prompt": "x", "first_frame_url": PICTURE}},
        {
            "model": "openai/sora-2/image-to-video-pro",
            "input": {"first_frame_url": PICTURE},
            "parameters": {"resolution": "720P"},
        },
        {
            "model": "happyhorse-1.0-i2v",
            "input": {"img_url": PICTURE},
            "parameters": {"duration": 2},
        },
        {
            "model": "Wan-AI/Wan2.5-I2V",
            "input": {"first_frame_url": PICTURE, "prompt": "x"},
        },
        kling(image=f"data:image/jpeg;base64,{BARE}"),
        kling(image=None),
        kling(mode="4k"),
        kling(sound=True),
        kling(duration=16),
        kling("x" * 2501),
        kling(""),
        seedance(),
        seedance("last_frame"),
        seedance(None, None),  # two frames have to say their roles
        seedance("first_frame", duration=3),
        seedance("first_frame", resolution="4k"),
    ],
)
def test_what_modelverse_documents_otherwise_is_a_bad_request(
    modelverse: Emulator, body: dict[str, Any]
) -> None:
    answer = modelverse.http.post("/v1/tasks/submit", json=body)

    assert answer.status_code == 400
    assert answer.json()["error"]["code"] in {"param_error", "model_error"}


@pytest.mark.parametrize(
    "body",
    [
        kling("x" * 2500, mode="pro", sound="on", duration=15, image_tail=BARE),
        seedance(None),
        seedance("first_frame", "last_frame", resolution="1080p", generate_audio=True),
    ],
)
def test_modelverse_takes_kling_and_seedance_as_documented(
    modelverse: Emulator, body: dict[str, Any]
) -> None:
    answer = modelverse.http.post("/v1/tasks/submit", json=body)

    assert answer.status_code == 200, answer.text


def test_modelverse_takes_a_bare_key_raw_base64_and_an_undocumented_parameter(
    modelverse: Emulator,
) -> None:
    body = {
        "model": "openai/sora-2/image-to-video-pro",
        "input": {"first_frame_url": b64encode(CHELSEA).decode()},
        "parameters": {"size": "720x1280"},
    }
    bare = {"authorization": KEY}
    answer = modelverse.http.post("/v1/tasks/submit", json=body, headers=bare)

    assert answer.status_code == 200, answer.text


# --- the /v1/videos kinds ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"prompt": "x", "seconds": 4}, "invalid_type"),
        ({"prompt": "x", "seconds": "5"}, "invalid_value"),
        ({"prompt": "x", "size": "1920x1080"}, "invalid_value"),
        ({"prompt": "x", "input_reference": PICTURE}, "invalid_type"),
        ({"prompt": "x", "seed": 3}, "unknown_parameter"),
        ({}, "missing_required_parameter"),
    ],
)
def test_openai_refuses_json_outside_its_spec(
    openai: Emulator, fields: dict[str, Any], code: str
) -> None:
    answer = openai.http.post("/v1/videos", json=fields)

    assert answer.status_code == 400
    assert set(answer.json()["error"]) == {"message", "type", "param", "code"}
    assert answer.json()["error"]["code"] == code


def test_openai_wants_a_picture_of_exactly_the_video_size(openai: Emulator) -> None:
    answer = openai.http.post(
        "/v1/videos",
        data={"prompt": "x", "size": "1280x720"},
        files={"input_reference": ("a.jpg", CHELSEA, "image/jpeg")},
    )

    assert answer.status_code == 400
    assert "Inpaint image must match" in answer.json()["error"]["message"]


def test_openai_wants_a_declared_picture_type(openai: Emulator) -> None:
    answer = openai.http.post(
        "/v1/videos",
        data={"prompt": "x"},
        files={"input_reference": ("upload", CHELSEA, "application/octet-stream")},
    )

    assert answer.json()["error"]["code"] == "unsupported_file_mimetype"


def test_an_early_download_is_refused_and_a_deleted_video_gone(openai: Emulator) -> None:
    job_id = submitted(openai)
    early = openai.http.get(f"/v1/videos/{job_id}/content")
    too_soon = openai.http.delete(f"/v1/videos/{job_id}")
    openai.finish()
    deleted = openai.http.delete(f"/v1/videos/{job_id}")

    assert (early.status_code, too_soon.status_code) == (404, 400)
    assert deleted.json() == {"id": job_id, "object": "video.deleted", "deleted": True}
    assert openai.http.get(f"/v1/videos/{job_id}").status_code == 404


@pytest.mark.parametrize(
    "changes",
    [
        {"seconds": "20"},
        {"size": "720P"},
        {"content": [{"type": "image_url", "image_url": {"url": PICTURE}}]},
        {"resolution": "720p"},
        {"input_reference": PICTURE},
        {"input_reference": {"image_url": PICTURE}},
        {"model": "wan2.7-i2v-2026-04-25"},
    ],
)
def test_the_unified_entry_refuses_what_its_page_does_not_have(
    unified_entry: Emulator, changes: dict[str, Any]
) -> None:
    answer = unified_entry.http.post("/v1/videos", json=unified(**changes))

    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "")


def test_the_unified_entry_takes_no_form_and_shows_seconds_once(unified_entry: Emulator) -> None:
    form = unified_entry.http.post("/v1/videos", data={"prompt": "x"})
    created = unified_entry.http.post("/v1/videos", json=unified()).json()
    found = unified_entry.http.get(f"/v1/videos/{created['id']}").json()
    early = unified_entry.http.get(f"/v1/videos/{created['id']}/content")

    assert form.status_code == 400
    assert (created["status"], created["seconds"]) == ("QUEUED", "5")
    assert found == {name: value for name, value in created.items() if name != "seconds"}
    assert early.status_code == 400


@pytest.mark.parametrize(
    "body",
    [
        {"prompt": "x", "input_reference": {"image_url": PICTURE}},
        {"prompt": "x"},
        {"input_reference": PICTURE},
        {"prompt": "x", "input_reference": PICTURE, "size": "720P"},
    ],
)
def test_sglang_refuses_json_that_it_cannot_read(sglang: Emulator, body: dict[str, Any]) -> None:
    answer = sglang.http.post("/v1/videos", json=body)

    assert answer.status_code == 400
    assert set(answer.json()) == {"detail"}


def test_sglang_sees_no_picture_in_a_bracketed_field(sglang: Emulator) -> None:
    data = {"prompt": "x", "input_reference[image_url]": PICTURE}
    answer = sglang.http.post("/v1/videos", files={name: (None, v) for name, v in data.items()})

    assert answer.status_code == 400
    assert "is required for image-to-video" in answer.json()["detail"]


def test_sglang_takes_a_file_and_counts_frames(sglang: Emulator) -> None:
    answer = sglang.http.post(
        "/v1/videos",
        data={"prompt": "x", "num_frames": "81", "fps": "16", "size": "832x480"},
        files={"input_reference": ("a.jpg", CHELSEA, "application/octet-stream")},
    )

    assert answer.status_code == 200, answer.text
    assert (answer.json()["status"], answer.json()["seconds"]) == ("queued", "5")


def test_sglang_forgets_a_deleted_job_without_another_word(sglang: Emulator) -> None:
    job_id = submitted(sglang)
    deleted = sglang.http.delete(f"/v1/videos/{job_id}")

    assert deleted.json()["status"] == "deleted"
    assert sglang.http.get(f"/v1/videos/{job_id}").status_code == 404
    assert sglang.book()[-1]["usage"]["video_count"] == 1  # what was being generated goes on


@pytest.mark.parametrize("kind", sorted(emulators.KINDS_IN_MEMORY))
def test_a_restart_of_a_self_hosted_server_loses_its_jobs(kind: str) -> None:
    with Emulator(kind, job_s=600) as emulator:
        job_id = submitted(emulator)
        emulator.lose_jobs()

        assert is_unknown(emulator, polled(emulator, job_id))
        assert emulator.charges()["accepted"] == 1


@pytest.mark.parametrize(
    "fields",
    [
        {"prompt": "x", "seconds": "5.0"},
        {"prompt": "x", "size": "720P"},
        {"prompt": "x", "model": "sora-2"},
        {"prompt": "x", "num_inference_steps": "500"},
        {"prompt": "x", "image_reference": '{"image_url": "https://example.com/a.png"}'},
        {"seconds": "5"},
    ],
)
def test_vllm_omni_refuses_a_form_outside_its_source(
    vllm_omni: Emulator, fields: dict[str, str]
) -> None:
    files = {"input_reference": ("a.jpg", CHELSEA, "image/jpeg")}
    answer = vllm_omni.http.post("/v1/videos", data=fields, files=files)

    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == 400


def test_vllm_omni_takes_no_json_and_an_address_as_json_text(vllm_omni: Emulator) -> None:
    as_json = vllm_omni.http.post("/v1/videos", json={"prompt": "x", "input_reference": PICTURE})
    fields = {"prompt": "x", "model": VLLM_MODEL, "image_reference": f'{{"image_url":"{PICTURE}"}}'}
    as_form = vllm_omni.http.post("/v1/videos", files={k: (None, v) for k, v in fields.items()})

    assert as_json.status_code == 400
    assert as_form.status_code == 200, as_form.text


def test_vllm_omni_answers_for_a_failed_job_with_an_error_status_and_the_job(
    vllm_omni: Emulator,
) -> None:
    vllm_omni.next("submit", "fail")
    job_id = submitted(vllm_omni)
    vllm_omni.finish()
    answer = polled(vllm_omni, job_id)

    assert answer.status_code == answer.json()["error"]["code"] == 500
    assert (answer.json()["object"], answer.json()["status"]) == ("video", "failed")
    assert vllm_omni.http.get(f"/v1/videos/{job_id}/content").status_code == 422


def test_vllm_omni_ends_what_is_under_way_when_it_is_deleted(vllm_omni: Emulator) -> None:
    job_id = submitted(vllm_omni)
    deleted = vllm_omni.http.delete(f"/v1/videos/{job_id}")

    assert deleted.json()["deleted"] is True
    assert polled(vllm_omni, job_id).status_code == 404
    assert vllm_omni.book()[-1]["usage"]["video_count"] == 0


def test_vllm_omni_has_charged_what_is_deleted_after_its_end(vllm_omni: Emulator) -> None:
    job_id = submitted(vllm_omni)
    vllm_omni.finish()
    deleted = vllm_omni.http.delete(f"/v1/videos/{job_id}")

    assert deleted.json()["deleted"] is True
    assert vllm_omni.book()[-1]["usage"]["video_count"] == 1


def test_a_list_goes_on_after_the_last_id_it_showed(openai: Emulator) -> None:
    ids = [submitted(openai) for _ in range(3)]
    first = openai.http.get("/v1/videos", params={"limit": "2"}).json()
    then = openai.http.get("/v1/videos", params={"limit": "1", "after": first["last_id"]}).json()

    assert [video["id"] for video in (*first["data"], *then["data"])] == ids[::-1]
    assert first["has_more"] is True


def test_the_control_calls_of_many_jobs_are_paged(openai: Emulator) -> None:
    for _ in range(3):
        submitted(openai)
    page = openai.http.get("/_emulator/jobs", params={"limit": "1", "offset": "1"}).json()

    assert len(page["jobs"]) == 1
    assert page["has_more"] is True
