"""Calls by hand to each kind of upstream: a good submit, a poll, a download."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Mapping
from typing import Any

import httpx2

from support.emulator_process import Emulator
from support.servers import PHOTOS

PICTURE = "https://example.com/cat.png"
CHELSEA = (PHOTOS / "chelsea.jpg").read_bytes()
CHELSEA_URL = f"data:image/jpeg;base64,{b64encode(CHELSEA).decode()}"
ASYNC = {"x-dashscope-async": "enable"}
SYNTHESIS = "/api/v1/services/aigc/video-generation/video-synthesis"
KEYFRAMES = "/api/v1/services/aigc/image2video/video-synthesis"
VLLM_MODEL = "Wan-AI/Wan2.2-I2V-A14B-Diffusers"

Submit = Callable[[Emulator, str], httpx2.Response]


def submit_dashscope(emulator: Emulator, prompt: str) -> httpx2.Response:
    body = wan27(input={"prompt": prompt, "media": [{"type": "first_frame", "url": PICTURE}]})
    return emulator.http.post(SYNTHESIS, json=body, headers=ASYNC)


def submit_modelverse(emulator: Emulator, prompt: str) -> httpx2.Response:
    body = {
        "model": "Wan-AI/Wan2.2-I2V",
        "input": {"first_frame_url": PICTURE, "prompt": prompt},
        "parameters": {"resolution": "720P", "duration": 5},
    }
    return emulator.http.post("/v1/tasks/submit", json=body)


def submit_openai(emulator: Emulator, prompt: str) -> httpx2.Response:
    return emulator.http.post(
        "/v1/videos",
        json={"model": "sora-2", "prompt": prompt, "input_reference": {"image_url": PICTURE}},
    )


def submit_unified(emulator: Emulator, prompt: str) -> httpx2.Response:
    return emulator.http.post("/v1/videos", json=unified(prompt=prompt))


def submit_sglang(emulator: Emulator, prompt: str) -> httpx2.Response:
    body = {"prompt": prompt, "input_reference": PICTURE, "seconds": 5}
    return emulator.http.post("/v1/videos", json=body)


def submit_vllm_omni(emulator: Emulator, prompt: str) -> httpx2.Response:
    return emulator.http.post(
        "/v1/videos",
        data={"prompt": prompt, "seconds": "5"},
        files={"input_reference": ("a.jpg", CHELSEA, "image/jpeg")},
    )


SUBMITS: Mapping[str, Submit] = {
    "dashscope": submit_dashscope,
    "modelverse": submit_modelverse,
    "openai": submit_openai,
    "unified": submit_unified,
    "sglang": submit_sglang,
    "vllm-omni": submit_vllm_omni,
}
DONE = {
    "dashscope": "SUCCEEDED",
    "modelverse": "Success",
    "openai": "completed",
    "unified": "SUCCESS",
    "sglang": "completed",
    "vllm-omni": "completed",
}


def wan27(**changes: Any) -> dict[str, Any]:
    body: dict[str, Any] = {
        "model": "wan2.7-i2v",
        "input": {"prompt": "a cat", "media": [{"type": "first_frame", "url": PICTURE}]},
        "parameters": {"resolution": "720P", "duration": 5},
    }
    return body | changes


def unified(**changes: Any) -> dict[str, Any]:
    picture = {"type": "image_url", "image_url": {"url": PICTURE}}
    body: dict[str, Any] = {
        "model": "wan2.7-i2v",
        "prompt": "a cat",
        "size": "1280x720",
        "seconds": "5",
        "input_reference": {"content": [picture]},
    }
    return body | changes


def submitted(emulator: Emulator, prompt: str = "a cat") -> str:
    """The id of a new job."""
    answer = SUBMITS[emulator.kind](emulator, prompt)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    return str(body["output"]["task_id"] if "output" in body else body["id"])


def polled(emulator: Emulator, job_id: str) -> httpx2.Response:
    match emulator.kind:
        case "dashscope":
            return emulator.http.get(f"/api/v1/tasks/{job_id}")
        case "modelverse":
            return emulator.http.get("/v1/tasks/status", params={"task_id": job_id})
        case _:
            return emulator.http.get(f"/v1/videos/{job_id}")


def word(answer: httpx2.Response) -> str:
    body = answer.json()
    return str(body["output"]["task_status"] if "output" in body else body["status"])


def fetched(emulator: Emulator, job_id: str) -> httpx2.Response:
    match emulator.kind:
        case "dashscope":
            url = polled(emulator, job_id).json()["output"]["video_url"]
            return httpx2.get(url)
        case "modelverse":
            url = polled(emulator, job_id).json()["output"]["urls"][0]
            return httpx2.get(url)
        case _:
            return emulator.http.get(f"/v1/videos/{job_id}/content")
