"""A /v1/videos server that writes as gateways do: the prompt's first word says how."""

from __future__ import annotations

import gzip
import json
import re
import threading
from collections.abc import Callable, Mapping
from fractions import Fraction
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from types import TracebackType
from typing import Any, Self

import av
import numpy as np

Body = Mapping[str, Any] | bytes
Content = tuple[int, dict[str, str], bytes]  # status, headers, body
BALANCE = {"error": {"code": "insufficient_quota", "message": "balance too low"}}


@cache
def an_mp4(duration_s: float = 4.0) -> bytes:
    """A small whole video."""
    file = BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=24)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        stream.time_base = Fraction(1, 24)
        for number in range(round(24 * duration_s)):
            shade = np.full((64, 64, 3), number % 256, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(shade)))
        container.mux(stream.encode(None))
    return file.getvalue()


def job(ticket: str, **fields: object) -> dict[str, Any]:
    return {"id": ticket, "object": "video", "status": "completed", "error": None} | fields


class Gateway(ThreadingHTTPServer):
    """`submits`, `polls` and `contents` say what is answered, by word; else it is what is usual."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.submits: dict[str, Callable[[str], Body]] = {}
        self.polls: dict[str, Callable[[str], Body]] = {}
        self.statuses: dict[str, int] = {}  # answers to submits have it, by word
        # Of the how-manieth time that the content of a job is asked for.
        self.contents: dict[str, Callable[[int], Content]] = {}
        self.jobs: dict[str, str] = {}  # word by ticket
        self.fetches: dict[str, int] = {}  # by ticket
        self.lock = threading.Lock()
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.shutdown()
        self.server_close()

    def ticket_of(self, word: str) -> str:
        """What the job has that was submitted with this word."""
        return next(ticket for ticket, said in self.jobs.items() if said == word)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: Gateway
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        found = re.search(rb'name="prompt"\r\n\r\n(\S+)', body)
        assert found is not None
        word = found[1].decode()
        with self.server.lock:
            ticket = f"v_{len(self.server.jobs)}"
            self.server.jobs[ticket] = word
        say = self.server.submits.get(word)
        said = job(ticket, status="queued") if say is None else say(ticket)
        location = {"Location": f"{self.server.url}/v1/videos/{ticket}"}
        self._say(said, self.server.statuses.get(word, 200), location)

    def do_GET(self) -> None:
        if self.path == "/files/v.mp4":
            self._say(an_mp4())
            return
        _, _, _, ticket, *rest = self.path.split("/")
        word = self.server.jobs[ticket]
        if not rest:
            self._say(self.server.polls.get(word, job)(ticket))
            return
        with self.server.lock:
            count = self.server.fetches[ticket] = self.server.fetches.get(ticket, 0) + 1
        content = self.server.contents.get(word)
        status, headers, body = (200, {}, an_mp4()) if content is None else content(count)
        self._say(body, status, headers)

    def _say(self, body: Body, status: int = 200, headers: Mapping[str, str] = {}) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  - inherited name
        pass


def gzipped() -> Content:
    return 200, {"Content-Encoding": "gzip"}, gzip.compress(an_mp4())


def refused(status: int, code: str) -> Content:
    return status, {}, json.dumps({"error": {"code": code, "message": code}}).encode()
