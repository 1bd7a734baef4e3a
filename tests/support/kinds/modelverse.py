"""Modelverse: a request that it can serve, and how it is called by hand."""

from __future__ import annotations

import httpx2

from support.emulator_process import Emulator
from support.kind_rows import PICTURE, ByHand, Row
from support.requests import WAN22
from support.upstream_requests import request


def submit(emulator: Emulator, prompt: str) -> httpx2.Response:
    body = {
        "model": "Wan-AI/Wan2.2-I2V",
        "input": {"first_frame_url": PICTURE, "prompt": prompt},
        "parameters": {"resolution": "720P", "duration": 5},
    }
    return emulator.http.post("/v1/tasks/submit", json=body)


ROW = Row(request(WAN22))
BY_HAND = ByHand(
    submit,
    "Success",
    poll="/v1/tasks/status?task_id={id}",
    id_at="output.task_id",
    word_at="output.task_status",
    failed="Failure",
    link_at="output.urls.0",
)
