"""Create calls in DashScope's way, and what is answered."""

from __future__ import annotations

import base64
import time
from typing import Any

import httpx2

from support.servers import PHOTOS, Serving

CREATE = "/api/v1/services/aigc/video-generation/video-synthesis"
ASYNC = {"X-DashScope-Async": "enable"}
RESOLVE = ASYNC | {"X-DashScope-OssResourceResolve": "enable"}
A, B = ({"Authorization": f"Bearer sk-{name}"} for name in "ab")
PHOTO = (PHOTOS / "chelsea.jpg").read_bytes()
INLINE = "data:image/jpeg;base64," + base64.b64encode(PHOTO).decode()


def body(picture: str = INLINE, **parameters: object) -> dict[str, Any]:
    return {
        "model": "wan2.7-i2v",
        "input": {"prompt": "push in", "img_url": picture},
        "parameters": {"size": "320*256", "duration": 2} | parameters,
    }


def create(server: Serving, sent: object, headers: dict[str, str] = ASYNC) -> str:
    answer = server.http.post(CREATE, json=sent, headers=headers)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["output"]["task_id"])


def refusal(answer: httpx2.Response) -> tuple[int, str]:
    """Status and code of a refusal, which is flat and has the answer's own id."""
    said = answer.json()
    assert said.keys() == {"code", "message", "request_id"}
    assert said["request_id"] == answer.headers["x-request-id"]
    assert said["message"]
    return answer.status_code, said["code"]


def ended(server: Serving, task_id: str, headers: dict[str, str] | None = None) -> dict[str, Any]:
    deadline = time.monotonic() + 60
    while True:
        said = server.http.get(f"/api/v1/tasks/{task_id}", headers=headers).json()
        if said["output"]["task_status"] not in {"PENDING", "RUNNING"}:
            return dict(said)
        assert time.monotonic() < deadline, server.log
        time.sleep(0.1)
