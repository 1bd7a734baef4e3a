"""A small client of any unstill server: what `unstill generate` and the demo speak.

It writes against the documented requests only, so that what it shows is what any client gets.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import unquote

import httpx2

from unstill import USER_AGENT
from unstill.domain.errors import BadSetting, UpstreamError

WAIT_S = 30  # for the next change; well within the time-out
POLL_S = 0.5  # at a server that does not know `wait`
ANSWER_TIMEOUT_S = 60.0
_PENDING = frozenset({"queued", "in_progress"})


class ServerRefused(UpstreamError):
    """The server's own words for what it could not do."""

    code = "server_refused"


class Client:
    """One server, one key."""

    def __init__(self, server: str, *, key: str | None = None) -> None:
        headers = {"user-agent": USER_AGENT}
        if key:
            headers["authorization"] = f"Bearer {key}"
        address = server if "://" in server else f"http://{server}"
        try:
            self._http = httpx2.Client(
                base_url=address.rstrip("/"), headers=headers, timeout=ANSWER_TIMEOUT_S
            )
        except (httpx2.InvalidURL, ValueError) as error:
            # The key is in none of this: a header that cannot be sent is named without its value.
            raise BadSetting("--server or --api-key", "cannot be sent like this") from error

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
        return _json(answer), answer.headers

    def create(
        self, fields: Mapping[str, str], pictures: Mapping[str, Path]
    ) -> tuple[dict[str, Any], frozenset[str]]:
        """POST /v1/videos as a form: the video, and the fields that had no effect.

        Raises ServerRefused, or BadSetting for a picture that cannot be read.
        """
        files = {name: (path.name, picture(path)) for name, path in pictures.items()}
        answer = self._send("POST", "/v1/videos", data=dict(fields), files=files)
        ignored = answer.headers.get("x-unstill-ignored", "").split(", ")
        return dict(_json(answer)), frozenset(ignored)

    def wait(
        self, video_id: str, progress: Callable[[int], None]
    ) -> tuple[dict[str, Any], tuple[str, ...]]:
        """Ask until the video is there: the video, and the words of its prompt without effect.

        `progress` is told percents. Raises ServerRefused.
        """
        earlier = None
        while True:
            asked_s = time.monotonic()
            video, headers = self.ask("GET", f"/v1/videos/{video_id}?wait={WAIT_S}")
            progress(video["progress"])
            if video["status"] not in _PENDING:
                break
            if video == earlier:
                time.sleep(max(0.0, asked_s + POLL_S - time.monotonic()))
            earlier = video
        if video["status"] != "completed":
            error = video.get("error") or {}
            raise ServerRefused(f"{error.get('code')}: {error.get('message')}")
        unheard = headers.get("x-unstill-unheard", "")
        return dict(video), tuple(unquote(each) for each in unheard.split(", ") if each)

    def download(self, path: str, out: Path) -> int:
        """Write a finished video to `out`; the bytes written. Raises ServerRefused, BadSetting."""
        try:
            # It may be in a bucket of the server's (docs/files.md), which is told no key.
            with self._http.stream("GET", path, follow_redirects=True) as answer:
                if answer.status_code != httpx2.codes.OK:
                    answer.read()
                    raise ServerRefused(_reason(answer))
                with out.open("wb") as file:
                    for chunk in answer.iter_bytes():
                        file.write(chunk)
            return out.stat().st_size
        except httpx2.HTTPError as error:
            raise ServerRefused(f"{self._http.base_url} broke off: {error}") from error
        except OSError as error:
            raise BadSetting(str(out), f"cannot be written: {error.strerror}") from error

    def _send(self, method: str, path: str, **content: Any) -> httpx2.Response:
        try:
            answer = self._http.request(method, path, **content)
        except httpx2.HTTPError as error:
            reason = f"{self._http.base_url} does not answer: {error}; is the server running?"
            raise ServerRefused(reason) from error
        if answer.is_error:
            raise ServerRefused(_reason(answer))
        return answer


def picture(path: Path) -> bytes:
    """A picture's bytes; raises BadSetting."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadSetting(str(path), f"cannot be read: {error.strerror}") from error


def _json(answer: httpx2.Response) -> Any:
    try:
        return answer.json()
    except ValueError as error:
        raise ServerRefused(f"{answer.url} did not answer in JSON: is it unstill?") from error


def _reason(answer: httpx2.Response) -> str:
    try:
        return str(answer.json()["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return f"the server answered {answer.status_code}"
