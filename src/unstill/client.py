"""A small client of any unstill server: what `unstill generate` and the demo speak.

It writes against the documented requests only, so that what it shows is what any client gets.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx2

from unstill.errors import UpstreamError

POLL_S = 0.5
ANSWER_TIMEOUT_S = 60.0
_PENDING = frozenset({"queued", "in_progress"})


class ServerRefused(UpstreamError):
    """The server's own words for what it could not do."""

    code = "server_refused"


class Client:
    """One server, one key."""

    def __init__(self, server: str, *, key: str | None = None) -> None:
        headers = {"authorization": f"Bearer {key}"} if key else {}
        self._http = httpx2.Client(
            base_url=server.rstrip("/"), headers=headers, timeout=ANSWER_TIMEOUT_S
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._http.close()

    def ask(self, method: str, path: str, body: object = None) -> tuple[Any, Mapping[str, str]]:
        """The JSON answer and its headers; raises ServerRefused."""
        answer = self._send(method, path, json=body)
        return answer.json(), answer.headers

    def create(self, fields: Mapping[str, str], pictures: Mapping[str, Path]) -> dict[str, Any]:
        """POST /v1/videos as a form; raises ServerRefused."""
        files = {name: (path.name, path.read_bytes()) for name, path in pictures.items()}
        return dict(self._send("POST", "/v1/videos", data=dict(fields), files=files).json())

    def wait(self, video_id: str, progress: Callable[[int], None]) -> dict[str, Any]:
        """Poll until the video is there; `progress` is told percents. Raises ServerRefused."""
        while True:
            video, _ = self.ask("GET", f"/v1/videos/{video_id}")
            progress(video["progress"])
            if video["status"] not in _PENDING:
                break
            time.sleep(POLL_S)
        if video["status"] != "completed":
            error = video.get("error") or {}
            raise ServerRefused(f"{error.get('code')}: {error.get('message')}")
        return dict(video)

    def download(self, path: str, out: Path) -> int:
        """Write a finished video to `out`; the bytes written. Raises ServerRefused."""
        part = out.with_name(out.name + ".part")
        try:
            with self._http.stream("GET", path) as answer:
                if answer.status_code != httpx2.codes.OK:
                    answer.read()
                    raise ServerRefused(_reason(answer))
                with part.open("wb") as file:
                    for chunk in answer.iter_bytes():
                        file.write(chunk)
        except httpx2.HTTPError as error:
            raise ServerRefused(f"{self._http.base_url} broke off: {error}") from error
        part.replace(out)
        return out.stat().st_size

    def _send(self, method: str, path: str, **content: Any) -> httpx2.Response:
        try:
            answer = self._http.request(method, path, **content)
        except httpx2.HTTPError as error:
            reason = f"{self._http.base_url} does not answer: {error}; is the server running?"
            raise ServerRefused(reason) from error
        if answer.is_error:
            raise ServerRefused(_reason(answer))
        return answer


def _reason(answer: httpx2.Response) -> str:
    try:
        return str(answer.json()["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return f"the server answered {answer.status_code}"
