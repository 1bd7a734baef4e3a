"""What goes wrong reaches users of OpenAI's SDK as an error of the right class, its fields filled.

There is no RateLimitError: nothing here is answered 429. Who has too much to do says 503, which
the SDK tries again too.
"""

from __future__ import annotations

import io
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from resource import RLIM_INFINITY, RLIMIT_FSIZE, prlimit
from threading import Event
from typing import Any

import pytest

from support.free_ports import free_port
from support.openai_clients import openai, sdk
from support.servers import LOOPBACK_ALLOWED, PHOTOS, Serving

KEY, OTHER_KEY = "sk-one", "sk-two"
ASTRONAUT = PHOTOS / "astronaut.jpg"
SMALL = {"size": "256x320"}
# HappyHorse has no engine: that is the operator's mistake, and no caller's.
CONFIG = """
[server]
default_engine = "none"

[models."openai/sora-2/image-to-video-pro"]
engines = ["camera"]
"""

Ask = Callable[[openai.OpenAI], object]


def create(client: openai.OpenAI, prompt: str = "push in", **fields: Any) -> openai.types.Video:
    picture = {"input_reference": ASTRONAUT} | fields
    return client.videos.create(prompt=prompt, extra_body=SMALL, **picture)


@pytest.fixture(scope="module")
def keyed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    keys = {"UNSTILL_API_KEYS": f"one:{KEY},two:{OTHER_KEY}"}
    folder = tmp_path_factory.mktemp("keyed")
    with Serving(folder, environment=LOOPBACK_ALLOWED | keys, config=CONFIG) as server:
        yield server


@pytest.fixture
def client(keyed: Serving) -> Iterator[openai.OpenAI]:
    with sdk(keyed.url, key=KEY) as client:
        yield client


def refused(client: openai.OpenAI, ask: Ask) -> openai.APIStatusError:
    with pytest.raises(openai.APIStatusError) as error:
        ask(client)
    assert error.value.request_id == error.value.response.headers["x-request-id"]
    return error.value


