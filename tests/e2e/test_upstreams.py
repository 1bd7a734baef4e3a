"""Every document's request on every upstream that can serve it: what is sent, and what comes home.

A real server, configured by an unstill.toml, and the upstreams' emulators as processes. The bodies
are held against the upstreams' own documents, field for field.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import av
import pytest

from support.emulator_process import Emulator
from support.engine_benches import ROWS
from support.engine_benches import engine as engine_of
from support.servers import PictureHost, Serving
from support.settings_files import ONLY_UPSTREAMS, engine, model
from unstill.emulators import KINDS
from unstill.models.catalogue import Catalogue
from unstill.net.fetcher import Fetcher
from unstill.settings.engines import HOSTED_KINDS
from unstill.settings.model_engines import never

GOLDEN = Path(__file__).parents[1] / "golden"
ID_OF = {
    "wan2.2-i2v": "Wan-AI/Wan2.2-I2V",
    "sora2-i2v-pro": "openai/sora-2/image-to-video-pro",
    "wan2.7-i2v": "wan2.7-i2v",
    "happyhorse-1.0-i2v": "happyhorse-1.0-i2v",
}
BARE = {"/9j/": "<bare jpeg>", "iVBOR": "<bare png>"}  # how their base64 begins
# Of a create call, by dialect.
PATHS = {
    "tasks": "/v1/tasks/submit",
    "videos": "/v1/videos",
    "dashscope": "/api/v1/services/aigc/video-generation/video-synthesis",
}

# What each engine's upstream documents for the sample, in a file of its kind: a new kind has its
# own. In angle brackets is what differs each time.
SENT = GOLDEN / "upstreams"
BODIES: Mapping[tuple[str, str], Mapping[str, Any]] = {
    (kind, name): body
    for kind in KINDS
    if (SENT / f"{kind}.json").exists()
    for name, body in json.loads((SENT / f"{kind}.json").read_text("utf-8")).items()
}
UUID4 = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")  # the key of a call


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
            config = "".join((ONLY_UPSTREAMS, engine("ours", emulator, **ROWS[kind].own), *behind))
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


def send(server: Serving, path: str, body: object) -> str:
    answer = server.http.post(path, json=body, headers={"X-DashScope-Async": "enable"})
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
        case str() if value.startswith(tuple(BARE)):
            return next(word for start, word in BARE.items() if value.startswith(start))
        case str() if name != "seed":
            return UUID4.sub("<uuid>", value)
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


@pytest.mark.parametrize("kind", HOSTED_KINDS)
async def test_every_document_that_a_kind_serves_has_a_body_here(kind: str) -> None:
    fetcher = Fetcher()
    remote = engine_of(kind, "http://127.0.0.1:9", fetcher)
    cards = Catalogue().by_id
    served = {name for name, model in ID_OF.items() if never(remote, cards[model]) is None}
    await remote.close()
    await fetcher.close()

    assert served <= {name for each, name in BODIES if each == kind}


@pytest.mark.parametrize(
    ("kind", "name"), BODIES, ids=[f"{name} at {kind}" for kind, name in BODIES]
)
def test_a_documents_request_is_sent_as_the_upstream_documents_and_its_video_comes_home(
    kind: str, name: str, pairs: Pairs, pictures: PictureHost
) -> None:
    server, emulator = pairs.of(kind)
    path, body = sample(name, pictures)
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
