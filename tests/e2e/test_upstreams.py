"""Every document's request on every upstream that can serve it: what is sent, and what comes home.

A real server, configured by an unstill.toml, and the upstreams' emulators as processes. The bodies
are held against the upstreams' own documents, field for field.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import av
import pytest

from support.emulator_process import Emulator
from support.requests import MINIMAX, SEEDANCE20
from support.servers import PictureHost, Serving
from support.settings_files import ONLY_UPSTREAMS, engine, model
from unstill.emulators import KINDS
from unstill.models.catalogue import Catalogue

GOLDEN = Path(__file__).parents[1] / "golden"
ID_OF = {
    "wan2.2-i2v": "Wan-AI/Wan2.2-I2V",
    "sora2-i2v-pro": "openai/sora-2/image-to-video-pro",
    "wan2.7-i2v": "wan2.7-i2v",
    "happyhorse-1.0-i2v": "happyhorse-1.0-i2v",
}
PATHS = {"tasks": "/v1/tasks/submit", "videos": "/v1/videos"}  # of a create call, by dialect
SKETCH = "Convert to quick pencil sketch"
ALIVE = "The image is coming to life"
CAT = "一只猫在草地上奔跑"
GIRL = "女孩睁开眼,温柔地看向镜头"
WALK = "让画面中的角色向前走两步,镜头轻微推进,电影感光影。"

OPENROUTER_FRAME = {
    "type": "image_url",
    "image_url": {"url": "<jpeg>"},
    "frame_type": "first_frame",
}

# What the engine's upstream documents for the sample; in angle brackets what differs each time.
BODIES: dict[tuple[str, str], dict[str, Any]] = {
    ("dashscope", "wan2.2-i2v"): {
        "model": "wan2.2-kf2v-flash",
        "input": {"prompt": SKETCH, "first_frame_url": "<jpeg>", "last_frame_url": "<jpeg>"},
        "parameters": {
            "resolution": "720P",
            "duration": 5,
            "prompt_extend": True,
            "watermark": False,
            "seed": "<seed>",
        },
    },
    ("dashscope", "sora2-i2v-pro"): {
        "model": "wan2.7-i2v",
        "input": {"prompt": ALIVE, "media": [{"type": "first_frame", "url": "<jpeg>"}]},
        "parameters": {
            "resolution": "720P",
            "duration": 4,
            "prompt_extend": True,
            "watermark": False,
            "seed": "<seed>",
        },
    },
    ("dashscope", "wan2.7-i2v"): {
        "model": "wan2.7-i2v",
        "input": {"prompt": WALK, "media": [{"type": "first_frame", "url": "<jpeg>"}]},
        "parameters": {
            "resolution": "720P",
            "duration": 5,
            "prompt_extend": True,
            "watermark": False,
            "seed": "<seed>",
        },
    },
    ("dashscope", "happyhorse-1.0-i2v"): {
        "model": "happyhorse-1.0-i2v",
        "input": {"prompt": CAT, "media": [{"type": "first_frame", "url": "<jpeg>"}]},
        "parameters": {"resolution": "720P", "duration": 5, "watermark": True, "seed": "<seed>"},
    },
    ("modelverse", "wan2.2-i2v"): {
        "model": "Wan-AI/Wan2.2-I2V",
        "input": {"prompt": SKETCH, "first_frame_url": "<jpeg>", "last_frame_url": "<jpeg>"},
        "parameters": {"resolution": "720P", "duration": 5, "seed": "<seed>"},
    },
    ("modelverse", "sora2-i2v-pro"): {
        "model": "openai/sora-2/image-to-video-pro",
        "input": {"prompt": ALIVE, "first_frame_url": "<jpeg>"},
        "parameters": {"resolution": "720p", "duration": 4},
    },
    ("modelverse", "wan2.7-i2v"): {
        "model": "wan2.7-i2v",
        "input": {"prompt": WALK, "media": [{"type": "first_frame", "url": "<jpeg>"}]},
        "parameters": {
            "resolution": "720P",
            "duration": 5,
            "prompt_extend": True,
            "watermark": False,
            "audio": False,
            "seed": "<seed>",
        },
    },
    ("modelverse", "happyhorse-1.0-i2v"): {
        "model": "happyhorse-1.0-i2v",
        "input": {"prompt": CAT, "img_url": "<jpeg>"},
        "parameters": {"resolution": "720P", "duration": 5, "watermark": True, "seed": "<seed>"},
    },
    ("fal", "wan2.2-i2v"): {
        "prompt": SKETCH,
        "image_url": "<jpeg>",
        "end_image_url": "<jpeg>",
        "num_frames": 81,
        "frames_per_second": 16,
        "resolution": "720p",
        "seed": "<seed>",
    },
    ("fal", "sora2-i2v-pro"): {
        "prompt": ALIVE,
        "image_url": "<jpeg>",
        "duration": "4",
        "resolution": "720p",
        "seed": "<seed>",
    },
    ("fal", "wan2.7-i2v"): {
        "prompt": WALK,
        "image_url": "<jpeg>",
        "duration": 5,
        "resolution": "720p",
        "seed": "<seed>",
    },
    ("fal", "happyhorse-1.0-i2v"): {
        "prompt": CAT,
        "image_url": "<jpeg>",
        "duration": 5,
        "resolution": "720p",
        "seed": "<seed>",
    },
    ("fal", "kling-v3"): {
        "prompt": "The cat turns its head",
        "start_image_url": "<jpeg>",
        "duration": "5",
        "generate_audio": False,
    },
    ("ark", SEEDANCE20): {
        "model": "doubao-seedance-2-0-260128",
        "content": [
            {"type": "text", "text": GIRL},
            {"type": "image_url", "image_url": {"url": "<jpeg>"}, "role": "first_frame"},
            {"type": "image_url", "image_url": {"url": "<jpeg>"}, "role": "last_frame"},
        ],
        "resolution": "720p",
        "ratio": "adaptive",
        "duration": 5,
        "watermark": False,
        "generate_audio": True,
    },
    ("ark", "sora2-i2v-pro"): {
        "model": "doubao-seedance-2-0-260128",
        "content": [
            {"type": "text", "text": ALIVE},
            {"type": "image_url", "image_url": {"url": "<jpeg>"}, "role": "first_frame"},
        ],
        "resolution": "720p",
        "ratio": "adaptive",
        "duration": 4,
        "watermark": False,
        "generate_audio": True,
    },
    ("runware", "wan2.7-i2v"): {
        "taskType": "videoInference",
        "taskUUID": "<uuid>",
        "model": "alibaba:wan@2.7",
        "deliveryMethod": "async",
        "outputType": "URL",
        "outputFormat": "MP4",
        "numberResults": 1,
        "includeCost": True,
        "duration": 5,
        "resolution": "720p",
        "inputs": {"frameImages": [{"image": "<jpeg>", "frame": "first"}]},
        "positivePrompt": WALK,
        "seed": "<seed>",
    },
    ("openrouter", "sora2-i2v-pro"): {
        "model": "bytedance/seedance-2.0",
        "prompt": ALIVE,
        "frame_images": [OPENROUTER_FRAME],
        "duration": 4,
        "resolution": "720p",
    },
    ("openrouter", "wan2.7-i2v"): {
        "model": "alibaba/wan-2.7",
        "prompt": WALK,
        "frame_images": [OPENROUTER_FRAME],
        "duration": 5,
        "resolution": "720p",
        "seed": "<seed>",
        "generate_audio": False,
    },
    ("openrouter", "happyhorse-1.0-i2v"): {
        "model": "alibaba/happyhorse-1.0",
        "prompt": CAT,
        "frame_images": [OPENROUTER_FRAME],
        "duration": 5,
        "resolution": "720p",
        "seed": "<seed>",
    },
    ("minimax", MINIMAX): {
        "model": "MiniMax-H3",
        "content": [
            {"type": "text", "text": "The wind moves her hair, and she smiles"},
            {"type": "image_url", "image_url": {"url": "<jpeg>"}, "role": "first_frame"},
        ],
        "resolution": "2K",
        "duration": 6,
        "ratio": "adaptive",
        "aigc_watermark": False,
    },
    ("openai", "sora2-i2v-pro"): {
        "model": "sora-2-pro",
        "prompt": ALIVE,
        "seconds": "4",
        "size": "1280x720",
        "input_reference": "<jpeg>",
    },
    ("unified", "wan2.7-i2v"): {
        "model": "wan2.7-i2v",
        "prompt": WALK,
        "seconds": "5",
        "size": "1280x720",
        "seed": "<seed>",
        "generate_audio": False,
        "input_reference": {
            "content": [
                {"type": "image_url", "role": "first_frame", "image_url": {"url": "<jpeg>"}}
            ]
        },
    },
    ("sglang", "sora2-i2v-pro"): {
        "prompt": ALIVE,
        "seconds": "4",
        "size": "1280x720",
        "seed": "<seed>",
        "input_reference": "<jpeg>",
    },
    ("sglang", "wan2.7-i2v"): {
        "prompt": WALK,
        "seconds": "5",
        "size": "1280x720",
        "seed": "<seed>",
        "input_reference": "<jpeg>",
    },
    ("vllm-omni", "sora2-i2v-pro"): {
        "prompt": ALIVE,
        "seconds": "4",
        "size": "1280x720",
        "seed": "<seed>",
        "input_reference": "<jpeg>",
    },
    ("vllm-omni", "wan2.7-i2v"): {
        "prompt": WALK,
        "seconds": "5",
        "size": "1280x720",
        "seed": "<seed>",
        "generate_sound": "false",
        "input_reference": "<jpeg>",
    },
}


UNMARKED = {"fal", "openrouter"}


class Pair(NamedTuple):
    """A server whose models are all behind one emulated upstream."""

    server: Serving
    emulator: Emulator


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pairs]:
    running = Pairs(tmp_path_factory)
    yield running
    running.end()


class Pairs:
    """One pair for each kind of upstream, started when first asked for."""

    def __init__(self, folders: pytest.TempPathFactory) -> None:
        self._folders = folders
        self._running: dict[str, Pair] = {}

    def of(self, kind: str) -> Pair:
        if kind not in self._running:
            emulator = Emulator(kind, job_s=0.3)
            behind = [model(ID_OF.get(name, name), "ours") for each, name in BODIES if each == kind]
            config = "".join((ONLY_UPSTREAMS, engine("ours", emulator), *behind))
            self._running[kind] = Pair(Serving(self._folders.mktemp(kind), config=config), emulator)
        return self._running[kind]

    def end(self) -> None:
        for server, emulator in self._running.values():
            server.end()
            emulator.end()


def sample(name: str, pictures: PictureHost) -> tuple[str, dict[str, Any]]:
    """A document's own request, or a card's own example: its path, and its body with a picture
    that exists.
    """
    if name in ID_OF:
        request = json.loads((GOLDEN / name / "submit.json").read_text("utf-8"))["request"]
    else:
        examples = Catalogue().by_id[name].examples
        dialect = next(each for each in PATHS if each in examples)
        request = {"path": PATHS[dialect], "body": examples[dialect].body}
    text = re.sub(
        r'"https://[^"]+"', f'"{pictures.url}/astronaut.jpg"', json.dumps(request["body"])
    )
    return request["path"], json.loads(text)


def unmarked(body: dict[str, Any]) -> dict[str, Any]:
    """The body without a watermark, for a kind that draws none: HappyHorse's is on by default."""
    return body | {"parameters": {**body["parameters"], "watermark": False}}


