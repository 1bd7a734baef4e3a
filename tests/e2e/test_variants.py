"""Thumbnails and spritesheets of a real server's videos, as its callers get them."""

from __future__ import annotations

import io
from base64 import b64encode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
from PIL import Image

from support.servers import PHOTOS, PictureHost, Serving

if TYPE_CHECKING:
    import openai
else:
    openai = pytest.importorskip("openai", reason="the openai package is not installed")

# The SDK deprecated every method of `videos` when OpenAI switched its own off.
pytestmark = pytest.mark.filterwarnings("ignore:The Sora API:DeprecationWarning")

PICTURES = {
    "thumbnail": ("image/webp", "WEBP", (640, 360), ".webp"),
    "spritesheet": ("image/jpeg", "JPEG", (1280, 720), ".jpg"),
    "last_frame": ("image/png", "PNG", (1280, 720), ".png"),
}


@pytest.fixture(scope="module")
def client(server: Serving) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="sk-any") as client:
        yield client


@pytest.fixture(scope="module")
def video(client: openai.OpenAI) -> str:
    made = client.videos.create_and_poll(
        prompt="push in",
        input_reference=PHOTOS / "rocket.jpg",
        size="1280x720",
        poll_interval_ms=100,
    )
    assert made.status == "completed"
    return made.id


def content(server: Serving, video: str, variant: str, **headers: str) -> httpx2.Response:
    return server.http.get(
        f"/v1/videos/{video}/content", params={"variant": variant}, headers=headers
    )


def folder(server: Serving, video: str) -> Path:
    return server.data_dir / "jobs" / video[-2:] / video


@pytest.mark.parametrize("variant", PICTURES)
def test_the_sdk_downloads_a_picture_of_the_video(
    client: openai.OpenAI, video: str, tmp_path: Path, variant: Any
) -> None:
    media_type, form, size, suffix = PICTURES[variant]
    answer = client.videos.download_content(video, variant=variant)
    answer.write_to_file(tmp_path / "picture")

    with Image.open(tmp_path / "picture") as image:
        image.load()
        assert (image.format, image.size) == (form, size)
    assert answer.response.headers["content-type"] == media_type
    assert f'filename="{video}{suffix}"' in answer.response.headers["content-disposition"]


def test_the_variants_are_files_of_their_own_and_video_is_the_default(
    server: Serving, video: str
) -> None:
    files = {variant: content(server, video, variant).content for variant in ("video", *PICTURES)}
    plain = server.http.get(f"/v1/videos/{video}/content").content

    assert len(set(files.values())) == 4
    assert plain == files["video"]
    assert plain[4:8] == b"ftyp"


@pytest.mark.parametrize("variant", PICTURES)
def test_a_picture_comes_in_ranges_and_not_twice(server: Serving, video: str, variant: str) -> None:
    whole = content(server, video, variant)
    part = content(server, video, variant, range="bytes=4-11")
    known = content(server, video, variant, **{"if-none-match": whole.headers["etag"]})
    outside = content(server, video, variant, range="bytes=99999999-")
    head = server.http.head(f"/v1/videos/{video}/content", params={"variant": variant})

    assert (part.status_code, part.content) == (206, whole.content[4:12])
    assert (known.status_code, known.content) == (304, b"")
    assert (outside.status_code, outside.json()["error"]["code"]) == (416, "range_not_satisfiable")
    assert head.headers["content-length"] == str(len(whole.content))


def test_many_first_requests_at_once_get_one_and_the_same_picture(
    client: openai.OpenAI, server: Serving
) -> None:
    made = client.videos.create_and_poll(
        prompt="pan left", input_reference=PHOTOS / "chelsea.jpg", poll_interval_ms=100
    )
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: content(server, made.id, "spritesheet"), range(16)))

    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    assert len({answer.headers["etag"] for answer in answers}) == 1


def test_pictures_are_kept_beside_the_video_and_deleted_with_it(
    client: openai.OpenAI, server: Serving
) -> None:
    made = client.videos.create_and_poll(
        prompt="pan left",
        input_reference=PHOTOS / "chelsea.jpg",
        extra_body={"size": "256x320"},
        poll_interval_ms=100,
    )
    for variant in PICTURES:
        assert content(server, made.id, variant).status_code == 200
    names = {path.name for path in folder(server, made.id).iterdir()}
    client.videos.delete(made.id)

    assert {"thumbnail.webp", "spritesheet.jpg", "video-1.mp4"} <= names
    assert not [name for name in names if name.endswith(".part")]
    assert content(server, made.id, "thumbnail").status_code == 404
    assert not folder(server, made.id).exists()


@pytest.mark.parametrize("variant", PICTURES)
def test_a_video_that_failed_has_no_picture(
    client: openai.OpenAI, pictures: PictureHost, variant: Any
) -> None:
    made = client.videos.create_and_poll(
        prompt="push in",
        extra_body={"input_reference": {"image_url": f"{pictures.url}/lost.png"}},
        poll_interval_ms=100,
    )

    with pytest.raises(openai.BadRequestError, match="task has no video") as refused:
        client.videos.download_content(made.id, variant=variant)
    assert refused.value.code == "no_video"


@pytest.mark.slow
def test_pictures_are_drawn_by_a_server_that_began_after_the_video(tmp_path: Path) -> None:
    coffee = b64encode((PHOTOS / "coffee.jpg").read_bytes()).decode()
    body = {
        "model": "wan2.7-i2v",
        "input": {"img_url": f"data:image/jpeg;base64,{coffee}"},
        "parameters": {"size": "320x256", "duration": 2},
    }
    with Serving(tmp_path) as before:
        video = before.submit(body)
        before.wait(video)
        before.kill()
        part = folder(before, video) / "thumbnail.part"
        part.write_bytes(b"what a crash left")
    with Serving(tmp_path) as after:
        answer = content(after, video, "thumbnail")

        with Image.open(io.BytesIO(answer.content)) as image:
            assert image.size == (320, 256)
        assert not part.exists()
