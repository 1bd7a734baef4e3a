"""Create calls as real programs send them, through the real server to the finished video.

Each is something that people reported of servers of this kind: OpenAI's JSON polled for OpenAI's
words, a page with an unfilled file input, base64 in a form that nobody escaped, a base address that
ends in a slash.
"""

from __future__ import annotations

import base64
import io
import json
import socket
import time
from typing import Any

import av
import pytest
from PIL import Image, ImageDraw

from support.servers import PHOTOS, Serving

DONE = ("completed", "failed")
SMALL = {"model": "wan2.7-i2v", "seconds": "2", "size": "320x256"}
TOP, CORNER = (20, 90, 160), (230, 40, 30)


def drawn(number: int) -> bytes:
    """A picture with two colours that a garbled one would not have, another for each number."""
    image = Image.new("RGB", (320, 256), TOP)
    draw = ImageDraw.Draw(image)
    draw.rectangle((200, 128, 320, 256), fill=CORNER)
    draw.ellipse((20 + number % 40, 140, 90, 220), fill=(250, 200 - number % 99, number))
    file = io.BytesIO()
    image.save(file, "JPEG", quality=60 + number % 30, optimize=True)
    return file.getvalue()


def finished(server: Serving, video: dict[str, Any], *, within_s: float = 60.0) -> dict[str, Any]:
    """The loop of a client that knows OpenAI's words alone."""
    deadline = time.monotonic() + within_s
    while video["status"] not in DONE:
        assert time.monotonic() < deadline, video
        video = server.http.get(f"/v1/videos/{video['id']}", params={"wait": "5"}).json()
    return video


def first_frame(data: bytes) -> Image.Image:
    with av.open(io.BytesIO(data)) as opened:
        image: Image.Image = next(opened.decode(video=0)).to_image()  # type: ignore[union-attr]
        return image


def is_near(pixel: Any, colour: tuple[int, int, int]) -> bool:
    return all(abs(one - other) < 60 for one, other in zip(pixel, colour, strict=True))


def test_openais_json_is_polled_to_its_end_in_openais_words(server: Serving) -> None:
    photo = base64.b64encode((PHOTOS / "rocket.jpg").read_bytes()).decode()
    body = {
        "model": "sora-2",
        "prompt": "push in",
        "seconds": "4",
        "size": "320x256",
        "input_reference": {"image_url": f"data:image/jpeg;base64,{photo}"},
    }

    video = server.http.post("/v1/videos", json=body).json()

    assert video["status"] == "queued"
    assert finished(server, video)["status"] == "completed"


@pytest.mark.parametrize("number", [74, 196])
def test_a_form_that_nobody_escaped_gives_the_very_picture(server: Serving, number: int) -> None:
    text = base64.b64encode(drawn(number)).decode()
    assert "+" in text
    fields = "&".join(f"{name}={value}" for name, value in SMALL.items())
    sent = f"{fields}&prompt=static&image={text}".encode()

    answer = server.http.post(
        "/v1/videos",
        content=sent,
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    )

    video = finished(server, answer.json())
    assert video["status"] == "completed"
    shown = first_frame(server.http.get(f"/v1/videos/{video['id']}/content").content)
    assert is_near(shown.getpixel((40, 20)), TOP)
    assert is_near(shown.getpixel((290, 230)), CORNER)


@pytest.mark.parametrize("model", ["sora-2", "wan2.7-i2v"])
def test_a_pages_unfilled_file_input_is_no_last_frame(server: Serving, model: str) -> None:
    def part(name: str, value: bytes, more: str = "") -> bytes:
        head = f'--cut\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n'
        return head.encode() + value + b"\r\n"

    body = b"".join(
        [
            part("model", model.encode()),
            part("size", b""),
            part("input_reference", drawn(1), '; filename="a.jpg"\r\nContent-Type: image/jpeg'),
            part("last_frame", b"", '; filename=""\r\nContent-Type: application/octet-stream'),
            b"--cut--\r\n",
        ]
    )

    answer = server.http.post(
        "/v1/videos",
        content=body,
        headers={"Content-Type": "multipart/form-data; boundary=cut"},
    )

    assert answer.status_code == 200, answer.text
    assert "ignored" not in answer.json()
    server.http.delete(f"/v1/videos/{answer.json()['id']}")


def test_a_video_has_the_ratio_that_was_asked_for(server: Serving) -> None:
    body = SMALL | {"aspect_ratio": "9:16", "size": "", "resolution": "720p", "prompt": "static"}
    photo = base64.b64encode(drawn(2)).decode()

    video = server.http.post("/v1/videos", json=body | {"input_reference": photo}).json()

    done = finished(server, video)
    assert (done["status"], done["size"]) == ("completed", "720x1280")
    shown = first_frame(server.http.get(f"/v1/videos/{done['id']}/content").content)
    assert shown.size == (720, 1280)


@pytest.mark.parametrize(
    ("method", "target", "status", "told"),
    [
        ("GET", "//v1/videos?limit=1", 200, '"object":"list"'),
        ("GET", "/v1//videos?limit=1", 200, '"object":"list"'),
        ("POST", "//v1/videos", 400, "is required"),
        ("GET", "//health", 200, '"status":"ok"'),
        ("POST", "/v1/videos/generations", 404, "but at /v1/videos;"),
        ("GET", "/v1/video/generations/abc", 404, "but at /v1/videos/abc;"),
        ("POST", "/V1/Videos", 404, "but at /v1/videos;"),
    ],
)
def test_a_path_of_another_base_or_gateway_is_served_or_named(
    server: Serving, method: str, target: str, status: int, told: str
) -> None:
    host, port = server.url.removeprefix("http://").split(":")
    body = json.dumps({"model": "sora-2"}).encode() if method == "POST" else b""
    lines = [f"{method} {target} HTTP/1.1", f"Host: {host}:{port}", "Connection: close"]
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode() + body)
        answer = b""
        while piece := connection.recv(65536):
            answer += piece

    assert int(answer.split()[1]) == status
    assert told in answer.decode()
