"""Bad pictures and addresses: a refusal, or a failed job, that names the caller's own field."""

from __future__ import annotations

import base64
import io
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import pytest
from PIL import Image

from support.hostile import (
    APIS,
    MODEL,
    Api,
    TricksterHost,
    both,
    failure,
    inflating_text,
    job_id,
    png,
    refusal,
    send,
    trickster_host,
)
from support.servers import PHOTOS, PictureHost, Serving

PHOTO = PHOTOS / "chelsea.jpg"


@pytest.fixture(scope="module")
def tricksters() -> Iterator[TricksterHost]:
    with trickster_host() as host:
        yield host


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A server as it is without any setting: only the public internet is fetched from."""
    with Serving(tmp_path_factory.mktemp("strict"), environment={}) as serving:
        yield serving


# --- pictures -------------------------------------------------------------------------------------


def photo_as(form: str, size: tuple[int, int]) -> bytes:
    file = io.BytesIO()
    Image.open(PHOTO).resize(size).save(file, form)
    return file.getvalue()


def gif_of_any_size(size: bytes) -> bytes:
    gif = photo_as("GIF", (64, 64))
    return gif[:6] + size + gif[10:]


PICTURES = {
    # name: (file, what the reason says, when it is found out)
    "a text called .png": (b"I am not a picture.\n" * 50, "text (text/plain)", "at once"),
    "a page called .png": (b"<!DOCTYPE html><html></html>", "a web page (text/html)", "at once"),
    "an SVG": (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "an SVG drawing", "at once"),
    "a PDF": (b"%PDF-1.7\n" * 9, "a PDF document", "at once"),
    "a video": (b"\0\0\0\x20ftypisom\0\0\2\0isomiso2mp41", "a video", "at once"),
    "one pixel": (png(1, 1), "the sides must be at least 240 px, got 1x1", "at once"),
    "20000x20000": (png(20_000, 20_000), "at most 120 megapixels, got 20000x20000", "at once"),
    "a GIF of 65535x65535": (gif_of_any_size(b"\xff" * 4), "at most 120 megapixels", "at once"),
    "a JPEG cut short": (PHOTO.read_bytes()[:20_000], "cut short or broken", "decoded"),
    "a PNG cut short": (photo_as("PNG", (400, 300))[:9000], "cut short or broken", "decoded"),
    "21 MB": (PHOTO.read_bytes() + b"\0" * 21 * 2**20, "20 M", "at once"),
}

every_picture = pytest.mark.parametrize(
    ("picture", "reason", "when"), PICTURES.values(), ids=PICTURES.keys()
)


def refused_or_failed(server: Serving, api: Api, answer: httpx2.Response, *, when: str) -> str:
    return refusal(api, answer) if when == "at once" else failure(api, server, job_id(api, answer))


@both
@every_picture
def test_a_bad_picture_in_the_request_is_refused_or_fails_by_name(
    server: Serving, api: Api, picture: bytes, reason: str, when: str
) -> None:
    frame = base64.b64encode(picture).decode()
    answer = send(server, api, api.body(frame=frame, prompt="push in"))

    said = refused_or_failed(server, api, answer, when=when)

    assert reason in said
    assert api.names["frame"] in said


@both
@every_picture
def test_a_bad_picture_in_a_form_is_refused_or_fails_by_name(
    server: Serving, api: Api, picture: bytes, reason: str, when: str
) -> None:
    form = {"model": MODEL, api.form_name("prompt"): "push in"}
    files = {api.form_name("frame"): ("photo.png", picture, "image/png")}
    answer = server.http.post(api.path, data=form, files=files)

    said = refused_or_failed(server, api, answer, when=when)

    assert reason in said
    assert api.names["frame"] in said


@both
@pytest.mark.parametrize(
    ("picture", "reason"), [each[:2] for each in PICTURES.values()], ids=PICTURES.keys()
)
def test_a_bad_picture_behind_a_url_fails_the_job_by_name(
    server: Serving, api: Api, pictures: PictureHost, picture: bytes, reason: str
) -> None:
    pictures.pages["/bad.png"] = (200, {"content-type": "image/png"}, picture)
    answer = send(server, api, api.body(frame=f"{pictures.url}/bad.png", prompt="push in"))

    said = failure(api, server, job_id(api, answer))

    assert said.startswith(f"invalid_image: {api.names['frame']}")
    assert reason in said


# What is wrong outside of the pixels is no reason; test_media_repair.py has the whole list.
# Made by the one worker that needs them: all import this file.
FAULTY: dict[str, Callable[[], bytes]] = {
    "text that inflates to 128 MiB": lambda: png(400, 300, inflating_text(128 << 20)),
    "a JPEG without its end mark": lambda: PHOTO.read_bytes()[:-2],
    "48 megapixels": lambda: photo_as("JPEG", (8064, 6048)),
}


@pytest.mark.parametrize("make", FAULTY.values(), ids=FAULTY.keys())
def test_a_picture_whose_pixels_are_all_there_becomes_a_video(
    server: Serving, make: Callable[[], bytes]
) -> None:
    frame = base64.b64encode(make()).decode()

    task_id = server.submit(
        {
            "model": MODEL,
            "input": {"first_frame_url": frame, "prompt": "push in"},
            "parameters": {"resolution": "480P"},
        }
    )

    assert server.wait(task_id)["output"]["task_status"] == "Success"


# --- addresses ------------------------------------------------------------------------------------

OURS = (
    "http://127.0.0.1:{port}/health",
    "http://localhost:{port}/health",
    "http://127.0.0.2:{port}/health",
    "http://0.0.0.0:{port}/health",
    "http://[::1]:{port}/health",
    "http://[::ffff:127.0.0.1]:{port}/health",
    "http://[::ffff:7f00:1]:{port}/health",
    "http://0x7f000001:{port}/health",
    "http://2130706433:{port}/health",
    "http://0177.0.0.1:{port}/health",
    "http://127.1:{port}/health",
    "http://169.254.169.254/latest/meta-data/",
    "http://100.100.100.200/latest/meta-data/",
    "http://10.0.0.1/",
    "http://a@127.0.0.1:{port}/health",
)
ALLOWED = ("127.0.0", "localhost", "7f00:1")  # by 127.0.0.0/8
NOT_FETCHED = (
    "is not on the public internet",
    "could not be found on the public internet",
    "is not a name or an address",
    "a user name or password",
    "is not a URL that can be read",
)


@both
def test_an_address_of_our_own_network_is_refused_in_the_answer(strict: Serving, api: Api) -> None:
    port = strict.http.base_url.port
    for url in OURS:
        body = api.body(frame=url.format(port=port), prompt="push in")
        reason = refusal(api, send(strict, api, body))

        assert reason.startswith(f"{api.names['frame']}: "), (url, reason)
        assert any(words in reason for words in NOT_FETCHED), (url, reason)


@both
def test_what_is_no_web_address_is_no_picture(strict: Serving, api: Api) -> None:
    for frame in ("file:///etc/passwd", "ftp://example.com/a.png", "/etc/passwd", "gopher://x/_a"):
        message = refusal(api, send(strict, api, api.body(frame=frame, prompt="push in")))

        assert message.startswith(api.names["frame"])


@both
def test_a_redirect_is_checked_like_an_address(
    tmp_path: Path, api: Api, pictures: PictureHost
) -> None:
    port = str(pictures.server_address[1])
    forbidden = (
        *(url for url in OURS if not any(word in url for word in ALLOWED)),
        "http://a@127.0.0.1/",
        "file:///etc/passwd",
        "",
    )
    for n, url in enumerate(forbidden):
        location = {"location": url.format(port=port)} if url else {}
        pictures.pages[f"/to-{n}"] = (302, location, b"")
    pictures.pages["/round"] = (302, {"location": "/round"}, b"")
    asked = [f"{pictures.url}/to-{n}" for n in range(len(forbidden))] + [f"{pictures.url}/round"]
    with Serving(tmp_path, environment={"UNSTILL_ALLOW_NETWORKS": "127.0.0.0/8"}) as server:
        jobs = [
            job_id(api, send(server, api, api.body(frame=url, prompt="push in"))) for url in asked
        ]
        said = [failure(api, server, job) for job in jobs]

    reasons = (*NOT_FETCHED, "only http and https", "without a Location", "redirected")
    for url, reason in zip(asked, said, strict=True):
        assert any(words in reason for words in reasons), (url, reason)
    assert "/health" not in pictures.asked


@pytest.mark.slow
def test_a_host_that_never_ends_ends_in_a_failed_job(
    server: Serving, tricksters: TricksterHost, pictures: PictureHost
) -> None:
    reasons = {
        f"{tricksters.url}/drip": "did not arrive within 15 s",
        f"{tricksters.url}/endless": "is larger than 20 MB",
        f"{pictures.url}/nothing-here.jpg": "answered 404",
    }
    began_s = time.monotonic()
    jobs = [
        (api, reason, job_id(api, send(server, api, api.body(frame=url, prompt="push in"))))
        for url, reason in reasons.items()
        for api in APIS
    ]

    for api, reason, job in jobs:
        assert failure(api, server, job) == f"invalid_image: {api.names['frame']}: {reason}"
    assert time.monotonic() - began_s < 25
