"""LiteLLM, unchanged, against a real server: only the address and the key are its user's."""

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
    """A server that a program has been through with one provider of LiteLLM."""

    provider: str
    server: Serving
    folder: Path  # where the program saved what it downloaded
    steps: Steps


@pytest.fixture(scope="module", params=["openai", "hosted_vllm", "azure"])
def used(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    pictures: PictureHost,
) -> Iterator[Used]:
    provider: str = request.param
    environment = LOOPBACK_ALLOWED | {"UNSTILL_API_KEYS": "team-a:sk-one"}
    folder = tmp_path_factory.mktemp("program")
    with Serving(tmp_path_factory.mktemp("server"), environment=environment) as server:
        steps = steps_of(
            "litellm_calls",
            provider,
            server.url if provider == "azure" else f"{server.url}/v1",
            str(PHOTOS / "astronaut.jpg"),
            f"{pictures.url}/astronaut.jpg",
            str(folder),
            home=folder,
            server=server,
        )
        yield Used(provider, server, folder, steps)


def test_an_open_file_becomes_a_video_that_is_saved(used: Used) -> None:
    made = used.steps.got("file")
    states = [state for state, _ in made["states"]]
    progress = [percent for _, percent in made["states"]]

    assert (made["object"], made["model"], made["size"]) == ("video", "wan2.7-i2v", "320x256")
    assert (states[-1], progress[-1]) == ("completed", 100)
    assert set(states[:-1]) <= {"queued", "in_progress"}
    assert progress == sorted(progress)
    assert max(progress[:-1]) < 100
    with av.open(used.folder / f"{used.provider}.mp4") as video:
        stream = video.streams.video[0]
        assert (stream.width, stream.height, stream.frames) == (320, 256, 2 * 30)


@pytest.mark.parametrize("form", ["bytes", "stream", "address", "reference", "extra"])
def test_a_picture_is_taken_in_every_form_that_litellm_sends(used: Used, form: str) -> None:
    made = used.steps.got(form)

    assert (made["status"], made["seconds"], made["error"]) == ("completed", "2", None)


def test_the_servers_own_id_is_inside_litellms(used: Used) -> None:
    made = used.steps.got("file")
    headers = {"authorization": "Bearer sk-one"}
    video = used.server.http.get(f"/v1/videos/{made['own_id']}", headers=headers)

    assert made["id"].startswith("video_")
    assert video.json()["status"] == "completed"


def test_a_failure_comes_with_its_reason_in_the_callers_words(used: Used) -> None:
    failed = used.steps.got("failed")
    refused = used.steps.error("content of failed")

    assert (failed["status"], failed["error"]["code"]) == ("failed", "invalid_image")
    assert failed["error"]["message"].startswith("image_reference.image_url: ")
    assert (refused["status"], refused["classes"][0]) == (400, "BadRequestError")
    assert "no_video" in refused["message"]


@pytest.mark.parametrize(
    ("step", "status", "kind", "said"),
    [
        ("content early", 400, "BadRequestError", "task is not completed yet"),
        ("wrong length", 400, "BadRequestError", "seconds must be a whole number from 2 to 15"),
        ("no picture", 400, "BadRequestError", "input_reference is required"),
        # LiteLLM's own class for these two depends on the provider.
        ("unknown model", 400, "APIStatusError", "model must be one of"),
        ("unknown video", 404, "APIStatusError", "no task 'video-of-nobody'"),
        ("reused key", 422, "BadRequestError", "was sent with other fields before"),
        ("wrong key", 401, "AuthenticationError", "this API key is not known here"),
    ],
)
def test_an_error_has_our_status_and_says_what_is_wrong(
    used: Used, step: str, status: int, kind: str, said: str
) -> None:
    error = used.steps.error(step)

    assert error["status"] == status
    assert kind in error["classes"]
    assert said in error["message"]


def test_a_remix_is_refused_and_not_tried_again(used: Used) -> None:
    error = used.steps.error("remix")

    assert "APIStatusError" in error["classes"]
    assert error["status"] in {400, 404}


def test_the_list_goes_on_page_by_page_to_its_end(used: Used) -> None:
    pages = used.steps.got("pages")
    ids = [video_id for page in pages for video_id in page]

    assert [len(page) for page in pages[:-1]] == [3] * (len(pages) - 1)
    assert len(ids) == len(set(ids)) == 9  # six pictures, the failed, the slow, the remixed


def test_a_repeated_call_with_a_key_gives_the_first_video(used: Used) -> None:
    assert used.steps.got("once") == used.steps.got("twice")


def test_the_asynchronous_calls_do_the_same(used: Used) -> None:
    assert used.steps.got("asynchronous") == {"status": "completed", "head": "ftyp"}
