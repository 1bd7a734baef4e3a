"""What hostile callers send and hosts answer, and what every refusal has to look like."""

from __future__ import annotations

import http.server
import io
import re
import socket
import struct
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx2
import msgspec
import pytest
from PIL import Image

from support.servers import ENDED, Serving

MODEL = "Wan-AI/Wan2.2-I2V"  # has every field that both dialects know
SMALL = {"size": "320x256"}

# A path, a trace or a name of a file of ours has no business in an answer.
LEAK = re.compile(r"Traceback|File \"|site-packages|/unstill/|/tmp/|/jobs/|first-frame\b|\.py\b")


class Api(msgspec.Struct, frozen=True):
    """One dialect as a caller writes it: where to send, and what each field is called there."""

    name: str
    path: str
    names: dict[str, str]

    def body(self, model: object = MODEL, **fields: object) -> dict[str, Any]:
        """A create request; None leaves a field out."""
        body: dict[str, Any] = {"model": model}
        for field, value in fields.items():
            if value is not None:
                section, _, name = self.names[field].rpartition(".")
                (body.setdefault(section, {}) if section else body)[name] = value
        return body

    def form_name(self, field: str) -> str:
        section, _, name = self.names[field].rpartition(".")
        return f"{section}[{name}]" if section else name

    def look(self, server: Serving, job_id: str) -> httpx2.Response:
        if self.name == "tasks":
            return server.http.get("/v1/tasks/status", params={"task_id": job_id})
        return server.http.get(f"/v1/videos/{job_id}")


TASKS = Api(
    "tasks",
    "/v1/tasks/submit",
    {
        "frame": "input.first_frame_url",
        "other_frame": "input.img_url",
        "prompt": "input.prompt",
        "duration": "parameters.duration",
        "seed": "parameters.seed",
        "resolution": "parameters.resolution",
        "size": "parameters.size",
    },
)
VIDEOS = Api(
    "videos",
    "/v1/videos",
    {
        "frame": "input_reference",
        "other_frame": "image_url",
        "prompt": "prompt",
        "duration": "seconds",
        "seed": "seed",
        "resolution": "resolution",
        "size": "size",
    },
)
# Reads as tasks does; what is its own is tested by itself (tests/contract/test_dashscope.py).
DASHSCOPE = Api(
    "dashscope",
    "/api/v1/services/aigc/video-generation/video-synthesis",
    TASKS.names,
)
APIS = (TASKS, VIDEOS)

both = pytest.mark.parametrize("api", APIS, ids=lambda api: api.name)


def send(server: Serving, api: Api, body: object) -> httpx2.Response:
    return server.http.post(api.path, json=body)


def api_at(path: str) -> Api:
    """Whose words a route of the description is refused in."""
    if path.startswith("/api/v1/"):
        return DASHSCOPE
    return TASKS if path.startswith("/v1/tasks/") else VIDEOS


def refusal(api: Api, answer: httpx2.Response, status: int = 400) -> str:
    """The message of a refusal, which has to be whole in the dialect's own envelope."""
    assert answer.status_code == status, answer.text[:500]
    assert answer.headers["content-type"] == "application/json"
    body = answer.json()
    request_id = answer.headers["x-request-id"]
    if api.name == "dashscope":
        assert set(body) == {"code", "message", "request_id"}
        assert body["request_id"] == request_id
        body = {"error": body | {"type": "flat", "param": None}}
        del body["error"]["request_id"]
    elif api.name == "tasks":
        assert body["request_id"] == body["error"]["param"] == request_id
        assert set(body) == {"error", "request_id"}
    else:
        assert set(body) == {"error"}
    assert set(body["error"]) == {"message", "type", "param", "code"}
    message = str(body["error"]["message"])
    assert message
    assert len(message) < 2000
    assert not LEAK.search(message), message
    return message


