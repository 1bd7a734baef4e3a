"""Runware: a request that it can serve, and how it is called by hand."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import httpx2

from support.emulator_process import Emulator
from support.kind_rows import PICTURE, ByHand, Row
from support.requests import WAN27
from support.upstream_requests import request


def runware(**changes: Any) -> dict[str, Any]:
    task: dict[str, Any] = {
        "taskType": "videoInference",
        "taskUUID": str(uuid4()),
        "model": "alibaba:wan@2.7",
        "deliveryMethod": "async",
        "duration": 5,
        "includeCost": True,
        "inputs": {"frameImages": [{"image": PICTURE, "frame": "first"}]},
    }
    return task | changes


def submit(emulator: Emulator, prompt: str) -> httpx2.Response:
    return emulator.http.post("/v1", json=[runware(positivePrompt=prompt)])


ROW = Row(request(WAN27, duration_s=2), asks_together=True)
BY_HAND = ByHand(
    submit,
    "success",
    poll="/v1",
    id_at="data.0.taskUUID",
    word_at="data.0.status",
    failed="",  # it is among the errors
    link_at="data.0.videoURL",
    poll_task="getResponse",
    lost_word="",
)