# --- the caller's ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ask", "code", "param"),
    [
        (lambda c: c.videos.create(prompt="push in"), "missing_parameter", "input_reference"),
        (lambda c: create(c, input_reference=b"no picture"), "invalid_image", "input_reference"),
        (lambda c: create(c, seconds="5"), "invalid_parameter", "seconds"),
        (lambda c: create(c, model="sora-3"), "model_not_found", "model"),
        (lambda c: create(c, prompt="p" * 40_000), "invalid_parameter", "prompt"),
        (lambda c: c.videos.list(limit=101), "invalid_parameter", "limit"),
        (lambda c: c.videos.list(extra_query={"order": "up"}), "invalid_parameter", "order"),
        (lambda c: c.videos.list(after="cat.mp4"), "invalid_parameter", "after"),
        (
            lambda c: create(c, extra_headers={"Idempotency-Key": "k" * 256}),
            "invalid_parameter",
            "Idempotency-Key",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_mistake_of_the_caller_is_a_bad_request_with_its_field(
    client: openai.OpenAI, ask: Ask, code: str, param: str
) -> None:
    error = refused(client, ask)

    assert type(error) is openai.BadRequestError
    assert (error.code, error.param, error.type) == (code, param, "invalid_request_error")
    assert param in error.message


def test_a_video_asked_for_too_early_is_a_bad_request_and_not_tried_again(
    client: openai.OpenAI,
) -> None:
    video = create(client, seconds="12", extra_headers={"Idempotency-Key": "early"})
    patient = client.with_options(max_retries=2)

    error = refused(patient, lambda c: c.videos.download_content(video.id))

    assert type(error) is openai.BadRequestError
    assert error.code == "not_ready"
    assert error.response.request.headers["x-stainless-retry-count"] == "0"
    client.videos.delete(video.id)


@pytest.mark.parametrize("key", ["sk-wrong", "SK-ONE", "one"])
def test_a_wrong_key_is_an_authentication_error(keyed: Serving, key: str) -> None:
    with sdk(keyed.url, key=key) as client:
        error = refused(client, lambda c: c.videos.list())

    assert type(error) is openai.AuthenticationError
    assert (error.code, error.type) == ("invalid_api_key", "authentication_error")


@pytest.mark.parametrize(
    ("ask", "code"),
    [
        (lambda c: c.videos.retrieve("0"), "task_not_found"),
        (lambda c: c.videos.delete("0"), "task_not_found"),
        (lambda c: c.videos.download_content("0"), "task_not_found"),
        (lambda c: c.videos.poll("0"), "task_not_found"),
        (lambda c: c.models.retrieve("sora-3"), "model_not_found"),
        (lambda c: c.get("/nothing", cast_to=object), "not_found"),
    ],
    ids=["retrieve", "delete", "content", "poll", "model", "route"],
)
def test_what_is_not_there_is_a_not_found_error(client: openai.OpenAI, ask: Ask, code: str) -> None:
    error = refused(client, ask)

    assert type(error) is openai.NotFoundError
    assert (error.code, error.type) == (code, "invalid_request_error")


def test_somebody_elses_video_is_not_found(client: openai.OpenAI, keyed: Serving) -> None:
    video = create(client, extra_headers={"Idempotency-Key": "mine"})
    with sdk(keyed.url, key=OTHER_KEY) as other:
        asks: list[Ask] = [
            lambda c: c.videos.retrieve(video.id),
            lambda c: c.videos.download_content(video.id),
            lambda c: c.videos.delete(video.id),
        ]
        errors = [refused(other, ask) for ask in asks]

        assert [type(error) for error in errors] == [openai.NotFoundError] * 3
        assert video.id not in {each.id for each in other.videos.list()}
    assert client.videos.retrieve(video.id).id == video.id


@pytest.mark.parametrize(
    ("ask", "status", "code"),
    [
        (lambda c: create(c, input_reference=bytes(65 * 2**20)), 413, "body_too_large"),
        (
            lambda c: c.videos.with_raw_response.create(
                prompt="push in", extra_headers={"Content-Type": "text/plain"}
            ),
            415,
            "unsupported_content_type",
        ),
        (lambda c: c.patch("/videos", cast_to=object), 405, "method_not_allowed"),
    ],
    ids=["413", "415", "405"],
)
def test_what_the_sdk_has_no_class_for_is_an_error_with_its_status(
    client: openai.OpenAI, ask: Ask, status: int, code: str
) -> None:
    error = refused(client, ask)

    assert type(error) is openai.APIStatusError
    assert (error.status_code, error.code) == (status, code)


# --- the server's ------------------------------------------------------------------------------


def test_a_mistake_of_the_operator_is_an_internal_server_error(client: openai.OpenAI) -> None:
    patient = client.with_options(max_retries=1)

    error = refused(patient, lambda c: create(c, model="happyhorse-1.0-i2v", seconds="3"))

    assert type(error) is openai.InternalServerError
    assert (error.status_code, error.code, error.type) == (503, "misconfigured", "server_error")
    assert error.response.request.headers["x-stainless-retry-count"] == "1"


def test_a_create_while_the_disk_fails_is_tried_again_until_it_does_not(tmp_path: Path) -> None:
    padded = ASTRONAUT.read_bytes().ljust(3 * 2**20, b"\0")  # more than a file may have
    with Serving(tmp_path) as server, sdk(server.url) as client:
        prlimit(server.process.pid, RLIMIT_FSIZE, (2 * 2**20, RLIM_INFINITY))
        error = refused(client, lambda c: create(c, input_reference=padded))
        before = [video.id for video in client.videos.list()]
        with ThreadPoolExecutor(1) as pool:
            patient = client.with_options(max_retries=8)
            making = pool.submit(create, patient, input_reference=padded)
            time.sleep(1.0)
            was_waiting = not making.done()
            prlimit(server.process.pid, RLIMIT_FSIZE, (RLIM_INFINITY, RLIM_INFINITY))
            video = making.result(timeout=60)
        after = [video.id for video in client.videos.list()]

    assert type(error) is openai.InternalServerError
    assert (error.status_code, error.code) == (503, "storage_failed")
    assert error.response.headers["retry-after"] == "1"
    assert (before, was_waiting, after) == ([], True, [video.id])


class SlowFile(io.BytesIO):
    """A file whose end is read when `may_end`."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.is_being_read = Event()
        self.may_end = Event()

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        if data and self.tell() == len(self.getbuffer()):
            self.is_being_read.set()
            assert self.may_end.wait(30)
        return data


def test_a_create_in_a_server_that_stops_is_told_so(tmp_path: Path) -> None:
    with Serving(tmp_path) as server, sdk(server.url) as client, ThreadPoolExecutor(1) as pool:
        slow = SlowFile(ASTRONAUT.read_bytes().ljust(2**20, b"\0"))
        making = pool.submit(refused, client, lambda c: create(c, input_reference=slow))
        assert slow.is_being_read.wait(30)
        server.process.terminate()
        wait_until_refusing(server)
        slow.may_end.set()
        error = making.result(timeout=30)

    assert type(error) is openai.InternalServerError
    assert (error.status_code, error.code) == (503, "shutting_down")


def wait_until_refusing(server: Serving) -> None:
    """Until the server takes no more connections."""
    port = int(server.url.rpartition(":")[2])
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            return
        time.sleep(0.02)
    raise AssertionError(server.log)


# --- nobody's ----------------------------------------------------------------------------------


def test_a_server_that_is_gone_is_a_connection_error() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    with sdk(url) as client, pytest.raises(openai.APIConnectionError):
        create(client)


def test_a_server_that_says_nothing_is_a_timeout() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with sdk(url) as client, pytest.raises(openai.APITimeoutError):
            client.videos.retrieve("0", timeout=0.2)
