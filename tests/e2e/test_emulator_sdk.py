"""The emulators are checked by real clients: the providers' own SDKs, unchanged."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import httpx2
import pytest

from support.emulator_process import KEY, Emulator
from support.servers import PHOTOS

pytestmark = pytest.mark.slow

if TYPE_CHECKING:
    import openai
else:
    openai = pytest.importorskip("openai", reason="the openai package is not installed")

PICTURE = "https://example.com/cat.png"  # an emulator fetches none
PROGRAM = Path(__file__).with_name("dashscope_calls.py")
HAS_DASHSCOPE = importlib.util.find_spec("dashscope") is not None


class Used(NamedTuple):
    emulator: Emulator
    got: Any  # what the program printed


@pytest.fixture(scope="module")
def used(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Used]:
    """A DashScope emulator that one generation of the SDK has been through."""
    if not HAS_DASHSCOPE:
        pytest.skip("the dashscope package is not installed")
    with Emulator("dashscope", job_s=3, requests_per_s=0) as emulator:
        yield Used(emulator, calls(emulator, request.param, tmp_path_factory.mktemp("home")))


def only(generation: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("used", [generation], indirect=True)


@pytest.fixture(scope="module")
def openai_emulator() -> Iterator[Emulator]:
    with Emulator("openai", job_s=1) as emulator:
        yield emulator


@pytest.fixture
def client(openai_emulator: Emulator) -> Iterator[openai.OpenAI]:
    with (
        warnings.catch_warnings(),
        openai.OpenAI(base_url=f"{openai_emulator.url}/v1", api_key=KEY, max_retries=0) as client,
    ):
        # The SDK deprecated every method of `videos` when OpenAI switched its own off.
        warnings.simplefilter("ignore", DeprecationWarning)
        yield client


def calls(emulator: Emulator, generation: str, home: Path) -> Any:
    """What the program got, with nothing in its environment but the SDK's own settings."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "DASHSCOPE_HTTP_BASE_URL": f"{emulator.url}/api/v1",
        "DASHSCOPE_API_KEY": KEY,
    }
    done = subprocess.run(
        [sys.executable, str(PROGRAM), generation, str(PHOTOS / "chelsea.jpg"), PICTURE],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@only("older")
def test_the_older_dashscope_sdk_gets_all_that_it_documents(used: Used) -> None:
    got = used.got
    video = httpx2.get(got["called"]["output"]["video_url"])

    assert got["called"]["output"]["task_status"] == "SUCCEEDED"
    assert got["called"]["usage"]["output_video_duration"] == 2
    assert video.content[4:8] == b"ftyp"
    assert got["cancelled"]["status"] == 200
    assert got["after_cancel"]["output"]["task_status"] == "CANCELED"
    assert (got["too_late"]["status"], got["too_late"]["code"]) == (400, "UnsupportedOperation")
    assert got["keyframes"]["output"]["task_status"] == "SUCCEEDED"
    assert got["local"]["output"]["task_status"] == "SUCCEEDED"
    assert (got["refused"]["status"], got["refused"]["code"]) == (400, "InvalidParameter")
    assert got["listed"]["output"]["total"] == 3
    assert got["unknown"]["output"]["task_status"] == "UNKNOWN"


@only("older")
def test_a_local_file_of_the_dashscope_sdk_arrives_as_an_upload(used: Used) -> None:
    log = used.emulator.log()
    stored = next(entry for entry in log if entry["path"] == "/oss")
    bodies = [entry["body"] for entry in log if entry["job_id"]]
    local = next(body for body in bodies if body["input"]["prompt"] == "local")

    assert stored["status"] == 200
    assert stored["body"]["file"]["file_name"] == "chelsea.jpg"
    assert local["input"]["media"][0]["url"] == f"oss://{stored['body']['key']}"


@only("older_asynchronous")
def test_the_asynchronous_dashscope_sdk_asks_with_slashes_and_is_understood(used: Used) -> None:
    got = used.got
    polls = [entry["path"] for entry in used.emulator.log() if entry["place"] == "poll"]

    assert got["called"]["output"]["task_status"] == "SUCCEEDED"
    assert got["too_late"]["code"] == "UnsupportedOperation"
    assert got["listed"]["output"]["total"] == 1
    assert polls[0].endswith("/")


@only("newer")
def test_the_newer_dashscope_sdk_gets_all_that_it_documents(used: Used) -> None:
    got = used.got

    assert got["made"]["status"] == "SUCCEEDED"
    assert httpx2.get(got["made"]["url"]).status_code == 200
    assert got["older_model"] == "SUCCEEDED"
    assert got["cancelled"] == "CANCELED"
    assert got["made_id"] in got["listed"]
    assert got["refused"][1] == "InvalidParameter"


def test_the_openai_sdk_makes_polls_downloads_lists_and_deletes_a_video(
    client: openai.OpenAI, tmp_path: Path
) -> None:
    video = client.videos.create_and_poll(
        model="sora-2-pro", prompt="a cat", seconds="8", size="1280x720", poll_interval_ms=100
    )
    client.videos.download_content(video.id).write_to_file(tmp_path / "video.mp4")
    listed = [each.id for each in client.videos.list(limit=1)]
    deleted = client.videos.delete(video.id)

    assert (video.status, video.progress, video.seconds) == ("completed", 100, "8")
    assert (tmp_path / "video.mp4").read_bytes()[4:8] == b"ftyp"
    assert listed[0] == video.id
    assert (deleted.id, deleted.deleted) == (video.id, True)
    with pytest.raises(openai.NotFoundError):
        client.videos.retrieve(video.id)


def test_the_openai_sdk_reads_a_refusal(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        client.videos.create(
            prompt="a cat", size="1280x720", input_reference=PHOTOS / "chelsea.jpg"
        )

    assert "Inpaint image must match" in refused.value.message
