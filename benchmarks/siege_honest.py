"""An honest caller beside a siege: `python -m benchmarks.siege_honest URL KEY JOB SECONDS`.

Polls 30 times and submits 3 times a second, each call on a fresh connection and at its own time,
whether the one before it was answered or not. Prints one line of JSON: milliseconds by kind; a call
without a good answer within 10 s counts as 10 s, and as failed, by what came instead.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from base64 import b64encode
from collections import Counter
from io import BytesIO
from typing import NamedTuple

import uvloop
from PIL import Image

POLLS_PER_S, SUBMITS_PER_S = 30, 3
WITHIN_S = 10.0
GOOD = b"HTTP/1.1 200 "


def picture() -> str:
    file = BytesIO()
    Image.linear_gradient("L").resize((480, 320)).convert("RGB").save(file, "JPEG")
    return b64encode(file.getvalue()).decode()


def submit_body(picture_text: str) -> bytes:
    given = {"first_frame_url": picture_text, "prompt": "push in"}
    return json.dumps({"model": "wan2.7-i2v", "input": given}).encode()


def request(method: str, path: str, key: str, body: bytes = b"", *, host: str = "x") -> bytes:
    lines = [
        f"{method} {path} HTTP/1.1",
        f"Host: {host}",
        f"Authorization: Bearer {key}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        "Connection: close",
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


async def call(host: str, port: int, sent: bytes) -> bytes:
    """The whole answer; raises OSError or TimeoutError."""
    async with asyncio.timeout(WITHIN_S):
        reader, writer = await asyncio.open_connection(host, port)
        try:
            writer.write(sent)
            return await reader.read(-1)
        finally:
            writer.close()


class CallOutcome(NamedTuple):
    answer: bytes  # empty where it was no good one
    fault: str  # what came instead; empty where it was good
    took_ms: float


async def outcome_of(host: str, port: int, sent: bytes) -> CallOutcome:
    begun_s, answer = time.perf_counter(), b""
    try:
        answer = await call(host, port, sent)
    except TimeoutError:
        fault = "late"
    except OSError as error:
        fault = type(error).__name__
    else:
        fault = "" if answer.startswith(GOOD) else answer[9:12].decode("latin-1") or "nothing"
    took_s = WITHIN_S if fault else time.perf_counter() - begun_s
    return CallOutcome(b"" if fault else answer, fault, took_s * 1000)


class Honest:
    """What it asked, and how long each answer took."""

    def __init__(self, url: str, key: str, job_id: str) -> None:
        host, port = url.removeprefix("http://").split(":")
        self._at = host, int(port)
        own = f"{host}:{port}"
        self._poll = request("GET", f"/v1/videos/{job_id}", key, host=own)
        self._submit = request("POST", "/v1/tasks/submit", key, submit_body(picture()), host=own)
        self.took_ms: dict[str, list[float]] = {"poll": [], "submit": []}
        self.failed: Counter[str] = Counter()

    async def run(self, seconds: float) -> None:
        begun_s = time.perf_counter()
        async with asyncio.TaskGroup() as calls:
            for n in range(int(seconds * POLLS_PER_S)):
                await asyncio.sleep(begun_s + n / POLLS_PER_S - time.perf_counter())
                calls.create_task(self._one("poll", self._poll))
                if n % (POLLS_PER_S // SUBMITS_PER_S) == 0:
                    calls.create_task(self._one("submit", self._submit))

    async def _one(self, kind: str, sent: bytes) -> None:
        _, fault, took_ms = await outcome_of(*self._at, sent)
        self.took_ms[kind].append(took_ms)
        if fault:
            self.failed[fault] += 1


def main() -> None:
    url, key, job_id, seconds = sys.argv[1:]
    honest = Honest(url, key, job_id)
    uvloop.run(honest.run(float(seconds)))
    print(json.dumps({**honest.took_ms, "failed": honest.failed}))


if __name__ == "__main__":
    main()
