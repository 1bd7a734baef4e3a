"""The official OpenAI SDK works against the server as it did against its own."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from support.openai_clients import openai, sdk
from support.servers import PHOTOS, PictureHost, Serving

POLL_MS = 100
ASTRONAUT = PHOTOS / "astronaut.jpg"
SMALL = {"size": "256x320"}


@pytest.fixture
def client(server: Serving) -> Iterator[openai.OpenAI]:
    with sdk(server.url) as client:
        yield client


def test_a_photo_becomes_a_video_that_is_listed_downloaded_and_deleted(
    client: openai.OpenAI, tmp_path: Path
) -> None:
    video = client.videos.create_and_poll(
        model="sora-2",
        prompt="push in slowly",
        seconds="4",
        size="720x1280",
        input_reference=ASTRONAUT,
        extra_body={"size": "256x320"},
        poll_interval_ms=POLL_MS,
    )
    content = client.videos.download_content(video.id)
    content.write_to_file(tmp_path / "video.mp4")
    found = client.videos.retrieve(video.id)
    listed = [each.id for each in client.videos.list(limit=2)]
    deleted = client.videos.delete(video.id)

    assert (video.status, video.progress, video.error) == ("completed", 100, None)
    assert (video.model, video.seconds, video.size) == ("sora-2", "4", "256x320")
    assert (tmp_path / "video.mp4").read_bytes()[4:8] == b"ftyp"
    assert found == video
    assert listed[0] == video.id
    assert (deleted.id, deleted.deleted, deleted.object) == (video.id, True, "video.deleted")
    with pytest.raises(openai.NotFoundError):
        client.videos.retrieve(video.id)


def test_a_file_is_the_same_picture_in_every_shape_that_the_sdk_takes(
    client: openai.OpenAI,
) -> None:
    photo = ASTRONAUT.read_bytes()
    one_key = {"Idempotency-Key": uuid4().hex}
    with ExitStack() as files:
        shapes: list[Any] = [
            ASTRONAUT,
            photo,
            files.enter_context(ASTRONAUT.open("rb")),
            io.BytesIO(photo),
            ("photo", photo),
            ("photo.png", io.BytesIO(photo), "image/png"),  # it is a JPEG
            ("photo.jpg", photo, "image/jpeg", {"X-Part": "1"}),
        ]
        videos = [
            client.videos.create(
                prompt="pan left", input_reference=shape, extra_body=SMALL, extra_headers=one_key
            )
            for shape in shapes
        ]

    assert len(videos) == len(shapes)
    assert {video.id for video in videos} == {videos[0].id}
    assert (videos[0].status, videos[0].model, videos[0].seconds) == ("queued", "sora-2", "4")
    client.videos.delete(videos[0].id)


@pytest.mark.parametrize("shape", ["image_url", "content"])
def test_a_url_comes_through_the_sdks_extra_body(
    client: openai.OpenAI, pictures: PictureHost, shape: str
) -> None:
    url = f"{pictures.url}/chelsea.jpg"
    content = [{"type": "image_url", "role": "first_frame", "image_url": {"url": url}}]
    reference = {"image_url": url} if shape == "image_url" else {"content": content}

    video = client.videos.create_and_poll(
        model="wan2.7-i2v",
        prompt="push in",
        extra_body={
            "input_reference": reference,
            "size": "320x256",
            "seconds": 2,
            "generate_audio": False,
            "seed": 7,
        },
        poll_interval_ms=POLL_MS,
    )

    assert (video.status, video.seconds) == ("completed", "2")


@pytest.mark.parametrize("url_in", ["extra_body", "post"])
def test_a_url_comes_as_json_without_a_model_as_openai_documents_it(
    client: openai.OpenAI, pictures: PictureHost, url_in: str
) -> None:
    body = {"prompt": "push in", "input_reference": {"image_url": f"{pictures.url}/chelsea.jpg"}}
    if url_in == "post":
        video = client.post("/videos", body=body, cast_to=openai.types.Video)
    else:
        video = client.videos.create(
            prompt="push in",
            extra_body={"input_reference": body["input_reference"]},
            extra_headers={"Content-Type": "application/json"},
        )

    assert (video.status, video.model, video.seconds) == ("queued", "sora-2", "4")
    client.videos.delete(video.id)


def test_the_documented_object_with_a_url_never_leaves_the_sdk(client: openai.OpenAI) -> None:
    """docs/clients/openai-python.md shows the way around it; to be dropped when the SDK can."""
    with pytest.raises(RuntimeError, match="input_reference"):
        client.videos.create(
            prompt="push in", input_reference={"image_url": "https://example.com/cat.jpg"}
        )


def test_the_sdk_sees_a_failure_with_its_reason(
    client: openai.OpenAI, pictures: PictureHost
) -> None:
    video = client.videos.create_and_poll(
        prompt="push in",
        extra_body={"input_reference": {"image_url": f"{pictures.url}/lost.png"}},
        poll_interval_ms=POLL_MS,
    )

    assert video.status == "failed"
    assert video.error is not None
    assert video.error.code == "invalid_image"
    with pytest.raises(openai.BadRequestError, match="task has no video"):
        client.videos.download_content(video.id)


def test_a_video_is_streamed_to_a_file_and_its_parts_can_be_asked_for(
    client: openai.OpenAI, tmp_path: Path
) -> None:
    video = client.videos.create_and_poll(
        prompt="static", input_reference=ASTRONAUT, extra_body=SMALL, poll_interval_ms=POLL_MS
    )
    streaming = client.videos.with_streaming_response
    with streaming.download_content(video.id) as answer:
        answer.stream_to_file(tmp_path / "streamed.mp4")
        length = int(answer.headers["content-length"])
    begun = client.videos.download_content(video.id, extra_headers={"Range": "bytes=4-7"})
    whole = client.videos.download_content(video.id).read()

    assert (tmp_path / "streamed.mp4").read_bytes() == whole
    assert length == len(whole)
    assert (begun.response.status_code, begun.content) == (206, b"ftyp")


def test_every_answer_has_the_id_of_its_request(client: openai.OpenAI) -> None:
    raw = client.videos.with_raw_response.create(
        prompt="pan", input_reference=ASTRONAUT, extra_body=SMALL
    )
    video = raw.parse()
    found = client.videos.retrieve(video.id)
    listed = client.videos.list(limit=1)
    deleted = client.videos.delete(video.id)

    ids = [raw.request_id, found._request_id, listed._request_id, deleted._request_id]
    assert raw.request_id == video._request_id == raw.headers["x-request-id"]
    assert raw.retries_taken == 0
    assert all(ids)
    assert len(set(ids)) == 4


def test_the_sdks_poll_of_a_job_made_elsewhere_ends_with_its_end(
    client: openai.OpenAI, server: Serving, pictures: PictureHost
) -> None:
    task_id = server.submit(
        {
            "model": "wan2.7-i2v",
            "input": {"img_url": f"{pictures.url}/chelsea.jpg"},
            "parameters": {"size": "320x256", "duration": 2},
        }
    )

    video = client.videos.poll(task_id, poll_interval_ms=POLL_MS)

    assert (video.id, video.status) == (task_id, "completed")


def test_the_azure_client_asks_at_its_own_path(server: Serving, pictures: PictureHost) -> None:
    azure = openai.AzureOpenAI(
        base_url=f"{server.url}/openai/v1/", api_key="sk-any", api_version="preview"
    )
    with sdk(server.url) as client, azure:
        video = azure.videos.create(
            prompt="pan",
            extra_body={"input_reference": {"image_url": f"{pictures.url}/lost.png"}},
        )
        found = client.videos.retrieve(video.id)

        assert azure.videos.retrieve(video.id).status in {"queued", "in_progress", "failed"}
        assert found.id == video.id


def test_the_sdks_own_variables_are_all_that_has_to_change(server: Serving) -> None:
    program = "from openai import OpenAI; print(OpenAI().models.list().data[0].id)"
    variables = {"OPENAI_BASE_URL": f"{server.url}/v1", "OPENAI_API_KEY": "sk-any"}
    printed = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | variables,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    ).stdout

    assert printed.strip() == "Wan-AI/Wan2.2-I2V"


def test_the_sdk_lists_the_models(client: openai.OpenAI) -> None:
    assert "wan2.7-i2v" in {model.id for model in client.models.list()}
