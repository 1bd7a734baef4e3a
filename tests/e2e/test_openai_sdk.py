"""The official OpenAI SDK works against the server as it did against its own."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from serving import PHOTOS, PictureHost, Serving

if TYPE_CHECKING:
    import openai
else:
    openai = pytest.importorskip("openai", reason="the openai package is not installed")

POLL_MS = 100


@pytest.fixture
def client(server: Serving) -> Iterator[openai.OpenAI]:
    with (
        warnings.catch_warnings(),
        openai.OpenAI(base_url=f"{server.url}/v1", api_key="sk-any", max_retries=0) as client,
    ):
        # The SDK deprecated every method of `videos` when OpenAI switched its own off.
        warnings.simplefilter("ignore", DeprecationWarning)
        yield client


def test_a_photo_becomes_a_video_that_is_listed_downloaded_and_deleted(
    client: openai.OpenAI, tmp_path: Path
) -> None:
    video = client.videos.create_and_poll(
        model="sora-2",
        prompt="push in slowly",
        seconds="4",
        size="720x1280",
        input_reference=PHOTOS / "astronaut.jpg",
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


def test_a_file_of_bytes_without_a_name_is_taken(client: openai.OpenAI) -> None:
    photo = (PHOTOS / "astronaut.jpg").read_bytes()

    video = client.videos.create(prompt="pan left", input_reference=photo)

    assert (video.status, video.model, video.seconds) == ("queued", "sora-2", "4")
    client.videos.delete(video.id)


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


def test_the_sdk_names_the_wrong_field(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        client.videos.create(prompt="push in", input_reference=b"no picture")

    assert (refused.value.param, refused.value.code) == ("input_reference", "invalid_image")
    assert refused.value.request_id


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
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        with openai.OpenAI(base_url=f"{server.url}/openai/v1", api_key="sk-any") as azure:
            video = azure.videos.create(
                prompt="pan",
                extra_body={"input_reference": {"image_url": f"{pictures.url}/lost.png"}},
                extra_query={"api-version": "preview"},
            )

            assert azure.videos.retrieve(video.id).status in {"queued", "in_progress", "failed"}


def test_the_sdk_lists_the_models(client: openai.OpenAI) -> None:
    assert "wan2.7-i2v" in {model.id for model in client.models.list()}
