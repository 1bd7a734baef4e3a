"""A gateway with the unified videos: a request that it can serve, and how it is called by hand."""

from __future__ import annotations

from typing import Any

import httpx2

from support.emulator_process import Emulator
from support.kind_rows import PICTURE, ByHand, Row
from support.requests import WAN27
from support.upstream_requests import request


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


def submit(emulator: Emulator, prompt: str) -> httpx2.Response:
    return emulator.http.post("/v1/videos", json=unified(prompt=prompt))


ROW = Row(request(WAN27, duration_s=2), has_links=False, looks_at_frames=False)
BY_HAND = ByHand(submit, "SUCCESS", failed="FAILURE")
