"""A picture that makes a large body, through a server with its children, in every dialect."""

from __future__ import annotations

from base64 import b64encode
from io import BytesIO
from random import Random
from typing import Any

import pytest
from PIL import Image

from support.create_calls import DIALECTS, FLAT, body_of, picture_section
from support.servers import Serving
from unstill.server.body_limits import LARGE_BYTES
from unstill.server.body_readers import BODIES
from unstill.system.job_folders import JOBS, folder_of

PATHS = {
    "tasks": "/v1/tasks/submit",
    "videos": "/v1/videos",
    "openai": "/openai/v1/videos",
    "dashscope": "/api/v1/services/aigc/video-generation/video-synthesis",
}
ASYNC = {"X-DashScope-Async": "enable"}


def noise() -> bytes:
    """A PNG that no packing makes smaller."""
    file = BytesIO()
    Image.frombytes("RGB", (800, 600), Random(1).randbytes(800 * 600 * 3)).save(file, "PNG")
    return file.getvalue()


PNG = noise()
TEXT = "data:image/png;base64," + b64encode(PNG).decode()


def asked(dialect: str, text: str) -> dict[str, Any]:
    body = body_of(dialect, duration=2) if dialect not in FLAT else body_of(dialect, seconds="2")
    section = picture_section(dialect, body)
    for name in ("input_reference", "first_frame_url"):
        section.pop(name, None)
    section["image_url"] = text
    return body


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_large_picture_is_taken_in_json_and_in_a_form(server: Serving, dialect: str) -> None:
    assert len(PNG) > LARGE_BYTES
    name = "image_url" if dialect in FLAT else "input[image_url]"
    fields = {"model": "wan2.7-i2v", "prompt" if dialect in FLAT else "input[prompt]": "push in"}
    file = {name: ("cat.png", PNG)}
    sendings: list[dict[str, Any]] = [
        {"json": asked(dialect, TEXT)},
        {"data": fields, "files": file},
        {"data": fields | {name: TEXT}},
        {"files": {key: (None, value) for key, value in (fields | {name: TEXT}).items()}},
    ]
    for sent in sendings:
        answer = server.http.post(PATHS[dialect], headers=ASYNC, **sent)

        assert answer.status_code == 200, answer.text
        job_id = answer.json().get("id") or answer.json()["output"]["task_id"]
        folder = folder_of(server.data_dir / JOBS, job_id)
        assert (folder / "first-frame").read_bytes() == PNG
        assert server.http.delete(f"/v1/videos/{job_id}").status_code == 200
    assert list((server.data_dir / BODIES).iterdir()) == []


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_large_picture_that_is_broken_is_refused_by_its_place(
    server: Serving, dialect: str
) -> None:
    answer = server.http.post(PATHS[dialect], json=asked(dialect, TEXT + "!"), headers=ASYNC)

    assert answer.status_code == 400
    section = "" if dialect in FLAT else "input."
    assert f"{section}image_url must be an http(s) URL, a data URL" in answer.text
    place = len(TEXT.partition(",")[2])
    assert f"'!' at character {place} of its base64" in answer.text
