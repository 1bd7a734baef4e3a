"""Comfy Router: a request that it can serve, and how it is called by hand."""

from __future__ import annotations

import httpx2

from support.emulator_process import Emulator
from support.kind_rows import PICTURE, ByHand, Row
from support.kinds.dashscope import wan27
from support.requests import WAN27
from support.upstream_requests import request

COMFY_REQUESTS = "/v2/models/wan/wan2.7-i2v/requests"


def submit(emulator: Emulator, prompt: str) -> httpx2.Response:
    body = wan27(input={"prompt": prompt, "media": [{"type": "first_frame", "url": PICTURE}]})
    return emulator.http.post(COMFY_REQUESTS, json=body)


ROW = Row(request(WAN27, duration_s=2), "", cancels=True)
BY_HAND = ByHand(
    submit,
    "COMPLETED",
    poll=f"{COMFY_REQUESTS}/{{id}}/status",
    id_at="request_id",
    failed="COMPLETED",  # with the kind of its error beside it
    link_at="output.video_url",
    result=f"{COMFY_REQUESTS}/{{id}}",
)
