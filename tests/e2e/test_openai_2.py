"""The OpenAI SDK before its release 3, unchanged, against a real server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import av
import pytest

from support.older_clients import Steps, needs_older_clients, steps_of
from support.servers import LOOPBACK_ALLOWED, PHOTOS, PictureHost, Serving

pytestmark = [needs_older_clients, pytest.mark.slow]


class Used(NamedTuple):
    """What a program got, and where it saved what it downloaded."""

    steps: Steps
    folder: Path


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory, pictures: PictureHost) -> Iterator[Used]:
    environment = LOOPBACK_ALLOWED | {"UNSTILL_API_KEYS": "team-a:sk-one"}
    folder = tmp_path_factory.mktemp("program")
    with Serving(tmp_path_factory.mktemp("server"), environment=environment) as server:
        steps = steps_of(
            "openai_2_calls",
            f"{server.url}/v1",
            str(PHOTOS / "astronaut.jpg"),
            f"{pictures.url}/astronaut.jpg",
            str(folder),
            home=folder,
            server=server,
        )
        yield Used(steps, folder)


def test_the_release_is_an_older_one(used: Used) -> None:
    assert used.steps.got("release").startswith("2.")


@pytest.mark.parametrize("form", ["file", "path", "bytes", "stream", "named", "address"])
def test_a_picture_is_taken_in_every_form_that_the_sdk_sends(used: Used, form: str) -> None:
    made = used.steps.got(form)

    assert (made["status"], made["progress"], made["error"]) == ("completed", 100, None)
    assert (made["model"], made["seconds"], made["size"]) == ("sora-2", "4", "256x320")


def test_a_video_is_polled_retrieved_listed_saved_and_deleted(used: Used) -> None:
    steps = used.steps
    video_id = steps.got("created")["id"]
    saved = used.folder / "video.mp4"

    assert steps.got("polled")["status"] == "completed"
    assert steps.got("retrieved") == steps.got("polled")
    # Auto-paging goes on past the page of two: the six pictures' videos and this one.
    assert len(set(steps.got("listed"))) == len(steps.got("listed")) == 7
    assert steps.got("listed")[0] == video_id
    assert steps.got("streamed") == saved.stat().st_size
    assert steps.got("deleted") == {"id": video_id, "object": "video.deleted", "deleted": True}
    with av.open(saved) as video:
        stream = video.streams.video[0]
        assert (stream.width, stream.height, stream.frames) == (256, 320, 4 * 30)


def test_a_failed_video_has_its_reason(used: Used) -> None:
    failed = used.steps.got("failed")

    assert (failed["status"], failed["error"]["code"]) == ("failed", "invalid_image")
    assert failed["error"]["message"].startswith("input_reference.image_url: ")


@pytest.mark.parametrize(
    ("step", "seen"),
    [
        ("gone", ("NotFoundError", 404, "task_not_found", None)),
        ("content of failed", ("BadRequestError", 400, "no_video", None)),
        ("no picture", ("BadRequestError", 400, "missing_parameter", "input_reference")),
        ("wrong length", ("BadRequestError", 400, "invalid_parameter", "seconds")),
        ("wrong key", ("AuthenticationError", 401, "invalid_api_key", None)),
        (
            "reused key",
            ("UnprocessableEntityError", 422, "idempotency_key_reused", "Idempotency-Key"),
        ),
    ],
)
def test_an_error_is_of_the_sdks_class_with_code_param_and_request_id(
    used: Used, step: str, seen: tuple[str, int, str, str | None]
) -> None:
    error = used.steps.error(step)

    assert (error["classes"][0], error["status"], error["code"], error["param"]) == seen
    assert error["type"] in {"invalid_request_error", "authentication_error"}
    assert len(error["request_id"]) == 32


def test_a_remix_is_refused_and_not_tried_again(used: Used) -> None:
    assert used.steps.error("remix")["status"] in {400, 404}


def test_no_server_is_a_connection_error(used: Used) -> None:
    assert used.steps.error("no server")["classes"][0] == "APIConnectionError"


def test_a_repeated_call_with_a_key_gives_the_first_video(used: Used) -> None:
    assert used.steps.got("once") == used.steps.got("twice")


def test_the_asynchronous_client_does_the_same(used: Used) -> None:
    assert used.steps.got("asynchronous") == {
        "status": "completed",
        "head": "ftyp",
        "is_newest": True,
    }