def failure(api: Api, server: Serving, job_id: str, *, within_s: float = 40.0) -> str:
    """The reason that a job failed for, once it has."""
    deadline = time.monotonic() + within_s
    while True:
        answer = api.look(server, job_id)
        body = answer.json()
        state = body["output"]["task_status"] if api.name == "tasks" else body["status"]
        if state in ENDED:
            break
        assert time.monotonic() < deadline, (body, server.log[-2000:])
        time.sleep(0.05)
    assert state in {"Failure", "FAILURE", "failed"}, body
    assert not LEAK.search(answer.text), answer.text
    if api.name == "tasks":
        return str(body["output"]["error_message"])
    return f"{body['error']['code']}: {body['error']['message']}"


def job_id(api: Api, answer: httpx2.Response) -> str:
    assert answer.status_code == 200, answer.text
    body = answer.json()
    return str(body["output"]["task_id"] if api.name == "tasks" else body["id"])


# --- pictures -------------------------------------------------------------------------------------


def png(width: int, height: int, *chunks: bytes) -> bytes:
    """A white PNG of one bit per pixel, with `chunks` before its pixels."""
    row = b"\0" + b"\xff" * ((width + 7) // 8)
    packer = zlib.compressobj(1)
    pixels = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    parts = (_chunk(b"IHDR", header), *chunks, _chunk(b"IDAT", pixels), _chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def inflating_text(size_bytes: int) -> bytes:
    """A PNG chunk of a few kilobytes that is `size_bytes` of text once it is unpacked."""
    packer = zlib.compressobj(9)
    packed = b"".join(packer.compress(b" " * 2**20) for _ in range(size_bytes >> 20))
    return _chunk(b"zTXt", b"Comment\0\0" + packed + packer.flush())


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def jpeg_of_many_scans(side: int, scans: int) -> bytes:
    """A flat progressive JPEG that draws one and the same scan again and again."""
    file = io.BytesIO()
    Image.new("L", (side, side), 128).save(file, "JPEG", progressive=True, optimize=True)
    data = file.getvalue()
    begins = [at.start() for at in re.finditer(b"\xff\xda", data)]
    second = data[begins[1] : data.index(b"\xff\xc4", begins[1])]
    return data[: begins[1]] + second * scans + data[begins[1] :]


# --- raw callers ----------------------------------------------------------------------------------


def port_of(server: Serving) -> int:
    port = server.http.base_url.port
    assert port is not None
    return port


def told(
    server: Serving,
    sent: bytes,
    *,
    within_s: float = 20.0,
    ends: bool = True,
    answers: int | None = None,
) -> bytes:
    """What the server answers to these very bytes, up to its end or to so many heads.

    Or until it has said nothing for `within_s`.
    """
    with socket.create_connection(("127.0.0.1", port_of(server)), timeout=within_s) as caller:
        caller.sendall(sent)
        if ends:
            caller.shutdown(socket.SHUT_WR)
        heard = b""
        try:
            while part := caller.recv(65536):
                heard += part
                if answers is not None and heard.count(b"HTTP/1.1 ") >= answers:
                    break
        except TimeoutError:
            pass
        return heard


# --- hostile hosts --------------------------------------------------------------------------------


class TricksterHost(http.server.ThreadingHTTPServer):
    """A picture host that never comes to an end: `/drip` byte by byte, `/endless` at full speed."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _TricksterHandler)
        self.is_over = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _TricksterHandler(http.server.BaseHTTPRequestHandler):
    server: TricksterHost

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("content-type", "image/png")
        self.end_headers()
        piece, pause_s = (b"\x89", 0.5) if self.path == "/drip" else (b"\xff\xd8\xff" * 20_000, 0)
        try:
            while not self.server.is_over.wait(pause_s):
                self.wfile.write(piece)
        except ConnectionError:
            return  # the server has had enough, as it should

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  - inherited name
        """Say nothing."""


@contextmanager
def trickster_host() -> Iterator[TricksterHost]:
    with TricksterHost() as host:
        thread = threading.Thread(target=host.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield host
        finally:
            host.is_over.set()
            host.shutdown()
            thread.join()
