"""Real servers for tests: unstill itself in a process of its own, and a host of pictures."""

from __future__ import annotations

import os
import signal
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx2

from support.fork_server import Process, begun
from support.quoted import assert_quotes_its_request
from unstill.system.installed import note

PHOTOS = Path(__file__).parents[2] / "photos"
MOVED_CLOCK = Path(__file__).parents[2] / "benchmarks" / "moved_clock.py"
LOOPBACK_ALLOWED = {"UNSTILL_ALLOW_NETWORKS": "127.0.0.0/8,::1/128"}
ENDED = frozenset({"Success", "Failure", "SUCCESS", "FAILURE", "completed", "failed"})


class Serving:
    """`unstill serve` on a free port; its data folder may outlive it."""

    def __init__(
        self,
        data_dir: Path,
        *,
        environment: Mapping[str, str] = LOOPBACK_ALLOWED,
        config: str | None = None,
        clock: Path | None = None,
        is_tried: bool = True,
        forks: bool = True,
    ) -> None:
        """`config` is the text of an unstill.toml; `clock` the file of a `MovedClock`.

        is_tried: the server knows that this installation makes videos, and does not try it.
        forks: as `begun` has it.
        """
        self.data_dir = data_dir
        self._environment = dict(environment)
        self._config = config
        self._clock = clock
        self._is_tried = is_tried
        self._forks = forks
        self._log_at_end = ""
        self._log = tempfile.TemporaryFile("w+")  # noqa: SIM115  - closed by `end`
        self.process = self._start()
        self.http = httpx2.Client(
            base_url=self._address(),
            timeout=60,
            event_hooks={"response": [assert_quotes_its_request]},
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.end()

    @property
    def url(self) -> str:
        return str(self.http.base_url).rstrip("/")

    @property
    def log(self) -> str:
        """What the server has written to stderr so far."""
        if self._log.closed:
            return self._log_at_end
        self._log.seek(0)
        return self._log.read()

    def _start(self) -> Process:
        self.data_dir.mkdir(parents=True, exist_ok=True)
        if self._is_tried:
            note(self.data_dir)
        command = ["-m", "unstill", "serve", "--port", "0"]
        if self._clock is not None:
            command = [str(MOVED_CLOCK), str(self._clock)]
        command += ["--data-dir", str(self.data_dir)]
        if self._config is not None:
            file = self.data_dir / "unstill.toml"
            file.write_text(self._config)
            command += ["--config", str(file)]
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("UNSTILL_")}
        return begun(
            command,
            environment=inherited | self._environment,
            folder=self.data_dir,
            log=self._log,
            forks=self._forks,
        )

    def _address(self) -> str:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert " is ready at " in line, self.log
        return line.split(" is ready at ")[1].split()[0]

    def kill(self) -> None:
        """kill -9: no goodbye."""
        self._end_with(signal.SIGKILL)

    def end(self) -> int:
        """SIGTERM and wait; the exit status."""
        return self._end_with(signal.SIGTERM)

    def _end_with(self, sent: signal.Signals) -> int:
        self.http.close()
        if self.process.poll() is None:
            self.process.send_signal(sent)
        status = self.process.wait(timeout=40)
        if self.process.stdout is not None:
            self.process.stdout.close()
        if not self._log.closed:
            self._log_at_end = self.log
            self._log.close()
        return status

    def submit(self, body: object) -> str:
        """POST /v1/tasks/submit; the task's id."""
        answer = self.http.post("/v1/tasks/submit", json=body)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["output"]["task_id"])

    def status(self, task_id: str) -> dict[str, Any]:
        answer = self.http.get("/v1/tasks/status", params={"task_id": task_id})
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def wait(self, task_id: str, *, within_s: float = 60.0) -> dict[str, Any]:
        """Poll the task until it has ended."""
        deadline = time.monotonic() + within_s
        while True:
            status = self.status(task_id)
            if status["output"]["task_status"] in ENDED:
                return status
            assert time.monotonic() < deadline, (status, self.log)
            time.sleep(0.1)


class PictureHost(ThreadingHTTPServer):
    """Serves the photos, and whatever a test puts into `pages`: path -> (status, headers, body)."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _PictureHandler)
        self.pages: dict[str, tuple[int, dict[str, str], bytes]] = {}
        self.asked: list[str] = []  # paths, in the order they were asked for

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _PictureHandler(BaseHTTPRequestHandler):
    server: PictureHost

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        self.server.asked.append(path)
        status, headers, body = self.server.pages.get(path) or self._photo(path)
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _photo(self, path: str) -> tuple[int, dict[str, str], bytes]:
        photo = PHOTOS / path.lstrip("/")
        if photo.parent != PHOTOS or not photo.is_file():
            return 404, {}, b"not here"
        return 200, {"content-type": "image/jpeg"}, photo.read_bytes()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  - inherited name
        """Say nothing."""


@contextmanager
def picture_host() -> Iterator[PictureHost]:
    with PictureHost() as host:
        thread = threading.Thread(target=host.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield host
        finally:
            host.shutdown()
            thread.join()