def send(server: Serving, path: str, body: object) -> str:
    answer = server.http.post(path, json=body)
    assert answer.status_code == 200, answer.text
    got = answer.json()
    return str(got["output"]["task_id"] if "output" in got else got["id"])


def masked(value: object, name: str = "") -> object:
    """An upstream's body with words for what differs each time: pictures, seeds and ids."""
    match value:
        case {"file_name": str(), "content_type": str(content_type)}:
            return f"<{content_type.removeprefix('image/')}>"
        case dict():
            return {key: masked(each, key) for key, each in value.items()}
        case list():
            return [masked(each) for each in value]
        case str() if (found := re.match(r"data:image/(\w+);base64,", value)) is not None:
            return f"<{found[1]}>"
        case str() if name == "taskUUID":
            return "<uuid>"
        case _ if name == "seed" and 0 <= int(str(value)) < 2**31:
            return "<seed>"
        case _:
            return value


def length_s(video: bytes) -> float:
    with av.open(BytesIO(video), "r") as container:
        assert container.duration is not None
        return container.duration / av.time_base


def test_every_kind_of_upstream_has_a_body_here() -> None:
    assert {kind for kind, _ in BODIES} == set(KINDS)


@pytest.mark.parametrize(
    ("kind", "name"), BODIES, ids=[f"{name} at {kind}" for kind, name in BODIES]
)
def test_a_documents_request_is_sent_as_the_upstream_documents_and_its_video_comes_home(
    kind: str, name: str, pairs: Pairs, pictures: PictureHost
) -> None:
    server, emulator = pairs.of(kind)
    path, body = sample(name, pictures)
    if name == "happyhorse-1.0-i2v" and kind in UNMARKED:
        body = unmarked(body)
    job_id = send(server, path, body)
    status = server.wait(job_id)
    video = server.http.get(f"/v1/videos/{job_id}/content")
    (sent, *_) = [each for each in reversed(emulator.log()) if each["place"] == "submit"]
    duration_s = int(body.get("seconds") or body["parameters"].get("duration", 5))

    assert status["output"]["task_status"] == "Success", status
    assert status["usage"]["duration"] == duration_s
    sent_body = sent["body"][0] if isinstance(sent["body"], list) else sent["body"]
    assert masked(sent_body) == BODIES[kind, name]
    assert video.status_code == 200
    assert length_s(video.content) == pytest.approx(duration_s, abs=0.3)
    assert emulator.charges()["doubles"] == {}
