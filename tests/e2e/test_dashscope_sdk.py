"""DashScope's official SDK, unchanged, against a real server: only its address and key are set."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx2
import pytest

from support.free_ports import free_port
from support.servers import LOOPBACK_ALLOWED, PHOTOS, PictureHost, Serving
from support.webhook_receiver import SECRET, receiving

PROGRAM = Path(__file__).with_name("dashscope_calls.py")
KEY = "sk-dashscope"
# Names that the SDK's documents use and that are not models of ours by themselves.
CONFIG = """
[models."wan2.6-i2v-flash"]
like = "wan2.7-i2v"

[models."wan2.2-i2v-flash"]
like = "Wan-AI/Wan2.2-I2V"

[models."wan2.2-kf2v-flash"]
like = "Wan-AI/Wan2.2-I2V"
"""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        importlib.util.find_spec("dashscope") is None,
        reason="the dashscope package is not installed",
    ),
]


class Used(NamedTuple):
    server: Serving
    got: Any  # what the program printed


@pytest.fixture(scope="module")
def used(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    pictures: PictureHost,
) -> Iterator[Used]:
    """A server that one generation of the SDK has been through."""
    environment = LOOPBACK_ALLOWED | {"UNSTILL_API_KEYS": f"team-a:{KEY}"}
    folder = tmp_path_factory.mktemp("server")
    with Serving(folder, environment=environment, config=CONFIG) as server:
        home = tmp_path_factory.mktemp("home")
        yield Used(server, calls(server, request.param, f"{pictures.url}/chelsea.jpg", home))


def only(generation: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("used", [generation], indirect=True)


def calls(server: Serving, generation: str, picture: str, home: Path) -> Any:
    """What the program got, with nothing in its environment but the SDK's own settings."""
    done = subprocess.run(
        [sys.executable, str(PROGRAM), generation, str(PHOTOS / "chelsea.jpg"), picture],
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "DASHSCOPE_HTTP_BASE_URL": f"{server.url}/api/v1",
            "DASHSCOPE_API_KEY": KEY,
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr + server.log
    return json.loads(done.stdout)


@pytest.mark.slow
@only("older")
def test_the_older_sdk_makes_waits_fetches_lists_and_cancels(used: Used) -> None:
    got = used.got
    video = httpx2.get(got["called"]["output"]["video_url"])

    assert got["called"]["output"]["task_status"] == "SUCCEEDED"
    assert got["called"]["usage"]["output_video_duration"] == 2
    assert got["called"]["usage"]["SR"] == 720
    assert video.content[4:8] == b"ftyp"
    assert got["cancelled"]["status"] == 200
    assert got["after_cancel"]["output"]["task_status"] == "CANCELED"
    assert (got["too_late"]["status"], got["too_late"]["code"]) == (400, "UnsupportedOperation")
    assert got["keyframes"]["output"]["task_status"] == "SUCCEEDED"
    assert got["unknown"]["output"]["task_status"] == "UNKNOWN"
    # Made: called, keyframes, local; perhaps already the one with an exact size.
    assert got["listed"]["output"]["total"] >= 3
    assert {row["status"] for row in got["listed"]["output"]["data"]} == {"SUCCEEDED"}


@only("older")
def test_the_exact_size_that_the_unified_document_has_is_taken_here_too(used: Used) -> None:
    assert used.got["refused"]["status"] == 200  # by DashScope's own documents it would be


@only("older")
def test_a_local_file_of_the_older_sdk_arrives_through_an_upload_policy(used: Used) -> None:
    stored = [path.read_bytes() for path in (used.server.data_dir / "uploads").iterdir()]

    assert used.got["local"]["output"]["task_status"] == "SUCCEEDED"
    assert stored == [(PHOTOS / "chelsea.jpg").read_bytes()]


@pytest.mark.slow
@only("older_asynchronous")
def test_the_asynchronous_sdk_asks_with_slashes_and_junk_and_is_understood(used: Used) -> None:
    got = used.got

    assert got["called"]["output"]["task_status"] == "SUCCEEDED"
    assert got["too_late"]["code"] == "UnsupportedOperation"
    assert got["listed"]["output"]["total"] == 1


@pytest.mark.slow
@only("newer")
def test_the_newer_sdk_makes_waits_fetches_lists_and_cancels(used: Used) -> None:
    got = used.got

    assert got["made"]["status"] == "SUCCEEDED"
    assert got["made"]["usage"]["output_video_duration"] == 2
    assert httpx2.get(got["made"]["url"]).status_code == 200
    assert got["older_model"] == "SUCCEEDED"
    assert got["cancelled"] == "CANCELED"
    assert got["made_id"] in got["listed"]
    assert got["refused"][1] == "InvalidParameter"


@only("newer")
def test_a_local_file_of_the_newer_sdk_arrives_through_an_upload_policy(used: Used) -> None:
    assert len(list((used.server.data_dir / "uploads").iterdir())) == 1


# As its documents show a call of each generation, with one field more.
ASKING_FOR_EVENTS = """
import sys
from dashscope import Client, VideoSynthesis
picture, receiver = sys.argv[1:]
older = VideoSynthesis.async_call(model="wan2.7-i2v", img_url=picture, webhook_url=receiver)
more = {"webhook_url": receiver}
newer = Client().videos.jobs.create(model="wan2.7-i2v", image_url=picture, parameters=more)
print(older.output.task_id, newer.task_id)
"""


def test_both_generations_of_the_sdk_can_ask_for_an_event(tmp_path: Path) -> None:
    no_picture = f"http://127.0.0.1:{free_port()}/cat.jpg"  # a job of it fails at once
    signing = {"UNSTILL_WEBHOOK_SECRET": SECRET}
    with (
        receiving() as receiver,
        Serving(tmp_path, environment=LOOPBACK_ALLOWED | signing) as server,
    ):
        where = {"DASHSCOPE_HTTP_BASE_URL": f"{server.url}/api/v1", "DASHSCOPE_API_KEY": "none"}
        command = [sys.executable, "-c", ASKING_FOR_EVENTS, no_picture, receiver.url]
        done = subprocess.run(
            command,
            env=os.environ | where,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        got = receiver.wait(2)

    assert done.returncode == 0, done.stderr
    assert sorted(json.loads(each.body)["data"]["id"] for each in got) == done.stdout.split()
