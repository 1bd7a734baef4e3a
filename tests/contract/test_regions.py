"""A region from the create call to the video, over HTTP, in every dialect."""

from __future__ import annotations

import json
from base64 import b64encode
from io import BytesIO
from typing import Any

import pytest
from PIL import Image

from support.create_calls import body_of, picture_section
from support.in_process import PHOTO
from support.servers import Serving

PATHS = {
    "tasks": "/v1/tasks/submit",
    "videos": "/v1/videos",
    "openai": "/openai/v1/videos",
    "dashscope": "/api/v1/services/aigc/video-generation/video-synthesis",
}
ASYNC = {"X-DashScope-Async": "enable"}
BOX = [0.25, 0.0, 0.75, 0.5]


def mask() -> bytes:
    picture = Image.new("L", (64, 64))
    picture.paste(255, (8, 8, 40, 40))
    file = BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def data_url(data: bytes) -> str:
    return f"data:;base64,{b64encode(data).decode()}"


REGION = [{"kind": "water", "boxes": [BOX]}, {"kind": "smoke", "mask": data_url(mask())}]


def asked(dialect: str, *, region: object) -> dict[str, Any]:
    prompt = "smoke rises, static camera"
    body = body_of(dialect, prompt=prompt, size="256x256", duration=2, region=region)
    section = picture_section(dialect, body)
    for name in ("input_reference", "first_frame_url"):
        if name in section:
            section[name] = data_url(PHOTO.read_bytes())
    return body


def id_in(answer: dict[str, Any]) -> str:
    return str(answer["output"]["task_id"] if "output" in answer else answer["id"])


def the_job(server: Serving, job_id: str) -> dict[str, Any]:
    server.wait(job_id)
    return dict(server.http.get(f"/v1/jobs/{job_id}").json())


@pytest.mark.slow
@pytest.mark.parametrize("dialect", PATHS)
def test_a_region_goes_from_every_dialect_into_the_video(server: Serving, dialect: str) -> None:
    answer = server.http.post(PATHS[dialect], json=asked(dialect, region=REGION), headers=ASYNC)
    assert answer.status_code == 200, answer.text
    job = the_job(server, id_in(answer.json()))
    kept = server.http.get(f"/v1/jobs/{job['id']}/pictures/mask2")

    assert "ignored" not in answer.json()
    assert (job["state"], job["unheard"]) == ("succeeded", [])
    assert job["request"]["regions"] == [
        {"kind": "water", "boxes": [BOX]},
        {"kind": "smoke", "mask": "mask2"},
    ]
    assert job["pictures"] == ["first", "mask2"]
    assert (kept.content, kept.headers["content-type"]) == (mask(), "image/png")


@pytest.mark.slow
def test_a_form_has_it_as_json_text(server: Serving) -> None:
    fields = {"model": "wan2.7-i2v", "prompt": "static camera", "size": "256x256", "seconds": "2"}
    files = {"input_reference": ("cup.jpg", PHOTO.read_bytes(), "image/jpeg")}
    fields["region"] = json.dumps(REGION)
    answer = server.http.post("/v1/videos", data=fields, files=files)
    assert answer.status_code == 200, answer.text
    job = the_job(server, id_in(answer.json()))

    assert (job["state"], job["pictures"]) == ("succeeded", ["first", "mask2"])


@pytest.mark.parametrize("dialect", PATHS)
def test_what_is_wrong_in_it_is_a_400_that_names_its_place(server: Serving, dialect: str) -> None:
    wrong = [{"kind": "water", "boxes": [[0.0, 0.5, 1.2, 1.0]]}]
    answer = server.http.post(PATHS[dialect], json=asked(dialect, region=wrong), headers=ASYNC)

    assert answer.status_code == 400
    assert "region[0].boxes[0] must be four numbers from 0 to 1" in answer.text


def test_a_key_with_another_region_is_refused(server: Serving) -> None:
    headers = {"Idempotency-Key": "a-region"}
    region = [{"kind": "leaves", "boxes": [BOX]}]
    one, same, other = (
        server.http.post("/v1/videos", json=asked("videos", region=given), headers=headers)
        for given in (region, json.dumps(region), REGION)
    )

    assert one.json()["id"] == same.json()["id"]
    assert (other.status_code, other.json()["error"]["code"]) == (422, "idempotency_key_reused")


def test_a_mask_from_a_private_address_is_refused_at_once(server: Serving) -> None:
    region = [{"kind": "hair", "mask": "http://169.254.169.254/mask.png"}]
    answer = server.http.post("/v1/videos", json=asked("videos", region=region))

    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == "region[0].mask"


def test_the_list_of_models_says_where_it_goes(server: Serving) -> None:
    for model in server.http.get("/v1/models").json()["data"]:
        for post in model["capabilities"]["posts"]:
            sectioned = post["dialect"] in {"tasks", "dashscope"}
            assert post["names"]["region"] == ("parameters.region" if sectioned else "region")
