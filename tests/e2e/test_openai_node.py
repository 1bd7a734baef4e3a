"""OpenAI's Node SDK, its newest release unchanged, against a real server: only its address is set.

node/videos.mjs uses it; what it prints is asserted here.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import pytest

from support.cutting_proxy import cutting_proxy
from support.node_sdk import FOLDER
from support.npm_folders import WITHIN_S
from support.servers import LOOPBACK_ALLOWED, PHOTOS, PictureHost, Serving

pytestmark = pytest.mark.slow

KEY = "sk-node"
CUTS = 3
# HappyHorse has no engine: that is the operator's mistake, and no caller's.
CONFIG = """
[server]
default_engine = "none"

[models."openai/sora-2/image-to-video-pro"]
engines = ["camera"]

[models."wan2.7-i2v"]
engines = ["camera"]
"""
SHAPES = ("stream", "buffer", "typed", "file", "blob", "response")


class Did(NamedTuple):
    """What the program printed, by step, and how many replies it lost."""

    steps: Mapping[str, Any]
    was_cut: int

    def came(self, step: str) -> Any:
        assert "came" in self.steps[step], self.steps[step]
        return self.steps[step]["came"]


@pytest.fixture(scope="module")
def did(
    node: str, tmp_path_factory: pytest.TempPathFactory, pictures: PictureHost
) -> Iterator[Did]:
    environment = LOOPBACK_ALLOWED | {"UNSTILL_API_KEYS": f"node:{KEY}"}
    folder = tmp_path_factory.mktemp("node")
    with (
        Serving(folder, environment=environment, config=CONFIG) as server,
        cutting_proxy(int(server.url.rpartition(":")[2])) as stormy,
        socket.create_server(("127.0.0.1", 0)) as silent,
    ):
        stormy.cuts = CUTS
        given = {
            "stormy": stormy.url,
            "silent": f"http://127.0.0.1:{silent.getsockname()[1]}",
            "gone": "http://127.0.0.1:1",
            "photo": str(PHOTOS / "astronaut.jpg"),
            "picture": f"{pictures.url}/astronaut.jpg",
        }
        done = subprocess.run(
            [node, "videos.mjs", json.dumps(given)],
            cwd=FOLDER,
            env=os.environ | {"OPENAI_BASE_URL": f"{server.url}/v1", "OPENAI_API_KEY": KEY},
            capture_output=True,
            text=True,
            check=False,
            timeout=WITHIN_S,
        )
        assert done.returncode == 0, f"{done.stderr}\n{server.log[-2000:]}"
        told = [json.loads(line) for line in done.stdout.splitlines()]
        yield Did({each["step"]: each for each in told}, stormy.was_cut)


def test_a_file_is_the_same_picture_in_every_shape_that_the_sdk_takes(did: Did) -> None:
    videos = [did.came(shape) for shape in SHAPES]

    assert len({video["id"] for video in videos}) == 1
    assert (videos[0]["model"], videos[0]["size"], videos[0]["seconds"]) == (
        "sora-2",
        "256x320",
        "4",
    )


def test_a_bare_buffer_which_the_sdk_sends_in_pieces_is_refused(did: Did) -> None:
    step = did.steps["bare buffer"]

    assert (step["error"], step["status"]) == ("BadRequestError", 400)
    assert "input_reference" in step["message"]


def test_the_unified_documents_fields_come_through_the_sdk(did: Did) -> None:
    video = did.came("url of its own")

    assert (video["model"], video["size"], video["seconds"]) == ("wan2.7-i2v", "320x256", "2")


def test_a_url_becomes_a_video_that_is_downloaded_listed_and_deleted(did: Did) -> None:
    life = did.came("life")
    video = life["video"]

    assert life["created"]["status"] == "queued"
    assert life["shown"] == sorted(life["shown"])
    assert max(life["shown"]) < 100
    assert (video["status"], video["progress"], video["error"]) == ("completed", 100, None)
    assert (video["model"], video["seconds"], video["size"]) == ("sora-2", "4", "256x320")
    assert life["found"] == video
    assert life["newest"] == video["id"]
    assert life["deleted"] == {"id": video["id"], "object": "video.deleted", "deleted": True}


def test_the_download_is_the_whole_mp4_or_the_part_asked_for(did: Did) -> None:
    life = did.came("life")

    assert (life["type"], life["box"]) == ("video/mp4", "ftyp")
    assert life["bytes"] == life["promised"]
    assert life["part"] == [206, "ftyp"]


def test_the_create_call_has_its_request_id_and_says_when_to_ask_again(did: Did) -> None:
    life = did.came("life")

    assert life["requestIds"][0]
    assert len(set(life["requestIds"])) == 1
    assert 1000 <= int(life["pollAfterMs"]) <= 5000


def test_a_failed_video_has_its_reason(did: Did) -> None:
    video = did.came("failure")

    assert video["status"] == "failed"
    assert video["error"]["code"] == "invalid_image"
    assert video["error"]["message"].startswith("input_reference.image_url: ")


def test_every_page_of_a_list_is_read_once(did: Did) -> None:
    listed = did.came("list")

    assert len(listed["whole"]) > 2
    assert listed["by_3"] == listed["whole"] == listed["oldest_first"][::-1]
    assert len(set(listed["whole"])) == len(listed["whole"])


def test_the_sdk_lists_the_models(did: Did) -> None:
    assert "wan2.7-i2v" in did.came("models")


@pytest.mark.parametrize(
    ("step", "kind", "status", "names"),
    [
        ("no picture", "BadRequestError", 400, ("missing_parameter", "input_reference")),
        ("wrong seconds", "BadRequestError", 400, ("invalid_parameter", "seconds")),
        ("no such model", "BadRequestError", 400, ("model_not_found", "model")),
        ("too early", "BadRequestError", 400, ("not_ready", None)),
        ("wrong key", "AuthenticationError", 401, ("invalid_api_key", None)),
        ("not there", "NotFoundError", 404, ("task_not_found", None)),
        ("model not there", "NotFoundError", 404, ("model_not_found", "model")),
        (
            "key used again",
            "UnprocessableEntityError",
            422,
            ("idempotency_key_reused", "Idempotency-Key"),
        ),
        ("too large", "APIError", 413, ("body_too_large", None)),
        ("strange body", "APIError", 415, ("unsupported_content_type", None)),
        ("no engine", "InternalServerError", 503, ("misconfigured", None)),
    ],
)
def test_what_goes_wrong_is_an_error_of_its_class_with_its_fields(
    did: Did, step: str, kind: str, status: int, names: tuple[str, str | None]
) -> None:
    """`names`: its code, and the field that it is about."""
    error = did.steps[step]

    assert (error["error"], error["status"]) == (kind, status)
    assert (error["code"], error["param"]) == names
    assert error["type"]
    assert error["requestID"]
    assert str(status) in error["message"]


@pytest.mark.parametrize(
    ("step", "kind"),
    [
        ("gone", "APIConnectionError"),
        ("silent", "APIConnectionTimeoutError"),
        ("aborted", "APIUserAbortError"),
    ],
)
def test_an_answer_that_never_comes_is_an_error_of_its_class(
    did: Did, step: str, kind: str
) -> None:
    assert did.steps[step]["error"] == kind


def test_a_storm_of_the_sdks_retries_makes_one_job(did: Did) -> None:
    storm = did.came("storm")

    assert did.was_cut == CUTS
    assert storm["made"] == [storm["id"]]
