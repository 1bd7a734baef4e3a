"""fal: a request that it can serve, and how it is called by hand."""

from __future__ import annotations

import httpx2

from support.emulator_process import Emulator
from support.kind_rows import PICTURE, ByHand, Row
from support.requests import WAN27
from support.upstream_requests import request


def submit(emulator: Emulator, prompt: str) -> httpx2.Response:
    body = {"image_url": PICTURE, "prompt": prompt, "duration": 5, "resolution": "720p"}
    return emulator.http.post("/fal-ai/wan/v2.7/image-to-video", json=body)


ROW = Row(request(WAN27, duration_s=2), "", cancels=True)
BY_HAND = ByHand(
    submit,
    "COMPLETED",
    poll="/fal-ai/wan/requests/{id}/status",
    id_at="request_id",
    failed="COMPLETED",  # with an error beside it
    link_at="video.url",
    result="/fal-ai/wan/requests/{id}",
)
