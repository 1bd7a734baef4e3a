"""OpenRouter: a request that it can serve, and how it is called by hand."""

from __future__ import annotations

import httpx2

from support.emulator_process import Emulator
from support.kind_rows import PICTURE, ByHand, Row
from support.requests import WAN27
from support.upstream_requests import request


def submit(emulator: Emulator, prompt: str) -> httpx2.Response:
    frame = {"type": "image_url", "image_url": {"url": PICTURE}, "frame_type": "first_frame"}
    body = {"model": "alibaba/wan-2.7", "prompt": prompt, "frame_images": [frame], "duration": 5}
    return emulator.http.post("/api/v1/videos", json=body)


ROW = Row(request(WAN27, duration_s=2), "/api/v1", has_links=False)
BY_HAND = ByHand(
    submit,
    "completed",
    poll="/api/v1/videos/{id}",
    link_at="unsigned_urls.0",
    is_signed=False,
)
