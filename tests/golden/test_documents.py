"""Every request of the four documents gets its documented answer."""

from __future__ import annotations

import io
import json
import os
import shutil
from pathlib import Path

import av
import pytest

from golden.documents import DOCUMENTS, HERE, KEY, Documents, command_of, sample_of

# Frames of the samples: seconds as documented, at the model's rate.
VIDEOS = {
    "wan2.2-i2v": (5 * 24, 24),
    "sora2-i2v-pro": (4 * 30, 30),
    "wan2.7-i2v": (5 * 30, 30),
    "happyhorse-1.0-i2v": (5 * 24, 24),
}

needs_curl = pytest.mark.skipif(  # in CI they run, and fail without it
    shutil.which("curl") is None and "CI" not in os.environ, reason="curl is not installed"
)


def assert_video(data: bytes, folder: str) -> None:
    """It is the video that the document's sample asks for."""
    frames, rate = VIDEOS[folder]
    with av.open(io.BytesIO(data)) as video:
        stream = video.streams.video[0]
        assert stream.frames == frames
        assert stream.average_rate == rate
        assert not video.streams.audio
        assert 0.9 < stream.width * stream.height / (1280 * 720) <= 1


@pytest.mark.slow
@pytest.mark.parametrize("folder", DOCUMENTS)
def test_the_sample_is_answered_and_polled_to_its_end_as_documented(
    finished: dict[str, str], documents: Documents, folder: str
) -> None:
    documents.send(folder, "success", task_id=finished[folder])


@pytest.mark.parametrize("folder", [name for name in DOCUMENTS if name != "wan2.7-i2v"])
def test_the_url_of_a_finished_task_is_its_video(
    finished: dict[str, str], documents: Documents, folder: str
) -> None:
    answer = documents.get(f"/v1/tasks/status?task_id={finished[folder]}").json()
    video = documents.get(answer["output"]["urls"][0])

    assert video.headers["content-type"] == "video/mp4"
    assert_video(video.content, folder)


def test_the_content_of_a_finished_video_is_its_video(
    finished: dict[str, str], documents: Documents
) -> None:
    video = documents.get(f"/v1/videos/{finished['wan2.7-i2v']}/content")

    assert video.headers["content-type"] == "video/mp4"
    assert_video(video.content, "wan2.7-i2v")
    with av.open(io.BytesIO(video.content)) as opened:
        assert (opened.streams.video[0].width, opened.streams.video[0].height) == (1280, 720)


@pytest.mark.parametrize("folder", DOCUMENTS)
def test_a_sample_whose_picture_is_lost_fails_as_documented(
    documents: Documents, folder: str
) -> None:
    task_id = documents.send(folder, "submit", lost=True)

    documents.poll(folder, task_id, "failure")


def test_content_that_is_asked_for_too_early_is_a_documented_error(documents: Documents) -> None:
    task_id = documents.send("wan2.7-i2v", "submit")
    documents.send("wan2.7-i2v", "content-too-early", task_id=task_id)

    documents.delete(task_id)


@pytest.mark.parametrize("folder", DOCUMENTS)
def test_a_command_and_a_pair_say_the_same(folder: str) -> None:
    written = command_of(folder, "submit").split("--data '")[1].rpartition("'")[0]
    body = sample_of(folder, "submit").request["body"]

    assert json.loads(written) == body


def test_every_folder_of_samples_is_tested() -> None:
    folders = {path.name for path in HERE.iterdir() if (path / "submit.json").exists()}

    assert folders == set(DOCUMENTS)


# --- the documents' own commands -----------------------------------------------------------------


def keys_in(command: str) -> dict[str, str]:
    """The command with its key alone, and after Bearer."""
    alone = command.replace("Authorization: Bearer", "Authorization:")
    return {"alone": alone, "bearer": alone.replace("Authorization:", "Authorization: Bearer")}


@needs_curl
@pytest.mark.parametrize("key", ["alone", "bearer"])
@pytest.mark.parametrize("folder", DOCUMENTS)
def test_the_documents_submit_command_makes_a_task(
    documents: Documents, tmp_path: Path, folder: str, key: str
) -> None:
    command = keys_in(documents.filled(command_of(folder, "submit")))[key]

    answer = documents.curl(command, folder=tmp_path)

    task_id = documents.hold_text(answer, sample_of(folder, "submit"))
    documents.delete(task_id)  # its like is rendered once already


@needs_curl
@pytest.mark.parametrize("key", ["alone", "bearer"])
@pytest.mark.parametrize("folder", DOCUMENTS)
def test_the_documents_status_command_answers_a_finished_task(
    documents: Documents, finished: dict[str, str], tmp_path: Path, folder: str, key: str
) -> None:
    task_id = finished[folder]
    command = keys_in(documents.filled(command_of(folder, "status"), task_id=task_id))[key]

    answer = documents.curl(command, folder=tmp_path)

    documents.hold_text(answer, sample_of(folder, "success"), task_id=task_id)


@needs_curl
def test_the_documents_content_command_saves_the_video(
    documents: Documents, finished: dict[str, str], tmp_path: Path
) -> None:
    task_id = finished["wan2.7-i2v"]
    command = documents.filled(command_of("wan2.7-i2v", "content"), task_id=task_id)

    documents.curl(command, folder=tmp_path)

    assert_video((tmp_path / "output.mp4").read_bytes(), "wan2.7-i2v")


@needs_curl
@pytest.mark.parametrize("folder", DOCUMENTS)
def test_the_documents_command_with_another_key_is_refused(
    documents: Documents, tmp_path: Path, folder: str
) -> None:
    command = documents.filled(command_of(folder, "submit"))
    stranger = command.replace("$API_KEY", "sk-stranger").replace(KEY, "sk-stranger")

    answer = documents.curl(stranger, folder=tmp_path)

    assert '"this API key is not known here"' in answer
